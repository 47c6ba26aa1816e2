"""Searches over learning curves on a virtual clock: a study with its defaults, and what it is measured beside.

A search says which run trains next, is told each report, and says whether that run goes on. A run that was interrupted
goes on where it was, and pays only what is new. The clock is the seconds of the task, divided among the workers.
"""

from __future__ import annotations

import heapq
import importlib.util
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from _curves import CurveTask

from tunesmith import Space, TrialState, create_study


@dataclass
class Work:
    """A run that is to train: its key, its parameters, and how many reports it has made."""

    key: int
    params: Mapping[str, Any]
    done: int = 0


class CurveSearch(Protocol):
    """What the clock asks of a search."""

    def next(self) -> Work:
        """Return the run that a free worker trains."""

    def report(self, key: int, loss: float, seconds: float) -> bool:
        """Tell a run's next report, and return whether the run goes on."""

    def end(self, key: int) -> None:
        """Tell that a run came to its end."""


@dataclass
class Trace:
    """What a search reached: (full trainings paid, least loss) at each gain, and milliseconds of its decisions."""

    gains: list[tuple[float, float]] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    started: int = 0
    finished: int = 0

    def at(self, budget: float) -> float:
        """Return the least loss at a budget, infinite before the first report."""
        return min((loss for paid, loss in self.gains if paid <= budget), default=np.inf)


def simulate(task: CurveTask, search: CurveSearch, workers: int, horizon: float) -> Trace:
    """Run a search until the clock shows as many full trainings as `horizon`."""
    trace, least, order = Trace(), np.inf, 0
    waiting: list[tuple[float, int, Work]] = []  # when the next report of a run comes
    curves: dict[int, tuple[Any, Any]] = {}

    def begin(now: float) -> None:
        nonlocal order
        began = time.perf_counter()
        work = search.next()
        trace.milliseconds.append(1e3 * (time.perf_counter() - began))
        if work.key not in curves:
            curves[work.key] = task.curve(work.params)
            trace.started += 1
        push(now, work)

    def push(now: float, work: Work) -> None:
        nonlocal order
        seconds = curves[work.key][1]
        before = seconds[work.done - 1] if work.done else 0.0
        heapq.heappush(waiting, (now + seconds[work.done] - before, order, work))
        order += 1

    for _ in range(workers):
        begin(0.0)
    while waiting[0][0] <= horizon * task.full_cost:
        now, _, work = heapq.heappop(waiting)
        losses, seconds = curves[work.key]
        loss = float(losses[work.done])
        goes_on = search.report(work.key, loss, float(seconds[work.done]))
        work.done += 1
        if loss < least:
            least = loss
            trace.gains.append((now / task.full_cost, least))
        if work.done == len(losses):
            search.end(work.key)
            trace.finished += 1
        elif goes_on:
            push(now, work)
            continue
        begin(now)
    return trace


class WholeStudy:
    """A study with its defaults, through ask and tell: what a user gets whose training saves checkpoints."""

    def __init__(self, task: CurveTask, seed: int) -> None:
        self._task = task
        self._study = create_study(space=task.space, seed=seed)
        self._work: dict[int, Work] = {}
        self._trials: dict[int, Any] = {}
        self._paid: dict[int, float] = {}

    def next(self) -> Work:
        trial = self._study.ask()
        self._trials[trial.number] = trial
        return self._work.setdefault(trial.number, Work(trial.number, dict(trial.params)))

    def report(self, key: int, loss: float, seconds: float) -> bool:
        trial, work = self._trials[key], self._work[key]
        (trial.checkpoint_dir / "done").write_text(str(work.done + 1))
        cost = seconds - self._paid.get(key, 0.0)
        self._paid[key] = seconds
        trial.report(loss, int(self._task.steps[work.done]), cost=max(cost, 1e-9))
        if work.done + 1 == len(self._task.steps) or not trial.should_prune():
            return True
        self._study.tell(self._trials.pop(key), state=TrialState.PRUNED)
        return False

    def end(self, key: int) -> None:
        trial = self._trials.pop(key)
        self._study.tell(trial, trial.reports[max(trial.reports)])


class FullRuns:
    """Full runs of what one of our samplers proposes; its value is the least loss of the run."""

    def __init__(self, task: CurveTask, seed: int, sampler: str) -> None:
        self._space: Space = task.space
        self._study = create_study(sampler=sampler, seed=seed)
        self._trials: dict[int, Any] = {}
        self._least: dict[int, float] = {}

    def next(self) -> Work:
        trial = self._study.ask(self._space)
        self._trials[trial.number], self._least[trial.number] = trial, np.inf
        return Work(trial.number, dict(trial.params))

    def report(self, key: int, loss: float, seconds: float) -> bool:
        self._least[key] = min(self._least[key], loss if loss == loss else np.inf)
        return True

    def end(self, key: int) -> None:
        self._study.tell(self._trials.pop(key), self._least.pop(key))


class OptunaHyperband:
    """Optuna's TPE with its Hyperband pruner, which stops runs for good."""

    def __init__(self, task: CurveTask, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        self._optuna, self._space, self._steps = optuna, task.space, task.steps
        self._study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=seed),
            pruner=optuna.pruners.HyperbandPruner(min_resource=1, max_resource=len(task.steps)),
        )
        self._trials: dict[int, Any] = {}
        self._losses: dict[int, list[float]] = {}

    def next(self) -> Work:
        trial = self._study.ask()
        self._trials[trial.number], self._losses[trial.number] = trial, []
        return Work(trial.number, {name: _suggested(trial, name, p) for name, p in self._space.params.items()})

    def report(self, key: int, loss: float, seconds: float) -> bool:
        trial, losses = self._trials[key], self._losses[key]
        losses.append(loss)
        trial.report(loss, len(losses))
        if not trial.should_prune():
            return True
        self._study.tell(trial, state=self._optuna.trial.TrialState.PRUNED)
        return False

    def end(self, key: int) -> None:
        least = np.nanmin(self._losses[key]) if np.isfinite(self._losses[key]).any() else np.nan
        if least == least:
            self._study.tell(self._trials[key], float(least))
        else:
            self._study.tell(self._trials[key], state=self._optuna.trial.TrialState.FAIL)


def _suggested(trial: Any, name: str, parameter: Any) -> Any:
    from tunesmith import Categorical, Int

    if isinstance(parameter, Categorical):
        return trial.suggest_categorical(name, list(parameter.choices))
    suggest = trial.suggest_int if isinstance(parameter, Int) else trial.suggest_float
    return suggest(name, parameter.low, parameter.high, log=bool(parameter.log))


Maker = Callable[[CurveTask, int], CurveSearch]
SEARCHES: dict[str, Maker] = {
    "study, default": WholeStudy,
    "auto, full runs": lambda task, seed: FullRuns(task, seed, "auto"),
    "random, full runs": lambda task, seed: FullRuns(task, seed, "random"),
}
if importlib.util.find_spec("optuna") is not None:
    SEARCHES["optuna TPE + Hyperband"] = OptunaHyperband
