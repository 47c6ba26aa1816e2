"""The tasks that searches are compared on: a space of ours, an objective to minimise, and what regret 0 and 1 mean.

Eight tasks are built in and need NumPy alone; scikit-learn is only needed to compute their tables anew. A folder of
tasks of your own is loaded by :func:`folder`: its `tasks.py` has a list `SINGLE` of names and a function `get(name)`,
whose result has a `space` (dicts with name, kind float|int|cat|ord, low, high, log or choices, and parent and values
where it is conditional) and is called with the parameters; `peers*.json.gz` beside it holds recorded runs.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import _tables
import numpy as np
from _score import Floats, Reference

from tunesmith import Categorical, Float, Int, Ordinal, Space

Params = Mapping[str, Any]
N_TYPICAL = 501  # random points whose median is regret 1 of a built-in task


@dataclass(frozen=True)
class Task:
    """One thing to search. `best` is the smallest value there is, None where only recorded runs can tell."""

    name: str
    space: Space
    objective: Callable[[Params], float]
    best: float | None = None

    def __call__(self, params: Params) -> float:
        return float(self.objective(params))

    def reference(self) -> Reference | None:
        """What regret 0 and 1 mean, of a task whose smallest value is known."""
        if self.best is None:
            return None
        points = self.space.decode(self.space.sample(np.random.default_rng(0), N_TYPICAL))
        return Reference(self.best, float(np.median([self(p) for p in points])))


# -- functions -----------------------------------------------------------------------------------------------------
# None has its optimum in the middle or on the edge of the box, where a search may look for reasons of its own.

SHIFT = np.array([0.31, -0.42, 0.17, 0.55, -0.23])


def _on_box(function: Callable[[Floats], float], d: int, low: float, high: float) -> tuple[Space, Any]:
    names = [f"x{i}" for i in range(d)]
    return Space({n: Float(low, high) for n in names}), lambda p: function(np.array([p[n] for n in names]))


def sphere() -> Task:
    space, f = _on_box(lambda x: float(((x - 3 * SHIFT) ** 2).sum()), 5, -5.0, 5.0)
    return Task("function/sphere-5", space, f, 0.0)


def rosenbrock() -> Task:
    """Of its logarithm, since the function itself is flat but for its rim when regret is linear."""

    def value(x: Floats) -> float:
        return math.log1p(float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()))

    space, f = _on_box(value, 5, -2.0, 2.5)
    return Task("function/rosenbrock-5", space, f, 0.0)


def rastrigin() -> Task:
    def value(x: Floats) -> float:
        z = x - 2 * SHIFT
        return float((z**2 - 10 * np.cos(2 * np.pi * z) + 10).sum())

    space, f = _on_box(value, 5, -5.12, 5.12)
    return Task("function/rastrigin-5", space, f, 0.0)


HARTMANN_A = np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8],
                       [17, 8, 0.05, 10, 0.1, 14]])  # fmt: skip
HARTMANN_P = 1e-4 * np.array([[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
                              [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]])  # fmt: skip
HARTMANN_C = np.array([1.0, 1.2, 3.0, 3.2])


def hartmann() -> Task:
    """Dixon and Szego (1978)."""

    def value(x: Floats) -> float:
        return -float(HARTMANN_C @ np.exp(-(HARTMANN_A * (x - HARTMANN_P) ** 2).sum(axis=1)))

    space, f = _on_box(value, 6, 0.0, 1.0)
    return Task("function/hartmann-6", space, f, -3.322368011415515)


def mixed() -> Task:
    """Floats, an integer, an ordinal, and a category that moves the optimum of the rest."""
    optimisers = {
        "sgd": (-1.0, 0.9, 0.3),
        "adam": (-3.0, 0.35, 0.0),
        "rmsprop": (-2.6, 0.5, 0.15),
        "lion": (-4.0, 0.2, 0.1),
    }
    batches = (16, 32, 64, 128, 256)
    space = Space(
        optimiser=Categorical(list(optimisers)),
        lr=Float(1e-5, 1.0, log=True),
        momentum=Float(0.0, 1.0),
        dropout=Float(0.0, 0.8),
        layers=Int(1, 8),
        width=Int(8, 1024, log=True),
        batch=Ordinal(batches),
    )

    def value(p: Params) -> float:
        lr, momentum, offset = optimisers[p["optimiser"]]
        batch = batches.index(p["batch"])
        # A larger batch wants a larger step: the two interact, as they do in training.
        step = math.log10(p["lr"]) - lr - 0.15 * (batch - 2)
        size = math.log2(p["width"] / 256) + (p["layers"] - 4) / 2
        total = offset + 0.25 * step**2 + 0.5 * (p["momentum"] - momentum) ** 2 + 0.1 * abs(batch - 2)
        total += 0.08 * size**2 + 0.05 * abs(p["layers"] - 4) + (p["dropout"] - 0.22) ** 2
        return total

    return Task("mixed/training", space, value, 0.0)


def nested() -> Task:
    """Fourteen parameters, at most eight of them active: three pipelines, with a choice inside each of two."""
    space = Space(
        model=Categorical(["boosting", "network", "linear"]),
        subsample=Float(0.1, 1.0),
        features=Int(1, 64, log=True),
        rate=Float(1e-4, 1.0, log=True).when(model="boosting"),
        depth=Int(1, 12).when(model="boosting"),
        leaf=Categorical(["constant", "linear"]).when(model="boosting"),
        leaf_l2=Float(1e-6, 1e2, log=True).when(leaf="linear"),
        lr=Float(1e-5, 1e-1, log=True).when(model="network"),
        units=Int(4, 512, log=True).when(model="network"),
        solver=Categorical(["adam", "sgd"]).when(model="network"),
        momentum=Float(0.0, 1.0).when(solver="sgd"),
        schedule=Categorical(["constant", "cosine", "step"]).when(solver="sgd"),
        alpha=Float(1e-6, 1e3, log=True).when(model="linear"),
        l1_ratio=Float(0.0, 1.0).when(model="linear"),
    )

    def far(value: float, centre: float, low: float, high: float, log: bool = True) -> float:
        """Squared distance in the unit of the range."""
        scale = math.log if log else float
        return ((scale(value) - scale(centre)) / (scale(high) - scale(low))) ** 2

    def value(p: Params) -> float:
        total = 0.6 * far(p["subsample"], 0.7, 0.1, 1.0, log=False) + 0.6 * far(p["features"], 12, 1, 64)
        if p["model"] == "linear":
            return total + 0.25 + far(p["alpha"], 0.03, 1e-6, 1e3) + 0.3 * far(p["l1_ratio"], 0.8, 0, 1, log=False)
        if p["model"] == "network":
            total += 0.08 + 2 * far(p["lr"], 3e-3, 1e-5, 1e-1) + far(p["units"], 96, 4, 512)
            if p["solver"] == "adam":
                return total + 0.02
            gap = {"constant": 0.1, "cosine": 0.0, "step": 0.04}[p["schedule"]]
            return total + gap + far(p["momentum"], 0.85, 0, 1, log=False)
        # Many small steps or few large ones: rate and depth trade off along a valley.
        valley = (math.log10(p["rate"] / 0.05) / 4 + (p["depth"] - 5) / 11) ** 2
        total += 2 * valley + 0.4 * far(p["depth"], 5, 1, 12, log=False)
        return total + (0.05 if p["leaf"] == "constant" else far(p["leaf_l2"], 0.5, 1e-6, 1e2))

    return Task("conditional/nested-14", space, value, 0.0)


# -- tables --------------------------------------------------------------------------------------------------------


def _parameter(axis: Mapping[str, Any]) -> Float | Int | Categorical:
    values = axis["values"]
    if axis["kind"] == "cat":
        return Categorical(values)
    return (Float if axis["kind"] == "float" else Int)(values[0], values[-1], log=axis["log"])


def svm() -> Task:
    """Of the error's logarithm: most of this space is a plateau of useless models, beside which all good ones tie."""
    table = _tables.load("svm_digits")
    branch = table["branches"][""]
    space = Space({axis["name"]: _parameter(axis) for axis in branch["axes"]})
    return Task(
        "table/svm-digits", space, lambda p: math.log(_tables.look_up(branch, p)), math.log(_tables.lowest(table))
    )


