"""The Parzen sampler: better than random search, at home in trees, bounded in work, and never at a loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

import tunesmith as ts
from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.samplers import TPESampler
from tunesmith.samplers.tpe import state as module
from tunesmith.space import Categorical, Float, Int, Ordinal, Space

COMPLETE, FAIL, PRUNED = TrialState.COMPLETE, TrialState.FAIL, TrialState.PRUNED


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def run(space: Space, fn: Callable[[dict[str, Any]], Any], trials: int, seed: int = 0, **options: int) -> History:
    """A search without a study; fn returns the value, None for a failure, or (value, constraint)."""
    history, sampler = History(space), TPESampler(**options)
    for k in range(trials):
        x, states = sampler.ask(history, space, rng(seed, k), 1)
        y, c = fn(space.decode_row(x[0].tolist())), None
        if isinstance(y, tuple):
            y, c = y[0], {"c": y[1]}
        state = FAIL if y is None else COMPLETE
        values = None if y is None else [y]
        history.append(k, state, space, x[0].tolist(), values, sampler_state=int(states[0]), constraints=c)
    return history


def told(space: Space, x: np.ndarray, y: list[float], state: TrialState = COMPLETE) -> History:
    history = History(space)
    for k, (row, value) in enumerate(zip(x, y, strict=True)):
        history.append(k, state, space, row.tolist(), [value])
    return history


def bowl(p: dict[str, Any]) -> float:
    return float((p["x"] - 0.3) ** 2 + (p["y"] + 0.7) ** 2)


def mixed(p: dict[str, Any]) -> float:
    layers = abs(p["layers"] - 3)
    return float((np.log10(p["lr"]) + 2) ** 2 + layers + {"relu": 0.0, "tanh": 0.5, "none": 2.0}[p["act"]])


def tree(p: dict[str, Any]) -> float:
    return float((np.log10(p["C"]) - 1) ** 2 if p["model"] == "svm" else 0.5 + abs(p["depth"] - 4) / 10)


TREE = Space(model=["svm", "tree"], C=Float(1e-3, 1e3, log=True).when(model="svm"), depth=Int(1, 20).when(model="tree"))
CASES: dict[str, tuple[Callable[[dict[str, Any]], float], Space]] = {
    "floats": (bowl, Space(x=Float(-1, 1), y=Float(-1, 1))),
    "mixed": (
        mixed,
        Space(lr=Float(1e-5, 1, log=True), layers=Int(1, 8), act=["relu", "tanh", "none"], unused=Ordinal([1, 2, 4])),
    ),
    "conditional": (tree, TREE),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_beats_random_search(case: str) -> None:
    """Mann-Whitney test, one-sided, 20 seeds each, 40 trials; no better than random passes with probability 0.01."""
    fn, space = CASES[case]
    found = [float(run(space, fn, 40, seed=s).y.min()) for s in range(20)]
    random = [min(fn(p) for p in space.decode(space.sample(rng(s, 1), 40))) for s in range(20)]
    assert stats.mannwhitneyu(found, random, alternative="less").pvalue < 0.01


def test_a_tree_is_searched_in_its_best_branch() -> None:
    for seed in range(5):
        history = run(TREE, tree, 60, seed=seed)
        late = TREE.decode(history.points(TREE)[40:])
        assert sum(p["model"] == "svm" for p in late) >= 13


def test_an_undeclared_tree_is_searched_in_its_best_branch() -> None:
    def objective(trial: ts.Trial) -> float:
        if trial.suggest_categorical("model", ["svm", "tree"]) == "svm":
            return (math.log10(trial.suggest_float("C", 1e-3, 1e3, log=True)) - 1) ** 2
        return 0.5 + abs(trial.suggest_int("depth", 1, 20) - 4) / 10

    study = ts.create_study(sampler=TPESampler(), seed=3)
    study.optimize(objective, n_trials=60)
    assert sum(t.params["model"] == "svm" for t in study.trials[40:]) >= 13
    assert study.best_value < 0.05


def test_finite_spaces_are_searched_without_repeats() -> None:
    space = Space(a=Int(0, 4), b=Categorical(["x", "y", "z"]), c=Ordinal([1, 2]))
    history = run(space, lambda p: p["a"] + (p["b"] == "y") + p["c"], 30, seed=1)
    assert len(np.unique(history.points(space), axis=0)) == 30
    more = run(space, lambda p: p["a"], 33)
    assert len(more) == 33  # and goes on when all are tried


def test_a_finite_tree_is_searched_without_repeats() -> None:
    space = Space(model=["p", "q"], k=Int(0, 4).when(model="p"))
    history = run(space, lambda p: p.get("k", 2.5), 6)
    assert len({tuple(p.items()) for p in space.decode(history.points(space))}) == 6


def test_running_points_are_not_proposed_again_and_push_others_away() -> None:
    space = Space(k=Int(1, 6))
    history = told(space, np.array([[1.0], [3.0]]), [1.0, 0.0])
    sampler = TPESampler(n_startup_trials=1)
    x, _ = sampler.ask(history, space, rng(0), 4)
    assert sorted(x[:, 0].tolist()) == [2.0, 4.0, 5.0, 6.0]
    for k, row in enumerate(x[:3]):
        history.begin(10 + k, space, row.tolist())
    last, _ = sampler.ask(history, space, rng(1), 1)
    assert last[0, 0] == x[3, 0]


def test_infeasible_trials_rank_behind_by_their_violation() -> None:
    space = Space(x=Float(0, 1), y=Float(0, 1))
    history = run(space, lambda p: (p["x"], 0.6 - p["x"]), 60, seed=2)
    late = history.points(space)[30:, 0]
    assert np.median(np.abs(late - 0.6)) < 0.1
    hopeless = run(space, lambda p: (0.0, 1 + abs(p["x"] - 0.8)), 60, seed=2)  # nothing is feasible
    assert np.median(np.abs(hopeless.points(space)[30:, 0] - 0.8)) < 0.1


def test_failures_and_infinities_are_bad() -> None:
    space = Space(x=Float(0, 1))
    for worst in (None, math.inf):
        history = run(space, lambda p, bad=worst: bad if p["x"] > 0.5 else (p["x"] - 0.3) ** 2, 50, seed=1)
        late = history.points(space)[20:, 0]
        assert (late <= 0.5).mean() > 0.75
        assert np.isfinite(late).all()


def test_pruned_trials_rank_by_their_last_report_behind_the_complete() -> None:
    space = Space(x=Float(0, 1))
    history = told(space, np.linspace(0, 1, 40)[:, None], [abs(x - 0.2) for x in np.linspace(0, 1, 40)], PRUNED)
    x = np.concatenate([TPESampler().ask(history, space, rng(k), 1)[0] for k in range(20)])
    assert np.median(np.abs(x - 0.2)) < 0.15


def test_several_objectives_approach_the_front() -> None:
    """Fonseca & Fleming's problem: the front is where all coordinates are equal, near the middle."""
    space = Space({f"x{i}": Float(-4, 4) for i in range(3)})

    def objective(p: dict[str, float]) -> tuple[float, float]:
        v = np.array(list(p.values()))
        return tuple(float(1 - np.exp(-((v + s / math.sqrt(3)) ** 2).sum())) for s in (-1, 1))  # type: ignore[return-value]

    def hypervolume(sampler: str, seed: int) -> float:
        study = ts.create_study(
            sampler=TPESampler() if sampler == "tpe" else sampler, directions=["minimize", "minimize"], seed=seed
        )
        study.optimize(objective, n_trials=60, space=space)
        y = np.array([t.values for t in study.trials])
        return float(np.mean([(y <= r).all(axis=1).any() for r in np.random.default_rng(0).random((2000, 2))]))

    wins = sum(hypervolume("tpe", s) > hypervolume("random", s) for s in range(10))
    assert wins >= 9  # a sampler no better than random passes with probability 0.011


