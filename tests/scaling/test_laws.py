"""Laws of scaling laws: units and orders do not matter, intervals cover, plans keep to budgets."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scaling.made import ALPHA, BETA, SCALES, A, B, E, lowest, made_runs, optimum

import tunesmith
from tunesmith.scaling import PUBLISHED, LossLaw, ScalingError, ScalingLaw
from tunesmith.scaling.bowls import Shape, fit_bowls
from tunesmith.scaling.loss import fit_loss
from tunesmith.scaling.runs import published_name, read_runs

TARGET = {"params": 3e9, "tokens": 1e11}
GRID = [(n, d) for n in (3e7, 1e8, 3e8, 1e9) for d in (1e9, 4e9, 1.6e10, 6.4e10)]
NAMES = ("params", "tokens")


def law_of(runs: Any, **options: Any) -> ScalingLaw:
    return ScalingLaw(list(NAMES), ["lr", "bs"], **options).fit(runs)


@pytest.fixture(scope="module")
def law() -> ScalingLaw:
    return law_of(made_runs())


# -- the loss law ------------------------------------------------------------------------------------------------------


def loss_law(scales: list[tuple[float, float]], noise: float, seed: int = 0, unit: float = 1.0) -> LossLaw:
    table = np.array(scales)
    level = np.array([lowest(*scale) for scale in scales])
    level = unit * (level + noise * np.random.default_rng(seed).standard_normal(len(level)))
    found = fit_loss(NAMES, table, level, np.full(len(level), unit * max(noise, 1e-5)))
    assert found is not None
    return found


def inside(interval: tuple[float, float], value: float) -> bool:
    return interval[0] <= value <= interval[1]


def test_parameters_that_are_known_lie_in_their_intervals() -> None:
    found = loss_law(GRID, noise=1e-3).coefficients
    assert list(found) == ["E", "A params", "alpha params", "A tokens", "alpha tokens"]
    for name, true in (("E", E), ("alpha params", ALPHA), ("alpha tokens", BETA), ("A params", A), ("A tokens", B)):
        middle, interval = found[name]
        assert inside(interval, true), name
        assert inside(interval, middle)


def coverage(seeds: range, scales: list[tuple[float, float]], target: tuple[float, float]) -> list[bool]:
    found = []
    for seed in seeds:
        drawn = loss_law(scales, 2e-3, seed).draws(np.array([target]))[:, 0]
        found.append(inside((np.quantile(drawn, 0.025), np.quantile(drawn, 0.975)), lowest(*target)))
    return found


def test_the_expected_loss_of_a_larger_run_lies_in_its_interval() -> None:
    assert sum(coverage(range(4), GRID, (1e10, 6.4e11))) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("target", [(2e8, 8e9), (1e10, 6.4e11), (1e11, 1e12)])
def test_intervals_of_the_loss_cover_over_many_draws(target: tuple[float, float]) -> None:
    assert np.mean(coverage(range(60), GRID, target)) >= 0.88


def test_the_unit_of_the_loss_is_only_a_unit() -> None:
    one, other = loss_law(GRID, 1e-3), loss_law(GRID, 1e-3, unit=10.0)
    at = np.array([[1e10, 1e11]])
    np.testing.assert_allclose(other.draws(at), 10.0 * one.draws(at), rtol=1e-6)


def test_noise_and_distance_widen_the_interval_of_the_loss() -> None:
    quiet, loud = loss_law(GRID, 2e-4), loss_law(GRID, 1e-2)
    far = np.array([[1e9, 6.4e10], [1e10, 6.4e11], [1e12, 1e13]])
    widths = [
        np.quantile(one.draws(far), 0.975, axis=0) - np.quantile(one.draws(far), 0.025, axis=0) for one in (quiet, loud)
    ]
    assert (widths[1] > widths[0]).all()
    assert (np.diff(widths[0]) > 0).all()


def test_a_budget_is_split_as_the_parameters_say(law: ScalingLaw) -> None:
    losses = loss_law(GRID, 2e-4)
    before = math.inf
    for flop in (6e19, 6e21, 6e23):
        split = losses.compute_optimal(flop)
        best = (ALPHA * A / (BETA * B)) ** (1 / (ALPHA + BETA)) * (flop / 6) ** (BETA / (ALPHA + BETA))
        assert inside(split["params"][1], best)
        assert inside(split["tokens"][1], flop / 6 / best)
        assert split["loss"][0] < before
        before = split["loss"][0]
    for flop, each in ((math.inf, 6.0), (-1.0, 6.0), (math.nan, 6.0), (1e20, 0.0)):
        with pytest.raises(ScalingError, match="a budget is finite and above 0"):
            losses.compute_optimal(flop, each)
    narrow = fit_loss(
        NAMES,
        np.array([(n, d) for n in (1e8, 2e8) for d in (1e9, 4e9, 1.6e10)]),
        np.linspace(3, 2, 6),
        np.full(6, 1e-3),
    )
    assert narrow is not None
    with pytest.raises(ScalingError, match="params spans less than a factor of 4"):
        narrow.compute_optimal(1e20)


@pytest.mark.parametrize(("n", "loss"), [(2, 1.0), (3, 1.0), (4, 1.0), (9, -1.0), (9, 0.0)])
def test_too_few_scales_and_losses_that_are_not_above_0_have_no_loss_law(n: int, loss: float) -> None:
    level = loss + 0.01 * np.arange(n)[::-1] * (loss > 0)
    found = fit_loss(NAMES, np.array(SCALES[:n]), level, np.full(n, 1e-3))
    assert (found is None) == (n < 3 or loss <= 0)


# -- what does not matter ----------------------------------------------------------------------------------------------


def settings(of: ScalingLaw, **scale: float) -> dict[str, tuple[float, float, float]]:
    return {name: (one.value, *one.interval) for name, one in of.predict(scale or TARGET).items()}


@pytest.mark.parametrize(("column", "times"), [("lr", 1e3), ("bs", 2048.0), ("params", 1e-6), ("tokens", 1e-9)])
def test_units_do_not_matter(law: ScalingLaw, column: str, times: float) -> None:
    runs = made_runs()
    scaled = law_of({**runs, column: runs[column] * times})
    target = {name: value * (times if name == column else 1.0) for name, value in TARGET.items()}
    found, expected = settings(scaled, **target), settings(law)
    for name in expected:
        unit = times if name == column else 1.0
        np.testing.assert_allclose(found[name], np.multiply(expected[name], unit), rtol=0.02)


def test_the_order_of_runs_and_of_columns_does_not_matter(law: ScalingLaw) -> None:
    runs = made_runs()
    order = np.random.default_rng(1).permutation(len(runs["lr"]))
    mixed = {name: runs[name][order] for name in sorted(runs)}
    for name, found in settings(law_of(mixed)).items():
        np.testing.assert_allclose(found, settings(law)[name], rtol=1e-3)


def test_a_constant_beside_the_loss_moves_no_optimum(law: ScalingLaw) -> None:
    runs = made_runs()
    moved = law_of({**runs, "loss": runs["loss"] + 5.0})
    for name, found in settings(moved).items():
        np.testing.assert_allclose(found, settings(law)[name], rtol=0.1)


def test_intervals_grow_with_the_distance_and_the_region_with_its_level(law: ScalingLaw) -> None:
    ratios = []
    for times in (1.0, 8.0, 64.0, 512.0):
        advice = law.predict(params=3e8 * times, tokens=1.6e10 * times)
        ratios.append([math.log(one.interval[1] / one.interval[0]) for one in advice.values()])
        assert advice.factor == pytest.approx(times**2)
        assert all(low <= one.value <= high for one in advice.values() for low, high in [one.interval])
    assert (np.diff(ratios, axis=0) > 0).all()
    region = law.predict(TARGET).region
    centre = dict(zip(region.names, np.exp(region.centre), strict=True))
    assert region.contains(centre, level=0.01)
    edge = dict(centre, lr=centre["lr"] * math.exp(2.3 * math.sqrt(region.covariance[0, 0])))
    held = [region.contains(edge, level) for level in (0.5, 0.8, 0.95, 0.999)]
    assert held == sorted(held)
    assert held[-1]


@pytest.mark.parametrize("seed", range(3))
def test_the_optimum_of_a_larger_run_lies_in_its_interval(seed: int) -> None:
    found = law_of(made_runs(seed=seed, n=10, between=0.1)).predict(params=1e9, tokens=3e10)
    hits = [inside(found[name].interval, true) for name, true in zip(("lr", "bs"), optimum(1e9, 3e10), strict=True)]
    assert sum(hits) >= 1


# -- the bowls ---------------------------------------------------------------------------------------------------------


@given(st.integers(0, 1000), st.integers(1, 3))
def test_a_shape_is_convex_0_at_the_optimum_and_has_the_slope_that_it_says(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    empty = Shape.empty(k)
    shape = Shape(empty.squares, empty.rates, rng.random(len(empty.weights)))
    d, e = rng.uniform(-1, 1, (2, 8, k))
    assert shape.value(np.zeros((1, k))) == pytest.approx(0.0, abs=1e-12)
    assert (shape.value(d) >= 0).all()
    assert (shape.value((d + e) / 2) <= (shape.value(d) + shape.value(e)) / 2 + 1e-9).all()
    for j in range(k):
        step = 1e-6 * np.eye(k)[j]
        numeric = (shape.value(d + step) - shape.value(d - step)) / 2e-6
        np.testing.assert_allclose(shape.slope(d)[:, j], numeric, rtol=1e-3, atol=1e-6)
    assert (np.linalg.eigvalsh(shape.curvature) >= -1e-9).all()


def test_more_runs_and_less_noise_tell_more_of_the_optimum() -> None:
    def deviation(n: int, noise: float) -> float:
        runs = read_runs(made_runs(n=n, noise=noise, between=0.0), NAMES, {"lr": "log", "bs": "log"}, "loss", None)
        return float(np.sqrt(np.median(fit_bowls(runs).covariance[:, 0, 0])))

    assert deviation(40, 0.002) < deviation(12, 0.002) < deviation(12, 0.02)


# -- plans -------------------------------------------------------------------------------------------------------------


def test_a_larger_budget_buys_no_worse_a_plan(law: ScalingLaw) -> None:
    plans = [law.plan(TARGET, budget) for budget in (0.0005, 0.005, 0.05, 0.5)]
    for plan, budget in zip(plans, (0.0005, 0.005, 0.05, 0.5), strict=True):
        assert plan.cost <= budget * (1 + 1e-6)
        assert plan.excess_loss[1] <= plan.excess_loss[0]
        assert plan.cost == pytest.approx(sum(p.cost for p in plan.purchases))
        assert all(len(p.points) == 5 for p in plan.purchases)
    after = [plan.excess_loss[1] for plan in plans]
    assert after == sorted(after, reverse=True)
    assert len({plan.excess_loss[0] for plan in plans}) == 1


@pytest.mark.parametrize("budget", [0.0, -1.0, math.nan, math.inf])
def test_a_budget_that_is_none_is_refused(law: ScalingLaw, budget: float) -> None:
    with pytest.raises(ScalingError, match="budget is in runs of the target, above 0"):
        law.plan(TARGET, budget)


def test_a_menu_is_read_as_a_target_is(law: ScalingLaw) -> None:
    assert law.plan(TARGET, 0.1, menu=[]).runs == []
    with pytest.raises(ScalingError, match="a target has a value for each of params, tokens"):
        law.plan(TARGET, 0.1, menu=[{"params": 1e8}])
    with pytest.raises(ScalingError, match="finite and above 0"):
        law.plan(TARGET, 0.1, menu=[{"params": 1e8, "tokens": 0.0}])


# -- what a law knows, as the beginning of a study ---------------------------------------------------------------------


def test_a_study_begins_where_the_law_says(law: ScalingLaw) -> None:
    best = law.predict(TARGET)
    space = {"lr": tunesmith.Float(1e-6, 1e-1, log=True), "bs": tunesmith.Float(1, 1e5, log=True)}
    study = tunesmith.create_study(space=space, warm_start=law.prior(TARGET), seed=0, sampler="gp")
    for name, value in study.ask().params.items():
        assert value == pytest.approx(best[name].value, rel=0.01)


# -- what is refused ---------------------------------------------------------------------------------------------------


def changed(column: str, at: Any) -> dict[str, Any]:
    runs: dict[str, Any] = made_runs()
    values = runs[column].copy()
    values[3] = at
    return {**runs, column: values}


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        (changed("lr", math.nan), "'lr' has 1 values that are not finite"),
        (changed("lr", math.inf), "'lr' has 1 values that are not finite"),
        (changed("bs", -1.0), r"'bs' has the value -1; it must be above 0, as a hyperparameter on a log scale"),
        (changed("tokens", 0.0), "'tokens' has the value 0; it must be above 0, as a scale variable"),
        ({**made_runs(), "loss": ["low"] * 126}, "'loss' has something else than numbers"),
        ({**made_runs(), "lr": np.ones((126, 2))}, "'lr' has 2 dimensions"),
        ({**made_runs(), "lr": [None] * 126}, "'lr' has 126 values that are not finite"),
        ("runs.csv", "runs are a data frame, a mapping of columns, or mappings"),
        ([{"params": 1e8, "tokens": 1e9, "lr": 0.1, "loss": 2.0}], "no column 'bs'"),
        ([], "runs are a data frame"),
        ({}, "no column 'params'"),
    ],
)
def test_runs_that_cannot_be_read_are_refused_in_words(runs: Any, words: str) -> None:
    with pytest.raises(ScalingError, match=words):
        law_of(runs)


@pytest.mark.parametrize(
    ("scale", "hyperparameters", "options", "words"),
    [
        ([], ["lr"], {}, "one scale variable and one hyperparameter or more"),
        (["params"], [], {}, "one scale variable and one hyperparameter or more"),
        (["params", "params"], ["lr"], {}, "each named once"),
        (["params"], ["lr"], {"group": "lr"}, "each named once"),
        (["params"], {"lr": "Log"}, {}, "the form of 'lr' is 'log' or 'linear'"),
        (["params"], ["lr"], {"priors": "none"}, "priors is 'published', 'weak', or a mapping"),
        (["params"], ["lr"], {"transfer": "mUP"}, "transfer is None or 'mup'"),
    ],
)
def test_laws_that_cannot_be_are_refused_in_words(scale: Any, hyperparameters: Any, options: Any, words: str) -> None:
    with pytest.raises(ScalingError, match=words):
        ScalingLaw(scale, hyperparameters, **options)


def test_targets_that_cannot_be_are_refused_in_words(law: ScalingLaw) -> None:
    for target, words in (
        ({"params": 1e9, "token": 1e10}, "did you mean 'tokens'"),
        ({"params": math.nan, "tokens": 1e10}, "finite and above 0"),
        ({"params": [1], "tokens": 1e10}, "a target has numbers"),
        ({}, "a value for each of params, tokens"),
    ):
        with pytest.raises(ScalingError, match=words):
            law.predict(target)  # type: ignore[arg-type]  # it is wrong
    with pytest.raises(ScalingError, match="group is one of ''"):
        law.predict(TARGET, group="dense")
    with pytest.raises(ScalingError, match="must be a mapping"):
        law.predict(3e9)  # type: ignore[arg-type]  # it is wrong


def test_studies_that_are_no_runs_are_refused_in_words() -> None:
    def study(direction: str = "minimize", **options: Any) -> tunesmith.Study:
        made = tunesmith.create_study(sampler="random", seed=0, direction=direction, **options)
        made.optimize(lambda trial: trial.suggest_float("lr", 0.1, 1.0, log=True), n_trials=3)
        return made

    one = study()
    with pytest.raises(ScalingError, match=r"scale\['params'\] has 1 values for 2 studies"):
        ScalingLaw.from_studies([one, one], {"params": [1e6]})
    two = tunesmith.create_study(directions=["minimize", "minimize"])
    with pytest.raises(ScalingError, match="has several"):
        ScalingLaw.from_studies([two], {"params": [1e6]})
    with pytest.raises(ScalingError, match="no ended trial with bs"):
        ScalingLaw.from_studies([one], {"params": [1e6]}, ["bs"])
    with pytest.raises(ScalingError, match="no number is a parameter of each study"):
        ScalingLaw.from_studies([], {"params": []})


@pytest.mark.parametrize(
    ("name", "kind"),
    [("learning-rate", "lr"), ("LR", "lr"), ("global_batch_size", "batch"), ("n_params", "params"), ("other", "other")],
)
def test_names_stand_for_what_is_published(name: str, kind: str) -> None:
    assert published_name(name) == kind
    assert {kind for pair in PUBLISHED for kind in pair} == {"lr", "batch", "params", "tokens"}


def test_what_is_published_counts_where_the_runs_say_little() -> None:
    few = made_runs(n=8, scales=[(n, 4e9) for n in (9e7, 1e8, 1.1e8)])
    published, weak = (
        ScalingLaw("params", ["lr"], priors=priors)
        .fit({k: few[k] for k in ("params", "lr", "loss")})
        .slopes["lr", "params"]
        for priors in ("published", "weak")
    )
    assert abs(published[0] + 0.5) < abs(weak[0] + 0.5)
    given = ScalingLaw("params", ["lr"], priors={("lr", "params"): (1.0, 0.001)})
    assert given.fit({k: few[k] for k in ("params", "lr", "loss")}).slopes["lr", "params"][0] == pytest.approx(
        1.0, abs=0.02
    )
