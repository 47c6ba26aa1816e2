"""Warm starts: trials of another study, what the user believes, and what earlier studies found."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import tunesmith as ts
from tunesmith.errors import StorageError
from tunesmith.foundation import registry
from tunesmith.foundation.numerics.gp import Posterior, Prior, fit
from tunesmith.foundation.numerics.transfer import PosteriorMean, best_and_spread, normal_quantiles, weights
from tunesmith.foundation.states import TrialState
from tunesmith.history import History, SourceStudy
from tunesmith.samplers.gp.acquisition import PRIOR_BETA, PriorWeight
from tunesmith.samplers.gp.sampler import GPSampler
from tunesmith.samplers.gp.transfer import AlignedSource, SourceModels, best_points
from tunesmith.space import Categorical, Float, Int, Ordinal, Parameter, Space
from tunesmith.space.feature_map import FeatureMap
from tunesmith.study.warm_start import ROWS_KEPT_IN_ALL, WARM_START, decode_warm_start, encode_warm_start

Params = dict[str, Any]
D = 5
CUBE = Space({f"x{i}": Float(0, 1) for i in range(D)})


def packed(studies: list[ts.Study]) -> dict[str, Any]:
    return encode_warm_start([(study.study_name, study.history) for study in studies])


def valley(shift: float) -> Callable[[Params], float]:
    """A curved bowl in five dimensions whose optimum, 0, moves with the shift."""

    def value(p: Params) -> float:
        z = np.array(list(p.values())) - np.array([0.8, 0.25, 0.7, 0.3, 0.15]) - shift
        return float((z**2).sum() + 2.0 * (z[0] - z[1]) ** 2 + 0.5 * abs(z[2]))

    return value


def made(fn: Callable[[Params], float], space: Space, n: int, seed: int, **options: Any) -> ts.Study:
    """A study whose points are half random, half near the best: what a search leaves behind, in no time."""
    study = ts.create_study(sampler="random", seed=seed, space=space, **options)
    study.optimize(fn, n_trials=n // 2, space=space)
    rng = np.random.default_rng(seed)
    sign = 1.0 if study.direction == "minimize" else -1.0
    for _ in range(n - n // 2):
        best = min(study.trials, key=lambda t: sign * t.value)
        u = space.to_unit(space.encode([best.params])) + rng.normal(0, 0.1, (1, len(space)))
        row = space.from_unit(np.clip(u, 0, 1))[0]
        study.enqueue_trial(space.decode_row(row))
        study.optimize(fn, n_trials=1, space=space)
    return study


def best_after(n: int, seed: int, **options: Any) -> float:
    return ts.minimize(valley(0.0), CUBE, n_trials=n, sampler="gp", seed=seed, **options).best_value


# ------------------------------------------------------------------------------------------------- trials of a study


def test_trials_of_another_study_are_mapped_by_name() -> None:
    old = ts.create_study(sampler="random", seed=0)
    old.optimize(lambda t: t.suggest_float("b", 0, 2) + {"p": 0, "q": 1}[t.suggest_categorical("a", ["q", "p"])], 6)
    old.enqueue_trial({"b": 1.0})
    new = ts.create_study(sampler="random", space=Space(a=Categorical(["p", "q"]), b=Float(0, 2)), seed=1)
    new.add_trials(old)
    assert [(t.params, t.values) for t in new.trials] == [(t.params, t.values) for t in old.trials[:6]]
    assert [t.number for t in new.trials] == list(range(6))
    assert new.trials[0].system_attrs["added_from"] == old.study_name
    assert new.history.points(new.space)[:, 0].tolist() == [float(t.params["a"] == "q") for t in new.trials]
    assert new.best_value == min(t.value for t in old.trials[:6])


def test_trials_outside_the_declared_space_are_left_out_and_counted() -> None:
    old = ts.create_study(seed=0)
    for x, y in [(0.1, 1.0), (0.9, 2.0), (1.5, 3.0), (1.9, 4.0)]:
        params, ranges = {"x": x}, {"x": Float(0, 2)}
        old.add_trial(ts.create_trial(params=params, distributions=ranges, value=y))
    old.add_trial(ts.create_trial(params={"y": 1}, distributions={"y": Int(0, 3)}, value=5.0))
    old.add_trial(ts.create_trial(params={}, distributions={}, state=TrialState.FAIL))
    new = ts.create_study(space=Space(x=Float(0, 1)), seed=0)
    with pytest.warns(UserWarning, match=r"3 of 5 trials of .* were left out; the first because 'x': 1\.5 is out of"):
        new.add_trials(old)
    assert [t.value for t in new.trials] == [1.0, 2.0]
    free = ts.create_study(seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        free.add_trials(old)
    assert len(free.trials) == 5, "a study without a declared space takes them all"


def test_values_that_are_inactive_in_the_new_space_are_dropped() -> None:
    old = ts.minimize(lambda p: p["gamma"], {"kernel": ["rbf", "linear"], "gamma": Float(0, 1)}, n_trials=8, seed=0)
    new = ts.create_study(space=Space(kernel=["rbf", "linear"], gamma=Float(0, 1).when(kernel="rbf")), seed=0)
    new.add_trials(old)
    assert len(new.trials) == 8
    assert all(("gamma" in t.params) == (t.params["kernel"] == "rbf") for t in new.trials)


def test_added_trials_count_for_the_model() -> None:
    old = made(valley(0.0), CUBE, 40, seed=3)
    new = ts.create_study(sampler="gp", space=CUBE, seed=0)
    new.add_trials(old)
    trial = new.ask()
    assert valley(0.0)(trial.params) < np.median([t.value for t in old.trials])


def test_the_directions_must_agree() -> None:
    old = ts.create_study(direction="maximize", seed=0)
    with pytest.raises(
        ValueError, match=r"has the directions \['maximize'\], this one \['minimize'\].*warm_start_from"
    ):
        ts.create_study(seed=0).add_trials(old)


# ------------------------------------------------------------------------------------------------------------ beliefs

MIXED = Space(
    lr=Float(1e-5, 1e-1, log=True, prior=3e-4),
    layers=Int(1, 9, prior=4, prior_width=1),
    act=Categorical(["relu", "tanh", "gelu"], prior="gelu"),
    size=Ordinal(["s", "m", "l"], prior="m"),
    momentum=Float(0, 1, prior=0.9).when(act="tanh"),
    free=Float(0, 1),
)


@pytest.mark.parametrize("sampler", ["gp", "auto"])
@pytest.mark.parametrize("seed", range(3))
def test_the_first_trial_is_the_point_of_all_beliefs(sampler: str, seed: int) -> None:
    if sampler not in registry.names("samplers"):
        pytest.skip("not registered")
    first = ts.create_study(sampler=sampler, space=MIXED, seed=seed).ask().params
    assert {n: v for n, v in first.items() if n != "free"} == {"lr": 3e-4, "layers": 4, "act": "gelu", "size": "m"}


def test_half_of_the_first_points_follow_the_beliefs_and_half_do_not() -> None:
    space = Space(x=Float(0, 1, prior=0.2, prior_width=0.01), y=Float(0, 1))
    near = np.zeros(5)
    for seed in range(40):
        study = ts.create_study(sampler="gp", space=space, seed=seed)
        near += [abs(study.ask().params["x"] - 0.2) < 0.05 for _ in range(5)]
    share = near / 40
    assert share[0] == 1
    assert (share[[1, 3]] > 0.7).all()
    assert (share[[2, 4]] < 0.4).all()


def test_a_point_that_breaks_a_constraint_is_no_start() -> None:
    space = Space(a=Float(0, 1, prior=0.9), b=Float(0, 1, prior=0.1), constraints=lambda a, b: a < b)
    study = ts.create_study(sampler="gp", space=space, seed=0)
    for _ in range(6):
        p = study.ask().params
        assert p["a"] < p["b"]


def test_random_search_knows_no_beliefs() -> None:
    bare = Space({n: p.with_prior(None) for n, p in MIXED.params.items()})
    asked = [[ts.create_study(sampler="random", space=s, seed=4).ask().params for _ in range(3)] for s in (MIXED, bare)]
    assert asked[0] == asked[1]


def test_the_belief_adds_to_the_acquisition_with_its_gradient() -> None:
    features = FeatureMap(MIXED)
    z = features(MIXED.to_unit(MIXED.sample(np.random.default_rng(0), 30)))
    belief = PriorWeight(MIXED, features, 20, {})
    assert belief
    assert not PriorWeight(CUBE, FeatureMap(CUBE), 20, {})
    direct = sum(
        np.nan_to_num(prior.log_density(MIXED.to_unit(MIXED.sample(np.random.default_rng(0), 30))[:, j]))
        for j, prior in ((j, p.unit_prior()) for j, p in enumerate(MIXED.params.values()))
        if prior is not None
    )
    assert belief.value(z) == pytest.approx(PRIOR_BETA / 20 * direct)
    assert PriorWeight(MIXED, features, 40, {}).value(z) == pytest.approx(belief.value(z) / 2), "it fades as 1 / n"
    slope, h = belief.slope(z), 1e-6
    for j in range(len(features.ordered)):
        ends = [belief.value(z + s * h * np.eye(z.shape[1])[j]) for s in (1, -1)]
        assert slope[:, j] == pytest.approx((ends[0] - ends[1]) / (2 * h), abs=1e-6)


@pytest.mark.slow
def test_a_good_belief_helps_and_a_bad_one_costs_little() -> None:
    """Paired over 12 seeds, one-sided sign test at 12 trials (false alarms 2 %); the bad one against none at 40."""
    optimum = np.array([0.8, 0.25, 0.7, 0.3, 0.15])

    def believing(centre: np.ndarray) -> Space:
        return Space({n: Float(0, 1, prior=float(c)) for n, c in zip(CUBE, centre, strict=True)})

    def run(space: Space, n: int, seed: int) -> float:
        return ts.minimize(valley(0.0), space, n_trials=n, sampler="gp", seed=seed).best_value

    good = believing(np.clip(optimum + 0.05, 0, 1))
    wins = sum(run(good, 12, s) < run(CUBE, 12, s) for s in range(12))
    assert stats.binomtest(wins, 12, alternative="greater").pvalue < 0.02
    bad = believing(1.0 - optimum)
    lost = np.median([run(bad, 40, s) for s in range(8)]) - np.median([run(CUBE, 40, s) for s in range(8)])
    assert lost < 0.05, "of a range of about 4"


# ---------------------------------------------------------------------------------------------------- earlier studies


@pytest.mark.slow
def test_a_related_study_helps() -> None:
    """The optimum is shifted by 0.04 in each of five parameters; paired over 20 seeds at 15 trials.

    One-sided sign test: were the warm start of no use, it would pass with probability 0.006.
    """
    wins = 0
    for seed in range(20):
        old = made(valley(0.04), CUBE, 40, seed=100 + seed)
        wins += best_after(15, seed, warm_start_from=old) < best_after(15, seed)
    assert stats.binomtest(wins, 20, alternative="greater").pvalue < 0.01


@pytest.mark.slow
def test_a_misleading_study_costs_little() -> None:
    """The old study's best points are the new one's worst; after 40 trials little of that is left."""
    cold, warm = [], []
    for seed in range(12, 60):
        old = made(lambda p: -valley(0.0)(p), CUBE, 40, seed=100 + seed)
        cold.append(best_after(40, seed))
        warm.append(best_after(40, seed, warm_start_from=old))
    assert np.median(warm) < np.median(cold) + 0.02, "of a range of about 4"


def test_only_ranks_and_directions_count() -> None:
    """Another unit, skew or direction of the old study's values makes no difference."""
    space = CUBE
    plain = made(valley(0.1), space, 20, seed=0)
    other = ts.create_study(direction="maximize", seed=0, space=space)
    for t in plain.trials:
        other.add_trial(ts.create_trial(params=t.params, distributions=t.distributions, value=-np.exp(9 * t.value)))
    asked = []
    for old in (plain, other):
        study = ts.minimize(valley(0.0), space, n_trials=9, sampler="gp", seed=1, warm_start_from=[old])
        asked.append([t.params for t in study.trials])
    assert asked[0] == asked[1]