@pytest.mark.parametrize(
    ("d", "y"),
    [
        (2, [1.0] * 12),
        (2, [1e300, -1e300, 1e-300] * 4),
        (2, [math.inf] * 12),
        (2, [-math.inf, math.inf, 0.0] * 4),
        (2, [math.nan] * 12),
        (100, list(range(12))),
    ],
)
@pytest.mark.parametrize("same", [False, True])
def test_nothing_upsets_it(d: int, y: list[float], same: bool) -> None:
    """Equal values, duplicates, huge values, infinities, failures only, one observation, many parameters."""
    space = Space({f"x{i}": Float(0, 1) for i in range(d)})
    x = np.full((12, d), 0.3) if same else rng(0).random((12, d))
    for n in (1, 2, 12):
        state = FAIL if math.isnan(y[0]) else COMPLETE
        history = told(space, x[:n], [float(v) for v in y[:n]], state)
        for startup in (1, 5):
            found, _ = TPESampler(n_startup_trials=startup).ask(history, space, rng(1), 3)
            assert space.contains_rows(found).all()


def test_the_number_of_kernels_is_bounded() -> None:
    """Work does not grow with the number of trials, though the best, the next and the latest are all heard."""
    space = Space(x=Float(0, 1))
    for n in (600, 2800):
        x = rng(n).random((n, 1))
        state = TPESampler().initial_state(space, 1)
        history = told(space, x, x[:, 0].tolist())
        state.add_rows(history, 0, n)
        order = state.ranking()
        assert x[order, 0].tolist() == sorted(x[:, 0])
        model = state.model(history, np.empty((0, 1)), None)
        g = model.bad
        assert g is not None
        assert len(g.rows) <= module.MAX_BAD_KERNELS
        row_at = {v: row for row, v in enumerate((x[:, 0] - 0.5).astype(np.float32).tolist())}
        good = [row_at[v] for v in model.good.rows.v[0].tolist()]
        assert good == order[: module.MAX_GOOD_TRIALS].tolist()
        bad = {row_at[v] for v in g.rows.v[0].tolist()}
        assert len(bad) == len(g.rows)
        assert set(order[25 : 25 + module.NEXT_BAD_KERNELS].tolist()) <= bad
        assert set(range(n - module.LATEST_BAD_KERNELS, n)) - set(good) <= bad


