"""Runs one search on one task: ours by the names of the registry, and the peers that can be run live.

Every optimiser gets the same: the space with its scales, conditions and integers (an ordinal is the integer of its
place to those that know no ordinals), the number of trials, and a seed. All else is its default.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import math
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
from _tasks import Task

from tunesmith import Categorical, Float, Int, Ordinal, Space

OURS = "tunesmith-"


@dataclass(frozen=True)
class Search:
    """The value of each trial in order, and the CPU seconds that the optimiser itself took (waiting is not counted)."""

    y: list[float]
    seconds: float


class Watched:
    """The objective of a task that keeps its values and its time."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.y: list[float] = []
        self._spent = 0.0
        self._start = time.process_time()

    def __call__(self, params: Mapping[str, Any]) -> float:
        start = time.process_time()
        value = self.task(params)
        self._spent += time.process_time() - start
        self.y.append(value)
        return value

    def done(self) -> Search:
        return Search(self.y, time.process_time() - self._start - self._spent)


def seed_of(task: str, seed: int) -> int:
    """The seed that every optimiser gets for seed 0, 1, ... of a task.

    It differs by task, since else the first random points would be the same ones on all tasks and one lucky seed
    would be lucky on all of them.
    """
    return int(np.random.default_rng([crc32(task.encode()), seed]).integers(2**31))


# -- ours ----------------------------------------------------------------------------------------------------------


def tunesmith(sampler: str) -> Callable[[Task, int, int], Search]:
    """By a name of the registry, "default" for no option at all, or "module:Class" of one that is not registered."""

    def run(task: Task, seed: int, n: int) -> Search:
        import tunesmith

        watched = Watched(task)
        study = tunesmith.create_study(sampler=_sampler(sampler), pruner="nop", seed=seed)
        study.optimize(watched, n_trials=n, space=task.space)
        return watched.done()

    return run


def _sampler(name: str) -> Any:
    if ":" not in name:
        return None if name == "default" else name
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)()


# -- peers with suggest_* ------------------------------------------------------------------------------------------


def suggest(trial: Any, space: Space) -> dict[str, Any]:
    """Ask a define-by-run trial for every parameter that is active, parents before children."""
    params: dict[str, Any] = {}
    waiting = dict(space.params)
    while waiting:
        ready = [n for n, p in waiting.items() if p.condition is None or waiting.keys().isdisjoint(p.condition.parents)]
        for name in ready:
            p = waiting.pop(name)
            if p.condition is None or p.condition.holds(params):
                params[name] = _suggest(trial, name, p)
    return params


def _suggest(trial: Any, name: str, p: Any) -> Any:
    if isinstance(p, Float):
        return trial.suggest_float(name, p.low, p.high, log=p.log)
    if isinstance(p, Int):
        return trial.suggest_int(name, p.low, p.high, log=p.log)
    if isinstance(p, Ordinal):
        return p.choices[trial.suggest_int(name, 0, len(p.choices) - 1)]
    return trial.suggest_categorical(name, list(p.choices))


def optuna(sampler: str) -> Callable[[Task, int, int], Search]:
    def run(task: Task, seed: int, n: int) -> Search:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        watched = Watched(task)
        study = optuna.create_study(sampler=getattr(optuna.samplers, sampler)(seed=seed))
        study.optimize(lambda trial: watched(suggest(trial, task.space)), n_trials=n)
        return watched.done()

    return run


def rustuna(sampler: str) -> Callable[[Task, int, int], Search]:
    def run(task: Task, seed: int, n: int) -> Search:
        import rustuna

        watched = Watched(task)
        study = rustuna.create_study(sampler=getattr(rustuna.samplers, sampler)(seed=seed))
        study.optimize(lambda trial: watched(suggest(trial, task.space)), n_trials=n)
        return watched.done()

    return run


# -- Hyperopt ------------------------------------------------------------------------------------------------------


def hyperopt(task: Task, seed: int, n: int) -> Search:
    from hyperopt import fmin, tpe

    logging.getLogger("hyperopt").setLevel(logging.ERROR)
    tree = _Tree(task.space)
    watched = Watched(task)
    fmin(
        lambda drawn: watched(tree.params(drawn)), tree.root(), algo=tpe.suggest, max_evals=n,
        rstate=np.random.default_rng(seed), show_progressbar=False,
    )  # fmt: skip
    return watched.done()