def test_the_first_trials_are_good_points_of_the_earlier_studies() -> None:
    olds = [made(valley(0.1 * k), CUBE, 30, seed=k) for k in range(2)]
    study = ts.create_study(sampler="gp", space=CUBE, seed=5, warm_start_from=olds)
    first = [study.ask().params for _ in range(3)]
    assert first[0] == olds[0].best_params
    assert first[1] == olds[1].best_params
    assert first[2] in [t.params for t in sorted(olds[0].trials, key=lambda t: t.value)[:3]]


@pytest.mark.parametrize("store", ["memory", "file"])
def test_a_resumed_study_goes_on_alike_without_the_earlier_one(store: str, tmp_path: Path) -> None:
    old = made(valley(0.1), CUBE, 20, seed=0)
    options: dict[str, Any] = {"sampler": "gp", "seed": 3, "study_name": "s"}
    whole = ts.minimize(valley(0.0), CUBE, n_trials=12, warm_start_from=old, **options)
    storage: Any = tmp_path / "a.db" if store == "file" else ts.create_study(seed=0).storage
    ts.minimize(valley(0.0), CUBE, n_trials=5, storage=storage, warm_start_from=old, **options)
    other = made(valley(0.5), CUBE, 20, seed=9)
    again = ts.minimize(valley(0.0), CUBE, n_trials=8, storage=storage, warm_start_from=other, **options)
    assert len(again.trials) == 8, "it keeps what it was created with"
    again = ts.minimize(valley(0.0), CUBE, n_trials=12, storage=storage, **options)
    assert [t.params for t in again.trials] == [t.params for t in whole.trials]
    copied = ts.copy_study(from_study_name="s", from_storage=storage, to_storage=None, to_study_name="t")
    assert len(copied.history.warm_start) == 1


