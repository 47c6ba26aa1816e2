"""On families of curves: each pruner saves steps, and what it ends with is good. Over many seeds, without a study."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from tunesmith.pruners import (
    HyperbandPruner,
    LearningCurvePruner,
    MedianPruner,
    NopPruner,
    PatientPruner,
    PercentilePruner,
    Pruner,
    SuccessiveHalvingPruner,
    ThresholdPruner,
    WilcoxonPruner,
)
from tunesmith.testing.pruning import Outcome, crossing, search, usual

# Which pruner, how many seeds, and at most which share of all steps it runs.
SAVING: dict[str, tuple[Callable[[], Pruner], int, float]] = {
    "median": (MedianPruner, 20, 0.4),
    "percentile": (PercentilePruner, 20, 0.3),
    "patient": (partial(PatientPruner, MedianPruner(), 2), 20, 0.95),
    "threshold": (partial(ThresholdPruner, upper=0.75, n_warmup_steps=15), 20, 0.95),
    "halving-stops": (partial(SuccessiveHalvingPruner, promotion=False), 20, 0.3),
    "halving-promotes": (partial(SuccessiveHalvingPruner, promotion=True), 20, 0.3),
    "halving-promotes-to": (partial(SuccessiveHalvingPruner, promotion=True, max_resource=29), 20, 0.3),
    "hyperband-stops": (partial(HyperbandPruner, promotion=False), 20, 0.5),
    "hyperband-promotes": (partial(HyperbandPruner, promotion=True), 20, 0.5),
    "wilcoxon": (partial(WilcoxonPruner, 0.05, 4), 5, 0.4),
    "learning-curve": (partial(LearningCurvePruner, interval_steps=3), 4, 0.4),
}


@pytest.mark.parametrize("name", SAVING)
def test_steps_are_saved_and_the_best_is_found(name: str) -> None:
    """Of 60 trials, the one that a search ends with is on average among the best two, as it is without pruning."""
    make, seeds, share = SAVING[name]
    found: list[Outcome] = [search(make, usual, seed) for seed in range(seeds)]
    full = [search(NopPruner, usual, seed) for seed in range(seeds)]
    assert all(f.rank == 0 for f in full)
    assert np.mean([f.steps for f in found]) < share * full[0].steps
    assert np.mean([f.rank for f in found]) < 2 / 60


@pytest.mark.slow
def test_where_beginnings_mislead_the_forecast_knows_and_stops_less() -> None:
    """Curves that cross: what falls fast ends high. Rules that compare beginnings lose the best; this one does not."""
    found = [search(partial(LearningCurvePruner, interval_steps=3), crossing, seed) for seed in range(3)]
    assert np.mean([f.rank for f in found]) < 2 / 60
    rules = [search(PercentilePruner, crossing, seed) for seed in range(3)]
    assert np.mean([f.rank for f in rules]) > 2 / 60
