"""Ranges that should have been logarithmic are searched so; those that are linear for a reason stay linear."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.samplers.searching import search

import tunesmith as ts
from tunesmith import Float, Int, Space
from tunesmith.history import History
from tunesmith.samplers.gp.hyperparameters import HyperparameterCache
from tunesmith.samplers.gp.sampler import GPSampler
from tunesmith.samplers.gp.scales import with_scales
from tunesmith.space.estimators import FloatOr, IntOr

WIDE = Space(rate=Float(1e-5, 1.0), width=Int(1, 1000), x=Float(0, 1), kept=Float(1e-3, 1.0, prior=0.5))


def logarithmic(p: dict[str, Any]) -> float:
    return (math.log10(p["rate"]) + 3) ** 2 + (math.log10(p["width"]) - 2) ** 2 + p["x"]


def linear(p: dict[str, Any]) -> float:
    return 9 * (p["rate"] - 0.6) ** 2 + 9 * (p["width"] / 1000 - 0.3) ** 2 + p["x"]


def history(space: Space, fn: Any, n: int) -> History:
    """Trials at random points."""
    study = ts.create_study(seed=0, sampler="random")
    study.optimize(fn, n_trials=n, space=space)
    return study.snapshot().history


def logs(space: Space) -> list[str]:
    return [name for name, p in space.params.items() if getattr(p, "log", False)]


def test_the_trials_show_which_scale_a_range_has() -> None:
    shown = history(WIDE, logarithmic, 40)
    assert logs(with_scales(WIDE, shown, 40, HyperparameterCache())) == ["rate"], "few are narrow"
    assert with_scales(WIDE, shown, 4, HyperparameterCache()) is WIDE, "four trials show nothing"
    assert with_scales(WIDE, history(WIDE, linear, 40), 40, HyperparameterCache()) is WIDE


def test_only_ranges_that_span_orders_of_magnitude_may_have_another_scale() -> None:
    space = Space(a=Float(0.1, 1.0), b=Float(-1.0, 1.0), c=Float(0.0, 1.0), d=Float(0.01, 1.0, step=0.01), e=Int(1, 9))
    assert with_scales(space, history(space, lambda p: p["a"], 20), 20, HyperparameterCache()) is space


def test_a_range_with_words_keeps_its_scale() -> None:
    space = Space(features=FloatOr(1e-3, 1.0, words={"sqrt": 0.1}), depth=IntOr(1, 1000, words={None: 1000}))
    shown = history(space, lambda p: 1.0 if p["features"] == "sqrt" else float(p["features"]), 30)
    assert with_scales(space, shown, 30, HyperparameterCache()) is space


def test_conditions_and_values_stay() -> None:
    space = Space(kind=["a", "b"], rate=Float(1e-5, 1.0).when(kind="a"), x=Float(0, 1))
    found = with_scales(
        space,
        history(space, lambda p: (math.log10(p.get("rate", 1e-2)) + 3) ** 2 + p["x"], 40),
        40,
        HyperparameterCache(),
    )
    assert logs(found) == ["rate"]
    assert found["rate"].condition == space["rate"].condition
    assert (found["rate"].low, found["rate"].high) == (1e-5, 1.0)  # type: ignore[attr-defined]


def test_a_search_finds_an_optimum_in_a_corner_of_a_linear_range() -> None:
    """Of three seeds, each; on the linear range the best of 30 values is 0.5 or more."""
    for seed in range(3):
        study = ts.minimize(logarithmic, WIDE, n_trials=30, seed=seed, sampler="auto")
        assert study.best_value < 0.1, study.best_params
        assert "searched on a logarithmic scale" in study.trials[-1].system_attrs["proposed_by"]


def test_a_new_object_proposes_the_same() -> None:
    def fn(u: np.ndarray) -> float:
        return logarithmic(dict(zip(WIDE.names, WIDE.from_unit(u[None])[0], strict=True)))

    one, other = (search(GPSampler, WIDE, fn, 18, anew=anew) for anew in (0, 1))
    assert one.x.tolist() == other.x.tolist()


@pytest.mark.parametrize("value", [math.inf, math.nan, 1e300])
def test_values_that_are_no_use_do_no_harm(value: float) -> None:
    study = ts.minimize(lambda p: value if p["x"] < 0.3 else logarithmic(p), WIDE, n_trials=15, seed=0, sampler="gp")
    assert math.isfinite(study.best_value)
