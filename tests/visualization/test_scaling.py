"""Figures of scaling laws: what they show is what the law says."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from tests.visualization.studies import many, scaling_law

from tunesmith.errors import NothingToDrawError, ScalingError
from tunesmith.scaling import ScalingLaw
from tunesmith.scaling.figures.scales import amount, log_axis, place
from tunesmith.scaling.figures.scaling_bowls import scaling_bowls
from tunesmith.scaling.figures.scaling_coverage import scaling_coverage
from tunesmith.scaling.figures.scaling_optimum import scaling_optimum
from tunesmith.scaling.figures.scaling_plan import scaling_plan
from tunesmith.visualization import plot_scaling_bowls, plot_scaling_coverage, plot_scaling_plan

LARGE = {"params": 1e8, "tokens": 1e10}


@pytest.fixture(scope="module")
def law() -> ScalingLaw:
    return scaling_law()


def test_bowls_are_lowest_at_the_optimum_and_pass_through_the_runs(law: ScalingLaw) -> None:
    data = scaling_bowls(law)
    assert data.scales == ("1M params, 100M tokens", "1M params, 500M tokens", "4M params, 500M tokens",
                           "16M params, 500M tokens", "16M params, 2.5B tokens")  # fmt: skip
    sizes = [(1e6, 1e8), (1e6, 5e8), (4e6, 5e8), (16e6, 5e8), (16e6, 25e8)]
    for row, true in zip(
        data.bowls, ([0.3 * n**-0.5 for n, _ in sizes], [0.01 * d**0.4 for _, d in sizes]), strict=True
    ):
        for bowl, best in zip(row, true, strict=True):
            assert bowl.optimum == pytest.approx(best, rel=0.25)
            assert bowl.interval[0] < bowl.optimum < bowl.interval[1]
            assert abs(math.log(bowl.curve_at[np.argmin(bowl.curve)] / bowl.optimum)) < 0.06
            fit = np.interp(np.log(bowl.at), np.log(bowl.curve_at), bowl.curve)
            assert np.median(np.abs(fit - bowl.loss)) < 0.005, "the other hyperparameter's part is taken away"
    assert sum(len(bowl.failed) for bowl in data.bowls[0]) == 2, "of the three failed runs, two are at scales shown"


def test_the_optimum_shows_the_advice(law: ScalingLaw) -> None:
    data, advice = scaling_optimum(law, LARGE), law.predict(LARGE)
    assert data.target == (1e8, 1e10)
    assert data.value == tuple(s.value for s in advice.values())
    assert data.interval == tuple(s.interval for s in advice.values())
    for row, name in zip(data.panels, advice, strict=True):
        for panel, at in zip(row, data.target, strict=True):
            log = np.log(panel.line_at)
            line, low, high = (np.exp(np.interp(math.log(at), log, np.log(y)))
                               for y in (panel.line, panel.band_low, panel.band_high))  # fmt: skip
            assert line == pytest.approx(advice[name].value, rel=0.1)
            assert advice[name].interval[0] < low < line < high < advice[name].interval[1]
            at_scales = np.exp(np.interp(np.log(panel.at), log, np.log(panel.line)))
            assert np.abs(np.log(panel.optimum / at_scales)).max() < 0.2, "scales lie at the line once moved along it"
    assert scaling_optimum(law).value == ()
    with pytest.raises(ScalingError, match="a target has a value for each of params, tokens"):
        scaling_optimum(law, {"params": 1e8})


def test_coverage_and_plan_show_what_the_law_says(law: ScalingLaw) -> None:
    data = scaling_coverage(law)
    folds = law.fitted.calibration.folds
    assert sorted(zip(data.factor, data.left_out, data.after, strict=True)) == sorted(
        (fold.factor, fold.left_out, fold.after) for fold in folds
    )
    plan = law.plan(LARGE, 0.5)
    bought = scaling_plan(plan)
    assert bought.runs.sum() == len(plan.runs)
    assert (bought.excess[0], bought.excess[-1]) == plan.excess_loss
    assert bought.spent[-1] == pytest.approx(plan.cost)


def test_what_cannot_be_drawn_is_told(law: ScalingLaw) -> None:
    with pytest.raises(TypeError, match=re.escape("plot_scaling_bowls takes a fitted tunesmith.scaling.ScalingLaw")):
        plot_scaling_bowls(ScalingLaw("params", "lr"))
    with pytest.raises(TypeError, match="plot_scaling_plan takes a plan"):
        plot_scaling_plan(many(3))
    with pytest.raises(NothingToDrawError, match="no run is within the budget"):
        plot_scaling_plan(law.plan(LARGE, 1e-9))
    runs = {"params": [1, 1, 9, 9, 81, 81], "lr": [1, 2, 1, 2, 1, 2], "loss": [3.0, 4, 2, 3, 2, 1]}
    with pytest.raises(NothingToDrawError, match="too few scales"):
        plot_scaling_coverage(ScalingLaw("params", "lr").fit(runs))


def test_scales_are_written_as_people_write_them() -> None:
    assert [amount(v) for v in (5, 1024, 59968512, 1.4e9, 3e13)] == ["5", "1024", "60M", "1.4B", "30T"]
    assert log_axis(2e9, 6e10)["ticktext"] == ["2B", "5B", "10B", "20B", "50B"]
    assert log_axis(1e-5, 1e-1)["ticktext"] == ["1e-05", "0.0001", "0.001", "0.01", "0.1"]
    assert log_axis(5, 5)["ticktext"] == ["5"]
    assert place(("params", "a\nb"), (1e9, 2.5), "moe") == r"1B params, 2.5 a\nb, moe"
