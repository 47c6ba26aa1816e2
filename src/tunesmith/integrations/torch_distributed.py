"""One trial in all processes of ``torchrun``: rank 0 asks and reports, and the others do as it says."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

import torch.distributed as dist

from tunesmith.epochs import Epochs, random_state
from tunesmith.space import Parameter
from tunesmith.trial import Trial

__all__ = ["DistributedTrial"]


class DistributedTrial:
    """A trial that several processes run together, as ``torchrun`` or ``torch.multiprocessing`` starts them.

    All processes call the same methods in the same order. Rank 0 has the trial; parameters, the decision to stop, and
    errors are broadcast, so that nobody waits for one who has left. ``torch.distributed`` must be initialised.

    Args:
        trial: the running trial in rank 0; None in the other ranks.
        group: the process group; None: all processes.

    Attributes:
        trial: the trial in rank 0, which the study is told of; None in the others.

    Raises:
        RuntimeError: there is no process group.
        ValueError: rank 0 has no trial, or another rank has one.
    """

    def __init__(self, trial: Trial | None, group: Any = None) -> None:
        if not (dist.is_available() and dist.is_initialized()):
            raise RuntimeError(
                "DistributedTrial needs a process group: call torch.distributed.init_process_group in all processes"
            )
        self.trial = trial
        self._group = group
        self._rank = dist.get_rank(group)
        has: list[Any] = [None] * dist.get_world_size(group)
        dist.all_gather_object(has, trial is not None, group=group)
        if has != [True] + [False] * (len(has) - 1):  # all of them know, and raise
            raise ValueError(
                "DistributedTrial: rank 0 gives its trial, all others None; a trial was given by rank "
                f"{', '.join(str(rank) for rank, there in enumerate(has) if there) or 'none'}"
            )
        self._loop: Epochs | None = None

    # -- parameters ----------------------------------------------------------------------------------------------

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return the value of a parameter, the same in all ranks.

        Args:
            name: as in `tunesmith.Trial.suggest_float`, like the rest.
            low: the lowest value.
            high: the highest.
            step: between values.
            log: whether factors count.

        Returns:
            The value.
        """
        return float(self._shared(lambda trial: trial.suggest_float(name, low, high, step=step, log=log)))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return the value of a parameter, the same in all ranks.

        Args:
            name: as in `tunesmith.Trial.suggest_int`, like the rest.
            low: the lowest value.
            high: the highest.
            step: between values.
            log: whether factors count.

        Returns:
            The value.
        """
        return int(self._shared(lambda trial: trial.suggest_int(name, low, high, step=step, log=log)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return the value of a parameter, the same in all ranks.

        Args:
            name: as in `tunesmith.Trial.suggest_categorical`.
            choices: what to choose from.

        Returns:
            The value.
        """
        return self._shared(lambda trial: trial.suggest_categorical(name, choices))

    def suggest(self, name: str, parameter: Parameter) -> Any:
        """Return the value of a parameter, the same in all ranks.

        Args:
            name: as in `tunesmith.Trial.suggest`.
            parameter: what it may be.

        Returns:
            The value.
        """
        return self._shared(lambda trial: trial.suggest(name, parameter))

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters suggested so far, by name."""
        return dict(self._shared(lambda trial: dict(trial.params)))

    @property
    def number(self) -> int:
        """The number of the trial."""
        return int(self._shared(lambda trial: trial.number))

    @property
    def seed(self) -> int:
        """The seed of the trial, the same in all ranks: add the rank where they should differ."""
        return int(self._shared(lambda trial: trial.seed))

    # -- reports and checkpoints ---------------------------------------------------------------------------------

    def report(self, value: float, step: int, cost: float | None = None) -> None:
        """Report how the objective stands after a step: the value of rank 0.

        Average it over the ranks before, where each has a part of the data.

        Args:
            value: the objective's value by now; that of the other ranks is not looked at.
            step: an epoch, from 0.
            cost: as in `tunesmith.Trial.report`.
        """
        if self._loop is not None:
            states: list[Any] | None = [None] * dist.get_world_size(self._group) if self._rank == 0 else None
            dist.gather_object(random_state(), states, dst=self._source(), group=self._group)
            self._loop.gathered = states
        self._shared(lambda trial: trial.report(value, step, cost))

    def should_prune(self) -> bool:
        """Tell whether to stop; all ranks get the same answer."""
        return bool(self._shared(lambda trial: trial.should_prune()))

    @property
    def checkpoint_dir(self) -> Path:
        """The folder of the trial's checkpoint, on the machine of rank 0, where rank 0 writes and all may read."""
        return Path(self._shared(lambda trial: trial.checkpoint_dir))

    @property
    def resumed_from_step(self) -> int | None:
        """The step of the checkpoint that this attempt begins with; None: it begins anew."""
        found: int | None = self._shared(lambda trial: trial.resumed_from_step)
        return found

    def epochs(self, n: int, state: MutableMapping[str, Any] | None = None) -> Iterable[int]:
        """Return the epochs that are left, as `tunesmith.Trial.epochs` does.

        Rank 0 saves its objects, and the random numbers of all ranks; all ranks get them back, on any machine. Without
        anything saved the ranks begin with different random numbers: seed + rank.

        Args:
            n: the last epoch; the first is 1.
            state: objects by name, such as the model and the optimiser; the same names in all ranks.

        Returns:
            The numbers of the epochs, to be iterated over once.
        """
        if state is None:
            return Epochs(n, None, None, self.resumed_from_step or 0, self.seed + self._rank)
        first: list[Epochs] = []  # rank 0's, which the trial saves at each report

        def begin(trial: Trial) -> dict[str, Any] | None:
            first.append(trial.epochs(n, state))
            return first[0].kept

        kept = self._shared(begin)
        seed = self.seed + self._rank
        self._loop = first[0] if first else Epochs(n, state, None, 0, seed, rank=self._rank, kept=kept)
        return self._loop

    def set_user_attr(self, key: str, value: Any) -> None:
        """Set a user attribute: that of rank 0.

        Args:
            key: the attribute's name.
            value: what to keep.
        """
        self._shared(lambda trial: trial.set_user_attr(key, value))

    # -- the parts -----------------------------------------------------------------------------------------------

    def _shared(self, of: Callable[[Trial], Any]) -> Any:
        """Return in all ranks what a call gives in rank 0, or raise in all of them what it raises there."""
        said: list[Any] = [None, None]
        if self.trial is not None:
            try:
                said = [of(self.trial), None]
            except Exception as error:
                said = [None, error if _can_be_sent(error) else RuntimeError(f"{type(error).__name__}: {error}")]
        dist.broadcast_object_list(said, src=self._source(), group=self._group)
        if said[1] is not None:
            raise said[1]
        return said[0]

    def _source(self) -> int:
        return 0 if self._group is None else int(dist.get_global_rank(self._group, 0))


def _can_be_sent(error: Exception) -> bool:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever the error's own pickling may raise
        return False
    return True
