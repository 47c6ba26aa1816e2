"""Every pruner of the registry keeps the laws; a new one joins by its line there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from tunesmith.foundation import registry
from tunesmith.pruners.base import Pruner
from tunesmith.pruners.hyperband import HyperbandPruner
from tunesmith.pruners.interval import IntervalPruner
from tunesmith.pruners.learning_curve import LearningCurvePruner
from tunesmith.pruners.median import MedianPruner
from tunesmith.pruners.patient import PatientPruner
from tunesmith.pruners.percentile import PercentilePruner
from tunesmith.pruners.successive_halving import SuccessiveHalvingPruner
from tunesmith.pruners.threshold import ThresholdPruner
from tunesmith.pruners.wilcoxon import WilcoxonPruner
from tunesmith.testing import PrunerConformance

# Arguments other than the default ones that are worth a run of their own.
VARIANTS: dict[str, Callable[[], Pruner]] = {
    "median-eager": partial(MedianPruner, 0),
    "median-interval": partial(MedianPruner, 1, 1, 2, n_min_trials=2),
    "percentile-strict": partial(PercentilePruner, 0, 0),
    "patient-median": partial(PatientPruner, MedianPruner(0), 1, 0.5),
    "patient-halving": partial(PatientPruner, SuccessiveHalvingPruner(1, 2, promotion=True), 0),
    "threshold-both": partial(ThresholdPruner, -2.0, 2.0, 1, 2),
    "halving-stops": partial(SuccessiveHalvingPruner, 1, 2, promotion=False),
    "halving-promotes": partial(SuccessiveHalvingPruner, 1, 2, promotion=True, max_resource=6),
    "halving-bootstrap": partial(SuccessiveHalvingPruner, 1, 2, 1, 2),
    "hyperband-stops": partial(HyperbandPruner, 1, 6, 2, promotion=False),
    "hyperband-promotes": partial(HyperbandPruner, 1, 6, 2, promotion=True),
    "wilcoxon-eager": partial(WilcoxonPruner, 0.5),
    "percentile-of-two": partial(PercentilePruner, 60, 0),
    "threshold-of-two": partial(ThresholdPruner, (None, -2.0), (2.0, None)),
    "learning-curve-eager": partial(LearningCurvePruner, 0.5, 0, top_k=2),
}


class TestEveryPruner(PrunerConformance):
    @pytest.fixture(params=sorted({*registry.names("pruners"), *VARIANTS}))
    def make_pruner(self, request: pytest.FixtureRequest) -> Callable[[], Pruner]:
        made: Callable[[], Pruner] = (
            VARIANTS[request.param] if request.param in VARIANTS else registry.load_registered("pruners", request.param)
        )
        return made

    @pytest.fixture
    def compares(self, make_pruner: Callable[[], Pruner]) -> bool:
        pruner = make_pruner()
        alone = isinstance(pruner, PatientPruner) and pruner.wrapped_pruner is None
        waits = getattr(pruner, "bootstrap_count", 0) > 0  # until so many are there, nobody goes on
        return not (alone or waits or isinstance(pruner, IntervalPruner | ThresholdPruner))


@pytest.mark.parametrize("name", sorted(registry.names("pruners")))
def test_names_agree_with_the_registry(name: str) -> None:
    pruner = registry.load_registered("pruners", name)()
    assert pruner.name == name
    assert isinstance(pruner, Pruner)
