"""What a trial runs: a function of the config, or a `Trainable`."""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
from collections.abc import Iterator, Mapping
from copy import copy
from pathlib import Path
from typing import Any

from tunesmith.compat.ray.names import refuser
from tunesmith.compat.ray.tune.session import (
    DEFAULT_METRIC,
    Checkpoint,
    Plan,
    Session,
    TrialEnds,
    active,
    current,
)
from tunesmith.errors import TrialPruned
from tunesmith.foundation.text import did_you_mean, listing, shown
from tunesmith.trial import Trial

STATE = "dict_checkpoint.pkl"  # a checkpoint that `save_checkpoint` returned as a dict
RESOURCES = "_tune_resources"


class Trainable:
    """A training in steps: subclasses have ``setup`` and ``step``, and ``save_checkpoint`` and ``load_checkpoint``.

    Args:
        config: the config of the trial.

    Attributes:
        config: the same.
    """

    def __init__(self, config: dict[str, Any] | None = None) -> None:
        self.config = dict(config or {})
        self._iteration = 0
        self.setup(dict(self.config))

    def setup(self, config: dict[str, Any]) -> None:
        """Called once, before the first step.

        Args:
            config: the config of the trial.
        """

    def step(self) -> dict[str, Any]:
        """Train for a while; return metrics."""
        raise NotImplementedError(f"{type(self).__name__} needs step(self), which returns a dict of metrics")

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any] | str | None:
        """Save to a folder, or return a dict.

        Args:
            checkpoint_dir: the folder.
        """
        raise NotImplementedError(f"{type(self).__name__} needs save_checkpoint(self, checkpoint_dir)")

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Go on from what `save_checkpoint` saved.

        Args:
            checkpoint: the folder, or the dict.
        """
        raise NotImplementedError(f"{type(self).__name__} needs load_checkpoint(self, checkpoint)")

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Not called: each trial makes an object of its own."""
        return False

    def cleanup(self) -> None:
        """Called at the end, also after an error."""

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> Any:
        """Return what a trial needs; None: a core."""
        return None

    @property
    def iteration(self) -> int:
        """How many steps were made, before a resumption too."""
        return self._iteration

    training_iteration = iteration

    @property
    def trial_id(self) -> str:
        """The trial's id; "default" outside of a trial."""
        session = current()
        return "default" if session is None else session.info.trial_id

    @property
    def trial_name(self) -> str:
        """The trial's name."""
        session = current()
        return "default" if session is None else str(session.info)

    @property
    def logdir(self) -> str | None:
        """The trial's folder."""
        session = current()
        return None if session is None else session.info.path

    def get_config(self) -> dict[str, Any]:
        """Return the config of the trial."""
        return self.config


class PlacementGroupFactory:
    """What a trial needs, as Ray's bundles; here it is their sum.

    Args:
        bundles: dicts of "CPU" and "GPU".
        strategy: without effect.
    """

    def __init__(self, bundles: list[dict[str, float]], strategy: str = "PACK") -> None:
        self.bundles = bundles
        names = {name for bundle in bundles for name in bundle}
        self.required_resources = {name: sum(bundle.get(name, 0) for bundle in bundles) for name in names}


def with_parameters(trainable: Any, **parameters: Any) -> Any:
    """Give a trainable objects beside its config; large arrays are in memory once.

    Args:
        trainable: a function of (config, ...), or a `Trainable` whose ``setup`` takes them.
        **parameters: the objects by name.

    Returns:
        a trainable.
    """
    if not isinstance(trainable, type):
        return functools.update_wrapper(functools.partial(trainable, **parameters), trainable)
    before: Any = trainable.setup  # type: ignore[attr-defined]  # `trainable_of` says where it has none

    def setup(self: Any, config: dict[str, Any]) -> None:
        before(self, config, **parameters)

    return type(trainable.__name__, (trainable,), {"setup": setup})


def with_resources(trainable: Any, resources: Any) -> Any:
    """Say what a trial needs.

    Args:
        trainable: a function or a `Trainable`.
        resources: such as ``{"cpu": 2, "gpu": 1}``, a `PlacementGroupFactory`, or a function of the config.

    Returns:
        a trainable.
    """
    if isinstance(trainable, type):
        return type(trainable.__name__, (trainable,), {RESOURCES: resources})
    made = functools.update_wrapper(functools.partial(trainable), trainable)
    setattr(made, RESOURCES, resources)
    return made