def models() -> Task:
    table = _tables.load("models_cancer")
    params: dict[str, Any] = {"model": Categorical(list(table["branches"]))}
    for model, branch in table["branches"].items():
        for axis in branch["axes"]:
            params[f"{model}.{axis['name']}"] = _parameter(axis).when(model=model)

    def value(p: Params) -> float:
        return _tables.look_up(table["branches"][p["model"]], p, p["model"] + ".")

    return Task("conditional/models-cancer", Space(params), value, _tables.lowest(table))


BUILT_IN: dict[str, Callable[[], Task]] = {
    "function/sphere-5": sphere,
    "function/rosenbrock-5": rosenbrock,
    "function/rastrigin-5": rastrigin,
    "function/hartmann-6": hartmann,
    "mixed/training": mixed,
    "conditional/nested-14": nested,
    "conditional/models-cancer": models,
    "table/svm-digits": svm,
}


# -- a folder of tasks ---------------------------------------------------------------------------------------------


def space_of(parameters: list[dict[str, Any]]) -> Space:
    """Return the space that neutral dicts describe."""
    found: dict[str, Any] = {}
    for p in parameters:
        made: Float | Int | Categorical
        if p["kind"] == "float":
            made = Float(p["low"], p["high"], log=bool(p.get("log")))
        elif p["kind"] == "int":
            made = Int(p["low"], p["high"], log=bool(p.get("log")))
        else:
            made = (Categorical if p["kind"] == "cat" else Ordinal)(p["choices"])
        found[p["name"]] = made.when({p["parent"]: list(p["values"])}) if "parent" in p else made
    return Space(found)


@cache
def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("benchmark_tasks_of_" + path.name, path / "tasks.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"{path} has no tasks.py")
    module = importlib.util.module_from_spec(spec)
    keep, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # the folder may be read-only, and is not ours
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = keep
    return module


@cache
def get(name: str, path: Path | None) -> Task:
    """Return a task of the built-in set (path None) or of a folder.

    Raises:
        ImportError: the task needs a package that is not installed.
    """
    if path is None:
        return BUILT_IN[name]()
    task = _module(path).get(name)
    return Task(name, space_of(task.space), task)


def names(path: Path | None) -> list[str]:
    """Return the names of all tasks of a set, also of those that will not load."""
    return list(BUILT_IN) if path is None else list(_module(path).SINGLE)


def recorded(path: Path | None) -> dict[str, dict[str, dict[int, Floats]]]:
    """Return the best-so-far traces that lie beside a folder's tasks: optimiser -> task -> seed -> trace."""
    found: dict[str, dict[str, dict[int, Floats]]] = {}
    for file in sorted(path.glob("peers*.json.gz")) if path is not None else []:
        with gzip.open(file, "rt") as text:
            for run in json.load(text):
                by_seed = found.setdefault(run["opt"], {}).setdefault(run["task"], {})
                by_seed[run["seed"]] = np.array(run["best"], float)
    return found