class _Tree:
    """A space as Hyperopt's tree: what is conditional on a category hangs below that category's choice."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.nodes: dict[str, Any] = {}  # a parameter below several choices is one node there, under one label
        for name, p in space.params.items():
            if p.condition is not None and len(p.condition.clauses) > 1:
                raise NotImplementedError(f"{name} is conditional on several parents, which a tree cannot say")

    def root(self) -> dict[str, Any]:
        return {name: self._node(name) for name, p in self.space.params.items() if p.condition is None}

    def _node(self, name: str) -> Any:
        if name not in self.nodes:
            self.nodes[name] = self._make(name)
        return self.nodes[name]

    def _make(self, name: str) -> Any:
        from hyperopt import hp

        p: Any = self.space.params[name]
        if isinstance(p, Float):
            return hp.loguniform(name, math.log(p.low), math.log(p.high)) if p.log else hp.uniform(name, p.low, p.high)
        if isinstance(p, Int):
            if p.log:  # rounded to whole numbers, each of which has the edges k - 1/2 and k + 1/2
                return hp.qloguniform(name, math.log(p.low - 0.5), math.log(p.high + 0.5), 1)
            return hp.uniformint(name, p.low, p.high)
        below = {
            child: c.condition.clauses[0][1]
            for child, c in self.space.params.items()
            if c.condition is not None and c.condition.parents == (name,)
        }
        if isinstance(p, Ordinal) and not below:
            return hp.uniformint(name, 0, len(p.choices) - 1)
        options = [
            {"index": i, "below": {child: self._node(child) for child, values in below.items() if choice in values}}
            for i, choice in enumerate(p.choices)
        ]
        return hp.choice(name, options)

    def params(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        """Values by name of what Hyperopt drew."""
        found: dict[str, Any] = {}
        for name, value in drawn.items():
            p: Any = self.space.params[name]
            if isinstance(value, Mapping):
                found[name] = p.choices[value["index"]]
                found.update(self.params(value["below"]))
            elif isinstance(p, Categorical):
                found[name] = p.choices[int(value)]
            elif isinstance(p, Int):
                found[name] = min(max(int(value), p.low), p.high)
            else:
                found[name] = min(max(float(value), p.low), p.high)
        return found


# -- by name -------------------------------------------------------------------------------------------------------

PEERS: dict[str, tuple[Callable[[Task, int, int], Search], tuple[str, ...]]] = {  # and what it imports
    "optuna-tpe": (optuna("TPESampler"), ("optuna",)),
    "optuna-gp": (optuna("GPSampler"), ("optuna", "torch")),
    "optuna-cmaes": (optuna("CmaEsSampler"), ("optuna", "cmaes")),
    "optuna-random": (optuna("RandomSampler"), ("optuna",)),
    "rustuna-tpe": (rustuna("TPESampler"), ("rustuna",)),
    "hyperopt": (hyperopt, ("hyperopt",)),
}


def missing(name: str) -> list[str]:
    """Return the packages that an optimiser needs and that are not installed."""
    needed = PEERS[name][1] if name in PEERS else ()
    return [module for module in needed if importlib.util.find_spec(module) is None]


def search(name: str, task: Task, seed: int, n: int) -> Search:
    """Run one search of n trials; `name` is a peer's, or "tunesmith-" and a sampler's."""
    run = PEERS[name][0] if name in PEERS else tunesmith(name.removeprefix(OURS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what peers say of their experimental parts, thousands of times
        return run(task, seed_of(task.name, seed), n)


def made_by(name: str) -> str:
    """Return what decides a run besides task and seed: a digest of our own code, or the peer's version."""
    from importlib.metadata import version

    if name in PEERS:
        return " ".join(f"{module} {version(module)}" for module in PEERS[name][1])
    return "tunesmith " + _digest()


def _digest() -> str:
    import hashlib
    from pathlib import Path

    import tunesmith

    root = Path(tunesmith.__file__).parent
    rooms = ("foundation/numerics", "history", "samplers", "space", "study")
    parts = [path for room in rooms for path in (root / room).rglob("*.py")]
    digest = hashlib.sha256()
    for path in sorted(parts):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
