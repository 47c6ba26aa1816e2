from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from tests.scaling.made import SCALES, SLOPES, lowest, made_runs, optimum

from tunesmith.scaling import ScalingError, ScalingLaw

TARGET = {"params": 3e9, "tokens": 1e11}


def law_of(runs: Any, **options: Any) -> ScalingLaw:
    return ScalingLaw(["params", "tokens"], ["lr", "bs"], **options).fit(runs)


def test_the_slopes_and_the_optimum_of_a_large_run_are_found() -> None:
    law = law_of(made_runs())
    for pair, (_, (low, high)) in law.slopes.items():
        assert low - 0.05 < SLOPES[pair] < high + 0.05
    advice = law.predict(TARGET)
    lr, bs = optimum(**TARGET)
    for name, true in (("lr", lr), ("bs", bs)):
        low, high = advice[name].interval
        assert low < advice[name].value < high
        assert low < true < high
        assert high / low < 3**2
    assert advice.region.contains({"lr": lr, "bs": bs})
    assert not advice.region.contains({"lr": 10 * lr, "bs": bs})
    assert advice.loss is not None
    assert advice.loss[1][0] < lowest(**TARGET) < advice.loss[1][1]
    assert 0 <= advice.excess_loss[0] <= advice.excess_loss[1] < 0.02
    assert advice.factor == pytest.approx(3e9 * 1e11 / (3e8 * 1.6e10))
    assert all(1 <= grown < 2 for grown in advice.growth.values())
    assert json.loads(json.dumps(advice.to_dict()))["settings"]["lr"]["value"] == advice["lr"].value
    assert "95 %" in str(advice)


@pytest.mark.slow
def test_intervals_cover_over_many_draws_of_runs_and_scales() -> None:
    true = optimum(**TARGET)
    hits = []
    for seed in range(20):
        advice = law_of(made_runs(seed=seed, n=12, between=0.15)).predict(TARGET)
        hits.append(
            [advice[n].interval[0] < t < advice[n].interval[1] for n, t in zip(("lr", "bs"), true, strict=True)]
        )
    assert (np.mean(hits, axis=0) >= 0.85).all()


def test_a_bowl_that_is_steep_to_one_side_does_not_move_the_optimum() -> None:
    runs = made_runs(n=40, between=0.0, noise=0.0005)
    fitted = law_of(runs).fitted
    true = np.log([optimum(*scale) for scale in fitted.runs.scales])
    assert np.abs(fitted.bowls.optimum - true).max() < 0.15
    assert np.abs((fitted.bowls.optimum - true).mean(axis=0)).max() < 0.05


def test_the_form_of_the_table_and_the_order_of_its_rows_do_not_matter() -> None:
    pandas = pytest.importorskip("pandas")
    runs = made_runs()
    expected = law_of(runs).predict(TARGET).to_dict()
    order = np.random.default_rng(0).permutation(len(runs["loss"]))
    frame = pandas.DataFrame(runs).iloc[order]
    for form in (frame, frame.to_dict("records")):
        got = law_of(form).predict(TARGET).to_dict()
        for name in ("lr", "bs"):
            assert got["settings"][name]["value"] == pytest.approx(expected["settings"][name]["value"], rel=1e-3)


def test_failed_runs_push_the_optimum_away_and_are_told() -> None:
    runs = made_runs(n=10)
    wall = {
        **runs,
        "loss": np.where(
            runs["lr"]
            > np.array([optimum(p, t)[0] for p, t in zip(runs["params"], runs["tokens"], strict=True)]) * 1.5,
            np.nan,
            runs["loss"],
        ),
    }
    dropped = {name: column[np.isfinite(wall["loss"])] for name, column in wall.items()}
    law = law_of(wall)
    assert any("failed" in note for note in law.notes)
    high = np.quantile(law.fitted.bowls.optimum[:, 0] - law_of(dropped).fitted.bowls.optimum[:, 0], 0.5)
    assert high <= 0.02
    diverged = {**runs, "loss": np.where(np.isnan(wall["loss"]), 11.0, wall["loss"])}
    assert law_of(diverged).predict(TARGET)["lr"].value == pytest.approx(law.predict(TARGET)["lr"].value, rel=1e-6)


def test_runs_that_failed_for_other_reasons_hardly_move_a_scale() -> None:
    runs = made_runs(n=20, noise=0.001)
    lost = np.random.default_rng(0).random(len(runs["loss"])) < 0.1
    sound, broken = law_of(runs), law_of({**runs, "loss": np.where(lost, np.nan, runs["loss"])})
    assert np.abs(broken.fitted.bowls.level - sound.fitted.bowls.level).max() < 0.004
    assert np.abs(broken.fitted.bowls.optimum - sound.fitted.bowls.optimum).mean() < 0.08


