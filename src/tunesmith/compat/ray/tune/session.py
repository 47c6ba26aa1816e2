"""The running trial: ``tune.report``, ``tune.get_checkpoint`` and ``tune.get_context``."""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunesmith.compat.ray.names import refuser
from tunesmith.compat.ray.tune.callback import Callback
from tunesmith.compat.ray.tune.callback import Trial as TrialInfo
from tunesmith.compat.ray.tune.config import CheckpointConfig
from tunesmith.compat.ray.tune.sample import ParamSpace, flattened
from tunesmith.compat.ray.tune.stopper import Stopper
from tunesmith.foundation.storable import storable
from tunesmith.foundation.text import listing, shown
from tunesmith.trial import Trial

TRAINING_ITERATION = "training_iteration"
SHOULD_CHECKPOINT = "should_checkpoint"
DONE = "done"
TRIAL_ID = "trial_id"
TIME_TOTAL_S, TIME_THIS_ITER_S = "time_total_s", "time_this_iter_s"
DEFAULT_METRIC = "_metric"
LAST_RESULT = "last_result"  # the user attribute with what a trial reported last, as it was
POINTER = "ray.json"  # in the checkpoint of a trial of this library: where Ray's own is
FOLDER = "checkpoint_{:06d}"  # of a checkpoint, by its iteration


class Checkpoint:
    """A folder with what is needed to go on.

    Args:
        path: the folder.
        filesystem: None: this machine's.
    """

    def __init__(self, path: str | os.PathLike[str], filesystem: None = None) -> None:
        self.path = os.fspath(path)

    @classmethod
    def from_directory(cls, path: str | os.PathLike[str]) -> Checkpoint:
        """Return the checkpoint that a folder holds; `report` copies it."""
        return cls(path)

    def to_directory(self, path: str | os.PathLike[str] | None = None) -> str:
        """Copy the checkpoint to a folder, a temporary one if none is given; return the folder."""
        target = os.fspath(path) if path is not None else tempfile.mkdtemp(prefix="checkpoint_")
        shutil.copytree(self.path, target, dirs_exist_ok=True)
        return target

    @contextmanager
    def as_directory(self) -> Iterator[str]:
        """Give the folder itself, which is to be read only."""
        yield self.path

    def get_metadata(self) -> dict[str, Any]:
        """Return what `set_metadata` stored."""
        file = Path(self.path, ".metadata.json")
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}

    def set_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Store notes with the checkpoint, as JSON."""
        Path(self.path, ".metadata.json").write_text(json.dumps(dict(metadata)), encoding="utf-8")

    def update_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Add notes to those that it has."""
        self.set_metadata({**self.get_metadata(), **metadata})

    def __repr__(self) -> str:
        return f"Checkpoint(path={self.path})"


class TuneContext:
    """What a trial can ask about itself."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_experiment_name(self) -> str:
        """Return the name of the experiment."""
        return self._session.plan.name

    def get_trial_id(self) -> str:
        """Return the trial's id."""
        return self._session.info.trial_id

    def get_trial_name(self) -> str:
        """Return the trial's name."""
        return str(self._session.info)

    def get_trial_dir(self) -> str:
        """Return the trial's folder."""
        return self._session.info.path

    def get_trial_resources(self) -> dict[str, float]:
        """Return how many cores and GPUs the trial has."""
        return dict(self._session.plan.resources)


class TrialEnds(BaseException):  # which passes ``except Exception`` of the trainable
    """Ends a trainable inside of ``tune.report``.

    Args:
        early: whether the scheduler stops the trial.
    """

    def __init__(self, early: bool) -> None:
        super().__init__("the trial ends")
        self.early = early


@dataclass
class Shared:
    """What trials in threads of one process have in common; each process of its own has an empty one.

    Attributes:
        trials: those that were begun.
        lock: callbacks and stoppers are called under it.
        is_over: whether the whole search ends.
        stop: ends the search.
    """

    trials: dict[int, TrialInfo] = field(default_factory=dict)
    lock: Any = field(default_factory=threading.RLock)
    is_over: bool = False
    stop: Callable[[], None] = lambda: None

    def __reduce__(self) -> Any:
        return Shared, ()