def test_what_is_kept_is_small_and_exact() -> None:
    olds = [made(valley(0.1), CUBE, 12, seed=k) for k in range(5)]
    kept = json.loads(json.dumps(packed(olds)))
    for old, one in zip(olds, decode_warm_start(kept), strict=True):
        assert one.space == Space(CUBE)
        assert np.array_equal(one.x, old.history.points(one.space))
        assert np.argmin(one.q) == np.argmin(old.history.y[:, 0])
    assert len(json.dumps(kept)) < 5 * 12 * (D + 1) * 20, "bytes a number"
    with pytest.raises(StorageError, match="update tunesmith"):
        decode_warm_start({"version": 99, "studies": []})


def test_many_rows_are_thinned() -> None:
    space = Space(x=Float(0, 1))
    olds = []
    for k in range(5):
        study = ts.create_study(seed=k, study_name=f"s{k}")
        ranges = dict(space.params)
        x = np.random.default_rng(k).random(600)
        study.add_trials([ts.create_trial(params={"x": v}, distributions=ranges, value=(v - 0.3) ** 2) for v in x])
        olds.append(study)
    found = decode_warm_start(packed(olds))
    assert [len(e.q) for e in found] == [ROWS_KEPT_IN_ALL // 5] * 5
    assert all(e.q.min() == stats.norm.ppf(0.5 / 600) for e in found), "the quantiles are those of all rows"
    assert [len(e.q) for e in decode_warm_start(packed(olds[:1]))] == [500]


def test_failed_and_infeasible_trials_are_the_worst_and_pruned_ones_are_left_out() -> None:
    ranges = {"x": Float(0, 9)}

    def trial(x: float, **outcome: Any) -> Any:
        return ts.create_trial(params={"x": x}, distributions=ranges, **outcome)

    study = ts.create_study(seed=0)
    study.add_trials(
        [
            trial(0, value=1.0),
            trial(1, state=TrialState.FAIL),
            trial(2, value=0.5),
            trial(3, value=-9.0, constraints={"c": 1.0}),
            trial(4, value=-9.0, state=TrialState.PRUNED),
        ]
    )
    (one,) = decode_warm_start(packed([study]))
    assert one.x[:, 0].tolist() == [0, 1, 2, 3]
    assert one.q[1] == one.q[3] == one.q.max()
    assert one.q[2] < one.q[0] < one.q[1]


def trained(study: ts.Study, start: float = 5.0, epochs: int = 18) -> ts.Study:
    """A study of curves that fall by x each epoch; two of three trials are stopped after 6 of them."""
    for k in range(9):
        trial = study.ask()
        loss, cost = 1.0, start
        for epoch in range(1, epochs + 1 if k % 3 == 0 else 7):
            loss = 1.0 + trial.params["x0"] + 1.0 / epoch
            trial.report(loss, epoch, cost=cost + 2.0)
            cost = 0.0
        study.tell(trial, loss if k % 3 == 0 else None, state=None if k % 3 == 0 else TrialState.PRUNED)
    return study


def test_curves_of_earlier_studies_are_kept(tmp_path: Path) -> None:
    old = trained(ts.create_study(sampler="random", pruner="nop", space=CUBE, seed=0))
    none = made(valley(0.0), CUBE, 4, 0)
    new = ts.create_study(storage=tmp_path / "n.db", study_name="n", space=CUBE, warm_start_from=[old, none], seed=0)
    again = ts.load_study(storage=tmp_path / "n.db", study_name="n")
    for history in (new.history, again.history):
        curves = history.warm_start[0].curves
        assert curves is not None
        assert curves.positions.tolist() == [2, 6, 18]
        assert curves.start == pytest.approx(2.5)  # steps
        assert curves.step_cost == pytest.approx(2.0)
        assert np.isfinite(curves.s).sum(axis=0).tolist() == [9, 9, 3]
        assert (np.diff(curves.s[:3:3], axis=1) < 0).all()
        seen = curves.s[np.isfinite(curves.s)]
        assert (seen.mean(), seen.std()) == pytest.approx((0, 1), abs=1e-9)
        first, second = curves.s[:, 0], curves.s[:, 1]
        assert np.array_equal(np.argsort(first), np.argsort(second)), "the order of runs at the rungs is kept"
        assert history.warm_start[1].curves is None


def test_a_warm_start_of_before_has_no_curves_and_damaged_ones_are_refused() -> None:
    data = packed([trained(ts.create_study(sampler="random", pruner="nop", space=CUBE, seed=0))])
    kept = data["studies"][0]
    assert json.loads(json.dumps(data)) == data
    del kept["curves"]
    assert decode_warm_start(data)[0].curves is None
    for wrong in ({}, {"positions": [6, 2], "rows": 1}, {"positions": [2], "rows": 10**9}):
        kept["curves"] = {"data": "", "start": None, "step_cost": None, **wrong}
        with pytest.raises(StorageError, match="warm start is damaged"):
            decode_warm_start(data)


def test_other_spaces() -> None:
    """By name and label; values out of range and unknown labels drop the row, unknown names the column."""
    nan = np.nan
    earlier = SourceStudy(
        Space(n=Int(1, 8), act=Categorical(["b", "a", "z"]), size=Int(16, 64, step=16), gone=Float(0, 1)),
        np.array([[2, 0, 16, 0.5], [8, 1, 32, 0.5], [3, 2, 32, 0.5], [4, 1, 48, 0.5], [5, nan, 64, 0.5]], float),
        np.arange(5.0),
    )
    new = Space(
        act=Categorical(["a", "b", "c"]), n=Float(1, 5), extra=Float(0, 1), size=Ordinal([16, 32, 64]),
        under=Float(0, 1).when(act="a"),
    )  # fmt: skip
    rows = AlignedSource(earlier, new)
    assert rows.known.tolist() == [True, True, False, True, False]
    assert rows.q.tolist() == [0, 4], "8 is out of range, 'z' and 48 are no choices"
    assert np.array_equal(rows.x, [[1, 2, nan, 0, nan], [nan, 5, nan, 2, nan]], equal_nan=True)
    assert np.array_equal(best_points([earlier], new)[0], rows.x[0], equal_nan=True)
    study = ts.create_study(sampler="gp", space=new, seed=0)
    study.history.warm_start = (earlier,)
    asked = study.ask().params
    assert (asked["act"], asked["n"], asked["size"]) == ("b", 2.0, 16)
    assert 0 <= asked["extra"] <= 1


@pytest.mark.parametrize(
    ("new", "valid"),
    [
        (Int(1, 8), 4),
        (Int(1, 9, step=2), 3),
        (Int(1, 64, log=True), 4),
        (Float(0, 10, step=0.5), 3.5),
        (Float(0, 10), 3.7),
    ],
)
def test_values_between_those_of_the_new_space_are_rounded_where_they_are_tried(new: Parameter, valid: float) -> None:
    """The model keeps what was evaluated, 3.7; the trial has a value that the new space has."""
    x = np.array([[3.7], [9.0], [0.2], [6.1], [8.8]])
    earlier = SourceStudy(Space(n=Float(0, 10)), x, np.arange(5.0))
    space = Space(n=new)
    assert AlignedSource(earlier, space).x[0] == 3.7
    tried = best_points([earlier], space)
    assert tried[0] == pytest.approx(valid)
    assert space.contains_rows(tried).all()
    study = ts.create_study(sampler="gp", space=space, seed=0)
    study.history.warm_start = (earlier,)
    assert study.ask().params["n"] == tried[0, 0]


def test_a_step_that_is_met_but_for_rounding_is_met_exactly() -> None:
    space = Space(n=Float(0, 1, step=0.1))
    earlier = SourceStudy(Space(n=Float(0, 1)), np.array([[0.30000000000000004], [0.7], [0.1]]), np.arange(3.0))
    for value in best_points([earlier], space)[:, 0]:
        assert space["n"].to_internal(float(value)) == value
    assert best_points([earlier], space)[0, 0] == space["n"].to_internal(0.3)


@pytest.mark.parametrize("k", [1, 2, 3, 9])
def test_the_search_for_the_next_point_starts_from_few_points_of_earlier_studies(k: int) -> None:
    """Three of each and six in all, the best of every study before the second of any."""
    rng = np.random.default_rng(0)
    olds = [SourceStudy(CUBE, rng.random((8, D)), rng.permutation(8).astype(float)) for _ in range(k)]
    good = SourceModels(olds, CUBE, FeatureMap(CUBE), Prior()).good
    assert good.shape == (min(3 * k, 6), D)
    for row, old in zip(good, olds, strict=False):
        assert np.array_equal(row, CUBE.to_unit(old.x)[old.q.argmin()])
    assert SourceModels([], CUBE, FeatureMap(CUBE), Prior()).good.shape == (0, D)


@pytest.mark.parametrize("other", [Space(q=Float(0, 1)), Space(x0=Categorical(["a", "b"]), x1=Float(5, 6))])
def test_a_study_of_something_else_does_no_harm(other: Space) -> None:
    old = ts.minimize(lambda p: float(len(p)), other, n_trials=6, sampler="random", seed=0)
    study = ts.minimize(valley(0.0), CUBE, n_trials=10, sampler="gp", seed=0, warm_start_from=old)
    assert len(study.trials) == 10


def test_define_by_run_studies_on_both_sides() -> None:
    def objective(trial: ts.Trial) -> float:
        if trial.suggest_categorical("model", ["svm", "tree"]) == "svm":
            return abs(np.log10(trial.suggest_float("C", 1e-3, 1e3, log=True)) - 1)
        return 0.5 + abs(trial.suggest_int("depth", 1, 20) - 4) / 10

    old = ts.create_study(sampler="random", seed=0)
    old.optimize(objective, n_trials=30)
    study = ts.create_study(sampler="gp", seed=1, warm_start_from=old)
    study.optimize(objective, n_trials=12)
    assert study.best_value < 0.3


def test_a_union_of_spaces() -> None:
    space = Space([{"kernel": ["linear"], "C": Float(1e-2, 1e2, log=True)}, {"kernel": ["rbf"], "C": Float(0, 1)}])
    old = ts.minimize(lambda p: abs(p["C"] - 0.5), space, n_trials=20, sampler="random", seed=0)
    study = ts.create_study(sampler="gp", space=space, seed=0, warm_start_from=old)
    assert study.ask().params["kernel"] == old.best_params["kernel"]
    new = ts.create_study(space=space, seed=0)
    new.add_trials(old)
    assert [t.params for t in new.trials] == [t.params for t in old.trials]


def test_arguments_are_checked() -> None:
    two = ts.create_study(directions=["minimize", "minimize"], seed=0)
    with pytest.raises(ValueError, match="takes studies, such as load_study"):
        ts.create_study(warm_start_from=["name"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="has several"):
        ts.create_study(warm_start_from=two)
    with pytest.raises(ValueError, match=r"one objective.*add_trials"):
        ts.create_study(directions=["minimize", "maximize"], warm_start_from=[ts.create_study(seed=0)])
    with pytest.warns(UserWarning, match="no complete trial, so there is nothing to learn"):
        study = ts.create_study(warm_start_from=ts.create_study(seed=0))
    assert study.history.warm_start == ()
    assert WARM_START in study.system_attrs


def test_workers_that_start_together_try_different_points() -> None:
    old = made(valley(0.1), CUBE, 20, seed=0)
    space = Space({n: Float(0, 1, prior=0.5) for n in CUBE})
    study = ts.create_study(sampler="gp", space=space, seed=0, warm_start_from=old)
    asked = [tuple(study.ask().params.values()) for _ in range(6)]
    assert len(set(asked)) == 6


# ----------------------------------------------------------------------------------------------------------- numerics


def test_normal_quantiles() -> None:
    q = normal_quantiles(np.array([3.0, -np.inf, np.nan, 1.0, 1.0, np.inf]))
    assert q[1] == q.min() < q[3] == q[4] < q[0] < q[5] < q[2]
    assert normal_quantiles(np.array([np.nan, 1.0, np.nan]))[[0, 2]].tolist() == pytest.approx(
        [stats.norm.ppf(2 / 3)] * 2
    )
    assert normal_quantiles(np.arange(9.0)) == pytest.approx(-normal_quantiles(-np.arange(9.0)))
    assert normal_quantiles(np.empty(0)).shape == (0,)


def test_thinning_keeps_the_best() -> None:
    q = np.random.default_rng(0).permutation(100).astype(float)
    rows = best_and_spread(q, 20)
    assert len(set(rows.tolist())) == 20
    assert (np.diff(rows) > 0).all()
    assert set(range(10)) <= set(q[rows].astype(int))
    assert q[rows].max() == 99
    assert best_and_spread(q, 100).tolist() == list(range(100))


def test_weights_follow_the_evidence() -> None:
    rng = np.random.default_rng(0)
    t = rng.standard_normal(12)
    noise = rng.standard_normal(12)
    m = np.column_stack([t, -t, noise])
    b = weights(t, m, np.eye(12), 0.7, 0.5)
    assert b[0] > 0.5
    assert b[1] == 0
    assert 0 <= b[2] < 0.4
    assert weights(np.zeros(0), np.zeros((0, 2)), np.eye(0), 0.7, 0.5) == pytest.approx([0.35, 0.35])


def test_the_mean_of_a_process_and_its_gradient() -> None:
    rng = np.random.default_rng(0)
    z, t = rng.random((20, 3)), rng.standard_normal(20)
    model = Posterior(z, np.arange(3), t, fit(z, np.arange(3), t, Prior()))
    mean = PosteriorMean(model.a, model.alpha, model.scale)
    at = rng.random((7, 3))
    assert mean.value(at) == pytest.approx(model.predict(at)[0])
    value, slope = mean.gradient(at)
    assert value == pytest.approx(model.predict(at)[0])
    assert slope == pytest.approx(model.predict_gradient(at)[2])


def test_the_model_with_earlier_studies() -> None:
    """Its gradient is the derivative, and with no result of its own to contradict them it follows them."""
    old = made(valley(0.0), CUBE, 40, seed=0)
    features = FeatureMap(CUBE)
    sources = SourceModels(decode_warm_start(packed([old])), CUBE, features, Prior())
    x = CUBE.sample(np.random.default_rng(0), 8)
    z = features(x)
    y = np.array([valley(0.0)(p) for p in CUBE.decode(x)])
    t = (y - y.mean()) / y.std()
    theta = fit(z, features.group, t)
    own = Posterior(z, features.group, t, theta)
    model = sources.combine(own, z, t)
    far = features(CUBE.sample(np.random.default_rng(1), 50))
    truth = [valley(0.0)(p) for p in CUBE.decode(far)]
    assert stats.kendalltau(model.predict(far)[0], truth)[0] > stats.kendalltau(own.predict(far)[0], truth)[0]
    mean, variance, d_mean, d_variance = model.predict_gradient(far)
    assert mean == pytest.approx(model.predict(far)[0])
    assert variance == pytest.approx(model.predict(far)[1])
    for j in range(D):
        step = 1e-6 * np.eye(D)[j]
        up, down = model.predict(far + step), model.predict(far - step)
        assert d_mean[:, j] == pytest.approx((up[0] - down[0]) / 2e-6, abs=1e-5)
        assert d_variance[:, j] == pytest.approx((up[1] - down[1]) / 2e-6, abs=1e-5)
    assert sources.combine(Posterior(z, features.group, -t, theta), z, -t).predict(z)[0] == pytest.approx(
        Posterior(z, features.group, -t, theta).predict(z)[0]
    ), "an earlier study that says the opposite is dropped"


def test_a_sampler_object_may_change_between_studies() -> None:
    """What it keeps of one warm start is no part of another."""
    olds = [decode_warm_start(packed([made(valley(0.2 * k), CUBE, 20, seed=k)])) for k in range(2)]
    histories = []
    for earlier in (*olds, ()):
        history = History(CUBE)
        history.warm_start = earlier
        x = CUBE.sample(np.random.default_rng(0), 8)
        for i, row in enumerate(x):
            history.append(i, TrialState.COMPLETE, CUBE, row, [float(row.sum())])
        histories.append(history)
    used = GPSampler()
    answers = []
    for history in (*histories, *histories):
        fresh = GPSampler().ask(history, CUBE, np.random.default_rng(1), 1)[0]
        assert np.array_equal(used.ask(history, CUBE, np.random.default_rng(1), 1)[0], fresh)
        answers.append(fresh)
    assert not np.array_equal(answers[0], answers[2])