@pytest.mark.parametrize("running", [0, 2])
def test_what_it_knows_follows_from_the_number_of_trials(running: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many trials are learnt a few at once: a sampler that was there from the first one and a new one know the same."""
    monkeypatch.setattr(module, "LEARN_AT_ONCE_DIVISOR", 50)
    space = Space(model=["a", "b"], x=Float(0, 1), k=Int(0, 40).when(model="a"))
    x = space.sample(rng(1), 264)
    y = np.nansum((x - 0.3) ** 2, axis=1).tolist()
    history, old = History(space), TPESampler()
    for n, row in enumerate(x[: 264 - running]):
        history.append(n, COMPLETE, space, row.tolist(), [y[n]])
        proposal, _ = old.ask(history, space, rng(n), 1)
        if n in (98, 149, 151, 255, 259, 260, 261):
            for k, ahead in enumerate(x[264 - running :]):
                history.begin(1000 + k, space, ahead.tolist())
            np.testing.assert_array_equal(
                old.ask(history, space, rng(n), 3)[0], TPESampler().ask(history, space, rng(n), 3)[0]
            )
            for k in range(running):
                history.end(1000 + k)
        assert proposal.tobytes() not in {known.tobytes() for known in history.points(space)}


@pytest.mark.parametrize("name", ["n_startup_trials", "n_ei_candidates"])
def test_errors(name: str) -> None:
    with pytest.raises(ValueError, match=f"TPESampler: {name} must be 1 or more; got 0"):
        TPESampler(**{name: 0})


def test_thousands_of_choices() -> None:
    space = Space(c=Categorical(range(3000)), x=Float(0, 1))
    history = run(space, lambda p: abs(p["c"] - 7) + p["x"], 40)
    assert space.contains_rows(history.points(space)).all()