@dataclass
class Plan:
    """What every trial of a search has to know; processes get a copy.

    Attributes:
        trainable: the function or class.
        space: makes a config from a trial.
        folder: of the experiment.
        name: of the experiment.
        run: what ids of trials begin with.
        metrics: the names of those that count; empty: the first that is reported.
        stopper: ends trials.
        callbacks: hear of trials.
        checkpoints: which are made and kept.
        resources: what a trial has.
        max_t: the iteration at which a trial ends; None: none.
        interval: reports between two comparisons of a population; None: there is none.
        deadline: the time at which trials end; None: none.
        threads: whether trials run in threads of one process.
        namer: makes names of trials.
        dirnamer: makes names of their folders.
        shared: what trials of one process have in common.
    """

    trainable: Any
    space: ParamSpace
    folder: Path
    name: str
    run: str
    metrics: tuple[str, ...]
    stopper: Stopper
    callbacks: list[Callback]
    checkpoints: CheckpointConfig
    resources: dict[str, float]
    max_t: int | None
    interval: int | None
    deadline: float | None
    threads: bool
    namer: Callable[[TrialInfo], str] | None
    dirnamer: Callable[[TrialInfo], str] | None
    shared: Shared = field(default_factory=Shared)

    def info(self, number: int, config: dict[str, Any]) -> TrialInfo:
        """Return what callbacks know of a trial."""
        name = getattr(self.trainable, "__name__", type(self.trainable).__name__)
        return TrialInfo(f"{self.run}_{number:05d}", name, config, self.folder, self.namer, self.dirnamer)

    def tell(self, hook: str, info: TrialInfo, iteration: int, **more: Any) -> None:
        """Call a method of all callbacks."""
        with self.shared.lock:
            for callback in self.callbacks:
                getattr(callback, hook)(iteration=iteration, trials=[*self.shared.trials.values()], trial=info, **more)