def resources_of(trainable: Any, config: dict[str, Any]) -> dict[str, float]:
    """Return how many cores and GPUs a trial needs, by "cpu" and "gpu".

    Args:
        config: the ``param_space``, for resources that depend on it.

    Raises:
        ValueError: it needs something else.
    """
    given = getattr(trainable, RESOURCES, None)
    if given is None and isinstance(trainable, type) and hasattr(trainable, "default_resource_request"):
        given = trainable.default_resource_request(config)
    if callable(given):
        given = given(config)
    given = getattr(given, "required_resources", given) or {}
    if not isinstance(given, Mapping):
        raise TypeError(f'resources are amounts by name, such as {{"cpu": 2, "gpu": 1}}; got {shown(given)}')
    needs = {name.lower(): float(amount) for name, amount in given.items() if amount}
    if unknown := needs.keys() - {"cpu", "gpu"}:
        raise ValueError(f"a trial can ask for cpu and gpu on this machine; got {listing(sorted(unknown))}")
    return {"cpu": 1.0, **needs} if "gpu" not in needs else needs


# -- names of trainables ----------------------------------------------------------------------------------------------

_registered: dict[str, Any] = {}


def register_trainable(name: str, trainable: Any) -> None:
    """Let ``tune.run(name)`` mean a trainable."""
    _registered[name] = trainable


def trainable_of(given: Any) -> Any:
    """Return the function or class that is meant.

    Raises:
        TypeError: it is none.
    """
    if isinstance(given, str):
        if given not in _registered:
            raise ValueError(
                f"there is no trainable {given!r}{did_you_mean(given, _registered)}; tune.register_trainable makes one "
                "known, and algorithms of RLlib are Ray's own"
            )
        return _registered[given]
    if isinstance(given, type) and not (hasattr(given, "step") and hasattr(given, "setup")):
        raise TypeError(f"a trainable is a function of the config, or a subclass of tune.Trainable; got {shown(given)}")
    if not callable(given):
        raise TypeError(f"a trainable is a function of the config, or a subclass of tune.Trainable; got {shown(given)}")
    return given


# -- a trial --------------------------------------------------------------------------------------------------------


class Objective:
    """Runs a trainable as an objective of this library.

    Args:
        plan: what each trial has to know.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def __call__(self, trial: Trial) -> float | list[float]:
        """Run a trial; return what it is worth."""
        plan = self.plan
        session = Session(trial, plan, plan.space.config(trial))
        plan.tell("on_trial_start", session.info, session.iteration)
        session.info.status = "ERROR"
        try:
            with active(session), _inside(None if plan.threads else session.folder):
                self._run(session)
            session.info.status = "TERMINATED"
        except TrialEnds as end:
            session.info.status = "TERMINATED"
            if end.early:
                raise TrialPruned from None
        finally:
            session.note_result()
            is_over = session.info.status == "TERMINATED"
            plan.tell("on_trial_complete" if is_over else "on_trial_error", session.info, session.iteration)
        return session.values()

    def _run(self, session: Session) -> None:
        trainable, config = self.plan.trainable, copy(session.info.config)
        if isinstance(trainable, type):
            run_steps(session, trainable(config))
            return
        returned = trainable(config)
        if isinstance(returned, Mapping):
            session.report(returned)
        elif returned is not None:
            session.report({DEFAULT_METRIC: returned})


def run_steps(session: Session, trainable: Any) -> None:
    """Make steps until the trial ends, which is told by an exception."""

    def save() -> Checkpoint:
        folder = session.new_folder()
        returned = trainable.save_checkpoint(os.fspath(folder))
        if isinstance(returned, Mapping):
            (folder / STATE).write_bytes(pickle.dumps(dict(returned)))
        return Checkpoint(folder)

    session.saver = save
    try:
        if session.loaded is not None:
            state = Path(session.loaded.path, STATE)
            trainable.load_checkpoint(pickle.loads(state.read_bytes()) if state.exists() else session.loaded.path)
        trainable._iteration = session.iteration
        while True:
            result = trainable.step()
            trainable._iteration += 1
            session.report(result)
    finally:
        trainable.cleanup()


@contextlib.contextmanager
def _inside(folder: Path | None) -> Iterator[None]:
    """Work in a folder, as trials do in Ray; None: where the process is."""
    if folder is None:
        yield
        return
    with contextlib.chdir(folder):
        yield


__getattr__ = refuser(__name__)