def test_an_optimum_at_the_edge_is_hardly_known() -> None:
    runs = made_runs(n=30)
    best = np.array([optimum(p, t)[0] for p, t in zip(runs["params"], runs["tokens"], strict=True)])
    cut = (runs["params"] < 3e8) | (runs["lr"] < 0.8 * best)
    law = law_of({name: column[cut] for name, column in runs.items()})
    deviation = np.sqrt(law.fitted.bowls.covariance[:, 0, 0])
    large = law.fitted.runs.scales[:, 0] == 3e8
    assert deviation[large].min() > 3 * deviation[~large].max()
    low, high = law.slopes["lr", "params"][1]
    assert low < SLOPES["lr", "params"] < high


def test_one_scale_variable_and_hyperparameters_as_they_are() -> None:
    rng = np.random.default_rng(1)
    width = np.repeat([64.0, 128.0, 256.0, 512.0], 12)
    momentum = rng.uniform(0.5, 1.0, len(width))
    lr = np.exp(rng.uniform(-8, -3, len(width)))
    loss = 2 + width**-0.4 + 0.5 * (momentum - 0.8) ** 2 + 0.02 * (np.log(lr) + 1.0 * np.log(width)) ** 2
    law = ScalingLaw("width", {"momentum": "linear", "lr": "log"}).fit(
        {"width": width, "momentum": momentum, "lr": lr, "loss": loss}
    )
    advice = law.predict(width=2048)
    assert advice["momentum"].value == pytest.approx(0.8, abs=0.1)
    low, high = advice["lr"].interval
    assert low < 1 / 2048 < high


def test_groups_share_slopes_and_not_levels() -> None:
    dense, sparse = made_runs(seed=1), made_runs(seed=2)
    sparse["lr"] = sparse["lr"] * 3
    runs = {name: np.concatenate([dense[name], sparse[name]]) for name in dense}
    runs["family"] = ["dense"] * len(dense["lr"]) + ["sparse"] * len(sparse["lr"])
    law = law_of(runs, group="family")
    ratio = law.predict(TARGET, group="sparse")["lr"].value / law.predict(TARGET, group="dense")["lr"].value
    assert ratio == pytest.approx(3, rel=0.3)
    with pytest.raises(ScalingError, match="group is one of 'dense', 'sparse'"):
        law.predict(TARGET)


def test_more_hyperparameters_than_two() -> None:
    runs = made_runs(n=25)
    rng = np.random.default_rng(3)
    runs["decay"] = np.exp(rng.uniform(-4, 0, len(runs["lr"])))
    runs["loss"] = runs["loss"] + 0.01 * (np.log(runs["decay"]) + 2) ** 2
    law = ScalingLaw(["params", "tokens"], ["lr", "bs", "decay"]).fit(runs)
    low, high = law.predict(TARGET)["decay"].interval
    assert low < np.exp(-2) < high


def test_what_is_wrong_with_the_table_is_told() -> None:
    runs = made_runs()
    for table, message in (
        ({**runs, "lr": runs["lr"] * 0}, "'lr' has the value 0; it must be above 0"),
        ({**runs, "params": -runs["params"]}, "'params' has the value"),
        ({**runs, "bs": ["many"] * len(runs["bs"])}, "'bs' has something else than numbers"),
        ({**runs, "lr": runs["lr"][:5]}, "different lengths"),
        ({k: v for k, v in runs.items() if k != "bs"}, "no column 'bs'"),
        ({name: column[:14] for name, column in runs.items()}, "1 scale .*a law needs 3"),
        ({name: column[:0] for name, column in runs.items()}, "no runs"),
        ({**runs, "loss": np.full(len(runs["loss"]), np.nan)}, "no run has a finite 'loss'"),
        ([1, 2], "runs are a data frame"),
    ):
        with pytest.raises(ScalingError, match=message):
            law_of(table)
    with pytest.raises(ScalingError, match="each named once"):
        ScalingLaw(["params"], ["params"])
    with pytest.raises(ScalingError, match="'log' or 'linear'"):
        ScalingLaw(["params"], {"lr": "cubic"})
    with pytest.raises(ScalingError, match="did you mean 'published'"):
        ScalingLaw(["params"], ["lr"], priors="publisched")
    with pytest.raises(ScalingError, match="fit the law"):
        ScalingLaw(["params"], ["lr"]).predict(params=1)


NARROW = [(n, d) for n in (1e8, 2.5e8) for d in (1e9, 4e9, 1.6e10)]


