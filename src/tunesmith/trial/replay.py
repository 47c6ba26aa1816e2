"""A record in the place of a running trial: an objective that is called with it runs with the record's parameters."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.space import Choice, Parameter

if TYPE_CHECKING:
    from tunesmith.artifacts.collection import Artifacts


class Replay:
    """What an objective calls of a `tunesmith.Trial`: values come from ``params``, and nothing is kept."""

    __slots__ = ()

    number: int

    @property
    @abstractmethod
    def params(self) -> Mapping[str, Any]:
        """The parameters that were active, by name."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return the trial's value of a parameter.

        Args:
            name: the parameter's name.
            low: not looked at, like the rest.
            high: not looked at.
            step: not looked at.
            log: not looked at.

        Returns:
            The value.

        Raises:
            ValueError: the trial has no such parameter.
        """
        return float(self.suggest(name))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return the trial's value of a parameter.

        Args:
            name: the parameter's name.
            low: not looked at, like the rest.
            high: not looked at.
            step: not looked at.
            log: not looked at.

        Returns:
            The value.

        Raises:
            ValueError: the trial has no such parameter.
        """
        return int(self.suggest(name))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return the trial's value of a parameter.

        Args:
            name: the parameter's name.
            choices: not looked at.

        Returns:
            The value.

        Raises:
            ValueError: the trial has no such parameter.
        """
        return self.suggest(name)

    def suggest(self, name: str, parameter: Parameter | Choice | None = None) -> Any:
        """Return the trial's value of a parameter.

        Args:
            name: the parameter's name.
            parameter: not looked at.

        Returns:
            The value.

        Raises:
            ValueError: the trial has no such parameter.
        """
        params = self.params
        if name not in params:
            has = ", ".join(map(repr, params)) or "none"
            raise ValueError(f"trial {self.number} has no value of the parameter {name!r}; its parameters are: {has}")
        return params[name]

    def report(self, value: float | Iterable[float], step: int, cost: float | None = None) -> None:
        """Do nothing: what a replay reports is not part of the record.

        Args:
            value: dropped.
            step: dropped.
            cost: dropped.
        """

    def epochs(
        self,
        n: int,
        state: MutableMapping[str, Any] | None = None,
        *,
        checkpoint_every: int | str = 1,
        background: bool = False,
    ) -> Iterable[int]:
        """Return all epochs: a replay runs from its beginning to its end, and saves nothing.

        Args:
            n: the last epoch; the first is 1.
            state: not looked at.
            checkpoint_every: not looked at.
            background: not looked at.

        Returns:
            The numbers of the epochs.
        """
        return range(1, n + 1)

    @property
    def checkpoint_dir(self) -> Path:
        """A folder that lasts as long as this process: what a replay saves there is not published."""
        folder = _scratch_folder() / str(self.number)
        folder.mkdir(exist_ok=True)
        return folder

    def checkpoint_due(self, every: int | str = 1) -> bool:
        """Return False: what a replay saves is not published.

        Args:
            every: not looked at.
        """
        return False

    @property
    def resumed_from_step(self) -> None:
        """None: a replay runs from its beginning."""
        return None

    @property
    def seed(self) -> int:
        """A seed that is the same in each replay of this trial; a record does not know that of its study."""
        return int(np.random.SeedSequence([self.number]).generate_state(1)[0])

    def should_prune(self) -> bool:
        """Return False: a replay runs to its end."""
        return False

    def set_user_attr(self, key: str, value: Any) -> None:
        """Do nothing: what a replay notes is not part of the record.

        Args:
            key: dropped.
            value: dropped.
        """

    def set_constraint(self, key: str, value: float) -> None:
        """Do nothing: what a replay measures is not part of the record.

        Args:
            key: dropped.
            value: dropped.
        """

    def set_noise(self, sd: float | Sequence[float]) -> None:
        """Do nothing: what a replay measures is not part of the record.

        Args:
            sd: dropped.
        """

    @property
    def artifacts(self) -> Artifacts:
        """None yet: what a replay saves is dropped. Those of the trial itself are at ``study.artifacts.of(number)``."""
        from tunesmith.artifacts.collection import Artifacts
        from tunesmith.artifacts.scratch import Scratch

        return Artifacts(Scratch(), self.number)


class _Process:
    """Holds a folder until this process ends."""


_process = _Process()


@cache
def _scratch_folder() -> Path:
    from tunesmith.artifacts.scratch import temporary_folder

    return Path(temporary_folder(_process))