class Session:
    """A running trial.

    Args:
        trial: of this library.
        plan: what it has to know.
        config: its config.

    Attributes:
        iteration: how often it reported, before a resumption too.
        loaded: the checkpoint that it goes on from; None: it begins anew.
        saver: saves a checkpoint of a `Trainable`; None: the trainable is a function.
        result: what it reported last.
    """

    def __init__(self, trial: Trial, plan: Plan, config: dict[str, Any]) -> None:
        self.trial, self.plan = trial, plan
        self.info = plan.shared.trials[trial.number] = plan.info(trial.number, config)
        self.folder = Path(self.info.path)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.iteration, self.loaded, self.saver = 0, None, None
        self.result: dict[str, Any] = {}
        self._saved: Checkpoint | None = None
        self._scores: dict[str, float] = {}
        self._before = 0.0  # seconds that earlier attempts took
        if trial.attempt > 1 or plan.interval:
            self._resume()
        self._begun = self._last = time.monotonic()

    loaded: Checkpoint | None
    saver: Callable[[], Checkpoint] | None

    def _resume(self) -> None:
        step = self.trial.resumed_from_step
        if step is None:
            return
        at = json.loads((self.trial.checkpoint_dir / POINTER).read_text(encoding="utf-8"))
        self.iteration, self._before, self.result = step, at["seconds"], at["result"]
        self.loaded = Checkpoint(self.plan.folder / at["path"])

    def report(self, metrics: Mapping[str, Any], *, checkpoint: Checkpoint | None = None) -> None:
        """Take a report of the trainable, and end it where that is due."""
        if not isinstance(metrics, Mapping):
            raise TypeError(f'tune.report takes a dict, such as tune.report({{"loss": 0.3}}); got {shown(metrics)}')
        if not isinstance(checkpoint, Checkpoint | None):
            raise TypeError(f"checkpoint is a tune.Checkpoint.from_directory(folder); got {shown(checkpoint)}")
        now, plan = time.monotonic(), self.plan
        self.iteration += 1
        result = {
            **metrics,
            TRAINING_ITERATION: self.iteration,
            TIME_THIS_ITER_S: now - self._last,
            TIME_TOTAL_S: self._before + now - self._begun,
            DONE: metrics.get(DONE, False),
            TRIAL_ID: self.info.trial_id,
        }
        self._last = now
        if plan.callbacks:
            shown_result = {**result, "config": self.info.config, "timestamp": int(time.time())}
            plan.tell("on_trial_result", self.info, self.iteration, result=shown_result)
            result |= {name: value for name, value in shown_result.items() if name not in ("config", "timestamp")}
        ends = self._ends(result)
        self.result = self.info.last_result = result
        config, frequency = plan.checkpoints, plan.checkpoints.checkpoint_frequency or plan.interval
        due = bool(frequency and self.iteration % frequency == 0) or bool(result.get(SHOULD_CHECKPOINT))
        if checkpoint is None and self.saver is not None and (due or (ends and config.checkpoint_at_end)):
            checkpoint = self.saver()
        if checkpoint is not None:
            self._keep(checkpoint, result)
        self.trial.report(self._numbers(result), self.iteration)
        if ends:
            raise TrialEnds(early=False)
        if self.trial.should_prune():
            if plan.interval and self._saved is None:
                raise RuntimeError(
                    "PopulationBasedTraining goes on from checkpoints, and none was saved in this interval: call "
                    "tune.report(metrics, checkpoint=...), with checkpoints as frequent as perturbation_interval"
                )
            if self.saver is not None and config.checkpoint_at_end and checkpoint is None:
                self._keep(self.saver(), result)
            raise TrialEnds(early=True)

    def _ends(self, result: dict[str, Any]) -> bool:
        """Tell whether the trial ends with this result: by a stopper, the scheduler's end, or the time budget."""
        plan, shared = self.plan, self.plan.shared
        with shared.lock:
            ends = plan.stopper(self.info.trial_id, result)
            if plan.stopper.stop_all() and not shared.is_over:
                shared.is_over = True
                shared.stop()
        return (
            ends
            or shared.is_over
            or (self.saver is not None and bool(result[DONE]))
            or (plan.max_t is not None and self.iteration >= plan.max_t)
            or (plan.deadline is not None and time.time() >= plan.deadline)
        )

    def _numbers(self, result: dict[str, Any]) -> dict[str, float]:
        """Return the numbers of a result by path; the first of them is the value where no metric is named."""
        found = {}
        for name, value in flattened(result).items():
            wanted = name in self.plan.metrics
            if (name in (TRAINING_ITERATION, DONE) and not wanted) or isinstance(value, str | bytes | None):
                continue
            try:
                found[name] = float(value)
            except (TypeError, ValueError):
                if wanted:
                    raise TypeError(f"the metric {name!r} must be a number; got {shown(value)}") from None
        return found

    def values(self) -> float | list[float]:
        """Return what the trial is worth in the end: what it reported last."""
        if not self.result:
            raise RuntimeError("the trainable reported nothing: call tune.report({...}), or return a dict of metrics")
        numbers = self._numbers(self.result)
        values = [numbers[name] for name in self.plan.metrics] or [next(iter(numbers.values()))]
        return values[0] if len(values) == 1 else values

    def note_result(self) -> None:
        """Keep the last result with the trial, as far as it can be stored."""
        kept = {}
        for name, value in self.result.items():
            try:
                kept[name] = storable(name, value)
            except (TypeError, ValueError):
                kept[name] = str(value)
        if kept:
            self.trial.set_user_attr(LAST_RESULT, kept)

    # -- checkpoints ------------------------------------------------------------------------------------------------

    def _keep(self, checkpoint: Checkpoint, result: dict[str, Any]) -> None:
        """Copy a checkpoint to the trial's folder, and point to it; remove those that are not to be kept."""
        place, part = self.folder / FOLDER.format(self.iteration), self.new_folder()
        if Path(checkpoint.path) != part:
            shutil.copytree(checkpoint.path, part, dirs_exist_ok=True)
        shutil.rmtree(place, ignore_errors=True)  # of an attempt that came to nothing
        part.rename(place)
        self._saved = Checkpoint(place)
        at = {
            "path": os.path.relpath(place, self.plan.folder),
            "seconds": result[TIME_TOTAL_S],
            "result": {name: v for name, v in result.items() if isinstance(v, str | bool | int | float)},
        }
        (self.trial.checkpoint_dir / POINTER).write_text(json.dumps(at), encoding="utf-8")
        self._thin_out(place, flattened(result))
        if self.plan.callbacks:
            self.plan.tell("on_checkpoint", self.info, self.iteration, checkpoint=self._saved)
            self.plan.tell("on_trial_save", self.info, self.iteration)

    def _thin_out(self, newest: Path, result: dict[str, Any]) -> None:
        config = self.plan.checkpoints
        lowest = config.checkpoint_score_attribute and config.checkpoint_score_order == "min"
        sign = -1.0 if lowest else 1.0
        by = config.checkpoint_score_attribute or TRAINING_ITERATION
        if by not in result:
            raise ValueError(f"checkpoint_score_attribute={by!r}: a result has no {by!r}; it has {listing(result)}")
        self._scores[newest.name] = sign * float(result[by])
        others = [path for path in checkpoints_in(self.folder) if path != newest]
        excess = 0 if config.num_to_keep is None else len(others) + 1 - config.num_to_keep
        for path in sorted(others, key=lambda p: self._scores.get(p.name, -math.inf))[: max(0, excess)]:
            shutil.rmtree(path, ignore_errors=True)

    def new_folder(self) -> Path:
        """Return the folder into which a checkpoint of this iteration is written before it has its name."""
        part = self.folder / f"{FOLDER.format(self.iteration)}.part"
        part.mkdir(parents=True, exist_ok=True)
        return part


