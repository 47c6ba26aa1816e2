"""Learning curves to search: whole training runs, seconds included, that cost nothing to make.

Three families are built in, each with another way in which early losses mislead; no constant of the library was chosen
on them. A folder of published ones is read by `folder`: its `multi_fidelity.py` has a class `MF(name)`, whose objects
have a `space` (dicts with name, kind, low, high, log) and `curve(params)`, and its `tasks.py` a list `MULTI_FIDELITY`.

Symbols: E reports of a full run; u the parameters on [0, 1].
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from _score import Floats, Reference

from tunesmith import Categorical, Float, Int, Space

Params = Mapping[str, Any]
Curve = tuple[Floats, Floats]  # losses and seconds since the start, at each report
N_TYPICAL = 501  # random runs that say what a full run costs, and what regret 1 is
N_BEST = 5_000  # random runs of which the best says what regret 0 is


@dataclass(frozen=True)
class CurveTask:
    """One thing to train. Report k of a run is at step `steps[k]`."""

    name: str
    space: Space
    curve: Callable[[Params], Curve]
    steps: np.ndarray[Any, np.dtype[np.int64]]
    known: Reference | None = None
    mean_cost: float | None = None

    @cached_property
    def full_cost(self) -> float:
        """Mean seconds of a random full run: the unit that budgets are counted in."""
        return self.mean_cost or float(np.mean([self.curve(p)[1][-1] for p in self._random(N_TYPICAL)]))

    @cached_property
    def reference(self) -> Reference:
        """What regret 0 and 1 mean: the best of many random runs, and the median of a random run's least loss."""
        if self.known is not None:
            return self.known
        least = [float(np.nanmin(self.curve(p)[0])) for p in self._random(N_BEST)]
        return Reference(min(least), float(np.median(least[:N_TYPICAL])))

    def _random(self, n: int) -> list[dict[str, Any]]:
        return self.space.decode(self.space.sample(np.random.default_rng(1), n))


def _space() -> Space:
    return Space(
        rate=Float(1e-4, 1.0, log=True),
        width=Int(16, 1024, log=True),
        dropout=Float(0.0, 0.8),
        decay=Float(1e-6, 1e-1, log=True),
        optimizer=Categorical(["sgd", "adam"]),
    )


def _unit(params: Params) -> dict[str, float]:
    return {
        "rate": (np.log10(params["rate"]) + 4.0) / 4.0,
        "width": np.log(params["width"] / 16) / np.log(64.0),
        "dropout": params["dropout"] / 0.8,
        "decay": (np.log10(params["decay"]) + 6.0) / 5.0,
    }


def _seconds(u: Mapping[str, float], reports: int) -> Floats:
    each = 0.5 + 8.0 ** u["width"]
    return np.asarray(each * (np.arange(1, reports + 1) + 0.5))  # the first report also waits for the data


def _power(params: Params) -> Curve:
    """A power law whose floor and speed have optima of their own; a wide net is slow and good."""
    u, reports = _unit(params), 40
    best_rate = 0.7 - 0.3 * u["width"] + (0.0 if params["optimizer"] == "adam" else 0.15)
    floor = 0.08 + 1.2 * (u["rate"] - best_rate) ** 2 + 0.3 * (1.0 - u["width"]) ** 2
    floor += 0.15 * (u["dropout"] - 0.6 * u["width"]) ** 2 + 0.1 * (u["decay"] - 0.4) ** 2
    speed = 0.35 + 0.6 * u["rate"] * (1.3 - u["dropout"])
    e = np.arange(1, reports + 1)
    return floor + (2.0 - floor) * 0.9 * e**-speed, _seconds(u, reports)


def _crossing(params: Params) -> Curve:
    """What falls fast at first ends high: at a tenth of the run the best configurations are among the worst."""
    u, reports = _unit(params), 60
    haste = u["rate"]  # high rates are fast, and get stuck
    floor = 0.1 + 0.8 * haste**1.5 + 0.4 * (u["width"] - 0.7) ** 2 + 0.2 * (u["dropout"] - 0.3) ** 2
    floor += 0.05 if params["optimizer"] == "sgd" else 0.0
    pace = 0.06 + 0.5 * haste + 0.02 * u["decay"]
    e = np.arange(1, reports + 1)
    return floor + (1.9 - 0.6 * haste) * np.exp(-pace * e), _seconds(u, reports)


def _overfit(params: Params) -> Curve:
    """Losses fall, then rise where nothing regularises; with noise, and high rates diverge to NaN."""
    u, reports = _unit(params), 30
    rng = np.random.default_rng(abs(hash(tuple(round(v, 9) for v in u.values()))) % 2**32)
    shield = u["dropout"] + u["decay"]
    floor = 0.2 + 0.9 * (u["rate"] - 0.55) ** 2 + 0.25 * (shield - 0.9) ** 2 + 0.1 * (1.0 - u["width"])
    e = np.arange(1, reports + 1)
    rise = 0.02 * u["width"] * max(0.0, 1.2 - shield) * np.maximum(0.0, e - 4.0 - 10.0 * shield)
    losses = floor + 1.2 * np.exp(-(0.1 + 0.6 * u["rate"]) * e) + rise
    losses = losses * np.exp(0.01 * rng.standard_normal(reports))
    if u["rate"] > (0.9 if params["optimizer"] == "adam" else 0.97):
        losses[3:] = np.nan
    return losses, _seconds(u, reports)


def built_in() -> list[CurveTask]:
    """Return the built-in families; their steps count from 1, from 0, and by hundreds."""
    return [
        CurveTask("curves/power", _space(), _power, np.arange(1, 41)),
        CurveTask("curves/crossing", _space(), _crossing, np.arange(60)),
        CurveTask("curves/overfit", _space(), _overfit, np.arange(100, 3001, 100)),
    ]


def folder(path: Path) -> list[CurveTask]:
    """Return the tasks of a folder, with what its recorded runs say about regret."""
    import gzip

    sys.path.insert(0, str(path))
    try:
        spec = importlib.util.spec_from_file_location("_shared_multi_fidelity", path / "multi_fidelity.py")
        if spec is None or spec.loader is None:
            raise ImportError(f"{path / 'multi_fidelity.py'} cannot be read")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        with gzip.open(path / "mf_peers_dev.json.gz", "rt") as file:
            references = json.load(file)["refs"]
        return [_shared(module.MF(name), references[name]) for name in module.shared.MULTI_FIDELITY]
    finally:
        sys.path.remove(str(path))


def _shared(task: Any, reference: Mapping[str, float]) -> CurveTask:
    kinds = {"int": Int, "float": Float}
    space = Space({p["name"]: kinds[p["kind"]](p["low"], p["high"], log=p["log"]) for p in task.space})
    known = Reference(reference["y_star"], reference["y_med"])
    return CurveTask(task.name, space, task.curve, np.arange(1, 53), known, float(reference["full_cost"]))