def test_scales_close_together_are_predicted_from_with_the_interval_that_this_deserves() -> None:
    narrow, wide = law_of(made_runs(scales=NARROW)), law_of(made_runs())
    inside = narrow.predict(params=2e8, tokens=1e10)
    assert not any("less than a factor of 4" in note for note in inside.notes)
    widths = []
    for params in (5e8, 2.5e9, 2.5e10):
        advice = narrow.predict(params=params, tokens=1e10)
        low, high = advice["lr"].interval
        assert low < optimum(params, 1e10)[0] < high
        widths.append(high / low)
        (note,) = (note for note in advice.notes if "less than a factor of 4" in note)
        assert "params from 1e+08 to 2.5e+08" in note
        assert low == narrow.predict(params=params, tokens=1e10)["lr"].interval[0]
    assert widths[0] < widths[1] < widths[2]
    known = [law.predict(params=2.5e10, tokens=1e10)["lr"].interval for law in (narrow, wide)]
    assert known[0][1] / known[0][0] > known[1][1] / known[1][0]


@pytest.mark.slow
@pytest.mark.parametrize("span", [1.0, 2.5])
def test_intervals_from_scales_close_together_cover_slopes_that_nobody_published(span: float) -> None:
    hits = []
    for seed in range(24):
        slopes = np.random.default_rng([seed, 1]).normal([-0.5, 0.0], [0.5, 0.3])  # of lr and bs against params
        scales = [(n, d) for n in np.geomspace(1e8, span * 1e8, 2 if span > 1 else 1) for d in (1e9, 4e9, 1.6e10)]
        runs = made_runs(seed=seed, n=12, scales=scales, between=0.15)
        more = slopes - [SLOPES["lr", "params"], SLOPES["bs", "params"]]
        for name, slope in zip(("lr", "bs"), more, strict=True):
            runs[name] = runs[name] * (runs["params"] / 1e8) ** slope
        law = law_of(runs)
        for times in (2.0, 8.0):
            params = times * span * 1e8
            advice = law.predict(params=params, tokens=1e10)
            for name, true, slope in zip(("lr", "bs"), optimum(params, 1e10), more, strict=True):
                low, high = advice[name].interval
                hits.append(low < true * (params / 1e8) ** slope < high)
    assert np.mean(hits) >= 0.9


def test_a_prediction_is_refused_only_where_it_would_say_nothing_and_the_figure_is_told() -> None:
    law = law_of(made_runs(scales=NARROW))
    with pytest.raises(
        ScalingError, match=r"say nothing: lr from \S+ to \S+, bs from .*params from 1e\+08 to 2\.5e\+08"
    ):
        law.predict(params=1e16, tokens=1e10)
    with pytest.raises(ScalingError, match="say nothing"):
        law.prior(params=1e16, tokens=1e10)
    assert law.plan({"params": 1e16, "tokens": 1e10}, 1e-6).runs, "what to run is told nevertheless"
    priors = {("lr", "params"): (0.0, 3.0), ("bs", "params"): (0.0, 0.01)}
    half = law_of(made_runs(scales=[scale for scale in SCALES if scale[0] == 1e8]), priors=priors)
    advice = half.predict(params=8e8, tokens=1e10)
    assert "The interval of lr is too wide to say anything of it." in advice.notes
    assert advice["bs"].interval[1] / advice["bs"].interval[0] < 10
    for target in ({"params": 1e9}, {"params": 1e9, "tokens": -1}, {"params": 1e9, "tokens": "many"}):
        with pytest.raises(ScalingError, match="a target"):
            law.predict(target)


def test_doubtful_data_is_told() -> None:
    runs = made_runs()
    twice = {name: np.concatenate([column, column[:10]]) for name, column in runs.items()}
    assert any("10 runs are the same" in note for note in law_of(twice).notes)
    steps = {**runs, "tokens": runs["tokens"] / 1e6}
    assert any("tokens for each parameter" in note for note in law_of(steps).notes)
    low = np.array([optimum(p, t)[0] for p, t in zip(runs["params"], runs["tokens"], strict=True)]) * 0.7
    edge = {name: column[runs["lr"] < low] for name, column in runs.items()}
    assert any("optimum of lr is at the highest value" in note for note in law_of(edge).notes)
    far = law_of(runs).predict(TARGET)
    assert any("were checked over a factor" in note for note in far.notes)


def test_calibration_shows_each_factor_and_inflates_where_the_largest_scales_go_their_own_way() -> None:
    runs = made_runs(scales=[(1e8, 1e9 * 2.0**i) for i in range(8)])
    straight = ScalingLaw("tokens", ["lr", "bs"]).fit(runs).fitted.calibration
    assert [fold.factor for fold in straight.folds] == [2, 4, 8, 16]
    assert all(fold.fitted + fold.left_out == 8 for fold in straight.folds)
    runs["lr"] = runs["lr"] * np.where(runs["tokens"] > 3e10, 20, 1)
    bent = ScalingLaw("tokens", ["lr", "bs"]).fit(runs).fitted.calibration
    assert bent.inflation > straight.inflation
    assert all(fold.after >= fold.before for fold in bent.folds)
    assert any(fold.before < 1 for fold in bent.folds)