def checkpoints_in(folder: Path) -> list[Path]:
    """Return the checkpoints in the folder of a trial, oldest first."""
    return sorted(path for path in folder.glob("checkpoint_*") if path.suffix != ".part")


# -- who runs in which thread ---------------------------------------------------------------------------------------

_running: dict[int, Session] = {}  # by thread


@contextmanager
def active(session: Session) -> Iterator[None]:
    """Let ``tune.report`` in this thread mean a trial."""
    _running[threading.get_ident()] = session
    try:
        yield
    finally:
        del _running[threading.get_ident()]


def current() -> Session | None:
    """Return the trial of this thread, or the only one of this process; None: there is none."""
    here = _running.get(threading.get_ident())
    return here or (next(iter(_running.values())) if len(_running) == 1 else None)


def report(metrics: Mapping[str, Any], *, checkpoint: Checkpoint | None = None) -> None:
    """Report metrics of a running trial; each call is one ``training_iteration``.

    Where the trial ends, by ``RunConfig(stop=...)``, the scheduler or the time budget, this does not return.

    Args:
        metrics: numbers by name, also in nested dicts; texts are kept of the last report.
        checkpoint: what the trial can go on from; it is copied.

    Raises:
        RuntimeError: no trial runs here.
        ValueError: the metric of the `TuneConfig` is not among them.
    """
    _here("tune.report").report(metrics, checkpoint=checkpoint)


def get_checkpoint() -> Checkpoint | None:
    """Return the checkpoint that this trial goes on from; None: it begins anew.

    Raises:
        RuntimeError: no trial runs here.
    """
    return _here("tune.get_checkpoint").loaded


def get_context() -> TuneContext:
    """Return what tells a trial its name, its id and its folder.

    Raises:
        RuntimeError: no trial runs here.
    """
    return TuneContext(_here("tune.get_context"))


def _here(call: str) -> Session:
    if (session := current()) is None:
        raise RuntimeError(f"{call}() belongs into a trainable that a Tuner runs")
    return session


__getattr__ = refuser(__name__)
