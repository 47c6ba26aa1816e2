"""The Gaussian process in conditional spaces: which branch the next trial goes into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from tests.samplers.searching import search

import tunesmith as ts
from tunesmith.samplers import GPSampler
from tunesmith.samplers.gp.branches import TRIALS_BEFORE_BRANCHES, Branch, promising_branch
from tunesmith.space import Categorical, Float, Int, Space

TREE = Space(
    model=["svm", "tree"],
    C=Float(0, 1).when(model="svm"),
    booster=Categorical(["gb", "dart"]).when(model="tree"),
    depth=Int(1, 20).when(model="tree"),
    rate=Float(0, 1).when(booster="dart"),
)
SVM, GB, DART = (
    {"model": "svm", "C": 0.5},
    {"model": "tree", "booster": "gb", "depth": 3},
    {"model": "tree", "booster": "dart", "depth": 3, "rate": 0.5},
)
NONE = np.empty((0, len(TREE)))


def chosen(
    trials: list[tuple[dict[str, Any], float]], running: list[dict[str, Any]] | None = None, turn: int = 0
) -> Any:
    x, y = TREE.encode([p for p, _ in trials]), np.array([v for _, v in trials])
    return promising_branch(TREE, x, y, TREE.encode(running) if running else NONE, x[int(y.argmin())], 0)


def test_a_branch_with_a_wide_spread_and_few_trials_is_next() -> None:
    steep, exhausted = [(GB, v) for v in (5.0, 3.0, 1.0)], [(SVM, 0.5 + 0.001 * k) for k in range(12)]
    assert chosen(steep + exhausted) == {"model": "tree", "booster": "dart"}, "never tried, beside gb"
    assert chosen([*steep, (DART, 9.0), (DART, 8.0), *exhausted]) == {"model": "tree", "booster": "gb"}
    flat = [(GB, v) for v in (5.0, 5.001, 5.002)]
    assert chosen(flat + [(SVM, 0.5 + 0.1 * k) for k in range(12)]) is None, "the best trial's own"


def test_few_trials_choose_no_branch() -> None:
    trials = [(SVM, 0.1 + 0.01 * k) for k in range(TRIALS_BEFORE_BRANCHES)]
    assert chosen(trials[:-1]) is None
    assert chosen(trials) == {"model": "tree", "booster": "gb"}


def test_running_trials_count() -> None:
    trials = [(GB, v) for v in (5.0, 3.0, 1.0)] + [(SVM, 0.5 + 0.001 * k) for k in range(12)]
    assert chosen(trials, [DART]) == {"model": "tree", "booster": "gb"}
    assert chosen(trials, [GB, DART] * 20) is None


def test_a_branch_in_which_every_trial_fails_gets_few() -> None:
    """Failed and pruned trials count as the worst value that was seen."""

    def loss(trial: ts.Trial) -> float:
        if trial.suggest_categorical("model", ["a", "b", "c"]) == "a":
            return trial.suggest_float("x", 0, 1) ** 2
        if trial.params["model"] == "b":
            trial.suggest_float("y", 0, 1)
            raise ts.TrialPruned
        raise ZeroDivisionError

    study = ts.create_study(sampler="gp", seed=0)
    study.optimize(loss, n_trials=40, catch=(ZeroDivisionError,))
    count = {m: sum(t.params["model"] == m for t in study.trials) for m in "abc"}
    assert count["a"] >= 25
    assert study.best_value < 1e-3


@pytest.mark.parametrize(
    "parent",
    [
        Int(1, 3),
        Int(1, 4, log=True),
        Categorical([False, True, 1]),
        Categorical({"none": "passthrough", "pca": object(), "ica": object()}),
        Float(0, 1, step=0.5),
    ],
    ids=["int", "log", "bool", "labels", "step"],
)
def test_parents_of_each_kind_have_branches(parent: Any) -> None:
    values = [parent.to_label(float(v)) for v in parent.cells(np.arange(3))]
    space = Space(p=parent, a=Float(0, 1).when(p=values[1]), b=Float(0, 1).when(p=values[2]))
    x = space.encode([{"p": values[0]}] * 9 + [{"p": values[1], "a": 0.5}])
    found = promising_branch(space, x, np.arange(10.0), NONE[:, :3], x[0], 0)
    assert found is not None
    branch = Branch(space, found)
    drawn = branch.from_unit(np.random.default_rng(0).random((20, 3)))
    assert branch.holds(space.to_unit(drawn)).all()
    assert {repr(parent.to_label(float(v))) for v in drawn[:, 0]} == {repr(found["p"])}


def test_independent_parents_take_turns() -> None:
    space = Space(a=["x", "y"], b=["u", "v"], p=Float(0, 1).when(a="y"), q=Float(0, 1).when(b="v"))
    x = space.encode([{"a": "x", "b": "u"}] * 10)
    for turn, expected in ((0, {"a": "y"}), (1, {"b": "v"})):
        assert promising_branch(space, x, np.linspace(0, 1, 10), NONE[:, :4], x[0], turn) == expected


def test_the_way_into_a_branch_of_a_branch() -> None:
    branch = Branch(TREE, {"booster": "dart"})
    for params in TREE.decode(branch.from_unit(np.random.default_rng(0).random((20, 5)))):
        assert (params["model"], params["booster"]) == ("tree", "dart")
    assert branch.holds(TREE.to_unit(TREE.encode([SVM, GB, DART]))).tolist() == [False, False, True]


def test_a_space_without_branches_is_searched_without_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    space = Space(a=["x", "y"], b=Float(0, 1), n=Int(1, 5))
    assert promising_branch(space, np.zeros((9, 3)), np.arange(9.0), NONE[:, :3], np.zeros(3), 0) is None

    def loss(u: np.ndarray) -> float:
        return float(((u - 0.3) ** 2).sum())

    before = search(GPSampler(), space, loss, 20, workers=2)
    monkeypatch.setattr("tunesmith.samplers.gp.proposers.promising_branch", None)
    np.testing.assert_array_equal(search(GPSampler(), space, loss, 20, workers=2).points(space), before.points(space))


@pytest.mark.parametrize("workers", [1, 4])
def test_a_search_that_is_loaded_again_goes_on_alike(workers: int) -> None:
    def loss(u: np.ndarray) -> float:
        return float(np.nansum((u - 0.3) ** 2))

    through, again = (search(GPSampler, TREE, loss, 30, seed=2, workers=workers, anew=anew) for anew in (0, 1))
    np.testing.assert_array_equal(through.points(TREE), again.points(TREE))


@pytest.mark.parametrize("declared", [True, False])
def test_a_trial_tells_its_branch(declared: bool) -> None:
    def loss(trial: ts.Trial) -> float:
        if trial.suggest_categorical("kind", ["flat", "steep"]) == "flat":
            return 0.4 + 0.1 * trial.suggest_float("a", 0, 1)
        return sum(abs(trial.suggest_float(n, 0, 1) - 0.7) for n in "bcd")

    kind = Categorical(["flat", "steep"])
    tree = Space(kind=kind, a=Float(0, 1).when(kind="flat"), **{n: Float(0, 1).when(kind="steep") for n in "bcd"})
    told: list[ts.FrozenTrial] = []
    for seed in range(3):
        study = ts.create_study(seed=seed, space=tree if declared else None)
        study.optimize(loss, n_trials=30)
        told += [t for t in study.trials if "branch" in t.system_attrs.get("proposed_by", "")]
    assert told
    for trial in told:
        assert trial.system_attrs["proposed_by"].endswith(f"kind = {trial.params['kind']!r}")


BRANCHES = Space(
    {"b": ["p", "q", "r"], "s": Float(0, 1)} | {f"{b}{j}": Float(0, 1).when(b=b) for b in "pqr" for j in range(4)}
)


@pytest.mark.slow
def test_the_first_good_branch_is_not_the_last() -> None:
    """The best branch is the steepest, so a handful of trials there look bad.

    Without care 2 of 6 seeds left the first branch (0.15) within 100 trials; all of 4 would by a chance of about 1 %.
    """
    centre = np.random.default_rng(6).random((3, 4))

    def loss(p: Mapping[str, Any]) -> float:
        k = "pqr".index(p["b"])
        x = np.array([p[f"{p['b']}{j}"] for j in range(4)])
        bowl = float((1.0, 2.0, 6.0)[k] * ((x - centre[k]) ** 2).sum())
        return (0.15, 0.05, 0.0)[k] + bowl + float((p["s"] - 0.3) ** 2)

    found = [ts.minimize(loss, BRANCHES, n_trials=100, sampler="gp", seed=seed).best_value for seed in range(4)]
    assert max(found) < 0.1
