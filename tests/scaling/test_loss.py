"""The loss law of scales that lie on a line, as runs of 20 tokens a parameter do."""

from __future__ import annotations

import numpy as np
import pytest
from tests.scaling.made import lowest, made_runs

from tunesmith.scaling import ScalingLaw

LINE = [(n, 20 * n) for n in (3e7, 1e8, 3e8)]


def fitted(scales: list[tuple[float, float]], seed: int = 0) -> ScalingLaw:
    return ScalingLaw(["params", "tokens"], ["lr", "bs"]).fit(made_runs(seed, scales=scales))


@pytest.mark.parametrize("off", [0.0, 0.01])
def test_three_scales_on_a_line_give_an_expected_loss_that_covers(off: float) -> None:
    covered = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        law = fitted([(n, t * np.exp(off * rng.standard_normal())) for n, t in LINE], seed)
        found = law.predict({"params": 1e9, "tokens": 2e10}).loss
        assert found is not None
        covered += found[1][0] <= lowest(1e9, 2e10) <= found[1][1]
    assert covered >= 8


def test_three_scales_that_lie_apart_are_too_few() -> None:
    law = fitted([(3e7, 1e9), (3e8, 1e9), (3e8, 8e9)])
    assert law.predict({"params": 3e8, "tokens": 1.6e10}).loss is None
