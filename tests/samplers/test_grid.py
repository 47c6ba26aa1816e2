"""The grid: each cell once, in order or at random, whoever asks and however often the study is taken up again."""

from __future__ import annotations

import math
import tracemalloc
from collections import Counter
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

import tunesmith as ts
from tunesmith import SpaceError, TrialState
from tunesmith.history import History
from tunesmith.samplers import GridSampler
from tunesmith.samplers.base import decode_states
from tunesmith.space import Categorical, Float, Int, Space
from tunesmith.testing.histories import spaces

SMALL = Space(a=Int(1, 3), b=Categorical(["x", "y"]))


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def run_out(sampler: GridSampler, space: Space, n: int = 1, seed: int = 0) -> list[tuple[float, ...]]:
    """Ask until there is nothing left; the points in order."""
    history, found = History(space), []
    while True:
        x, states = sampler.ask(history, space, rng(seed, len(history)), n)
        for row, state in zip(x, states.tolist(), strict=True):
            found.append(tuple(row.tolist()))
            history.append(len(history), TrialState.COMPLETE, space, row.tolist(), [0.0], sampler_state=state)
        if len(x) < n:
            return found


# ------------------------------------------------------------------------------------------------------- coverage


@pytest.mark.parametrize("order", ["sequential", "random"])
@pytest.mark.parametrize("n", [1, 2, 4, 100])
def test_every_cell_once(order: str, n: int) -> None:
    found = run_out(GridSampler(order=order), SMALL, n)
    assert sorted(found) == [(float(a), float(b)) for a, b in product((1, 2, 3), (0, 1))]


def test_sequential_is_the_order_of_the_grid() -> None:
    assert [tuple(row) for row in SMALL.grid()] == run_out(GridSampler(), SMALL)


@given(space=spaces(finite=True, max_params=3), order=st.sampled_from(["sequential", "random"]), n=st.integers(1, 7))
@settings(max_examples=settings().max_examples // 2)
def test_conditional_spaces_are_covered_exactly(space: Space, order: str, n: int) -> None:
    found = run_out(GridSampler(order=order), space, n)
    keys = [np.array(row).tobytes() for row in found]
    assert len(set(keys)) == len(keys) == space.n_cells
    assert space.contains_rows(np.array(found).reshape(len(found), len(space))).all()


def test_cells_that_break_a_constraint_are_left_out() -> None:
    space = Space(low=Int(0, 4), high=Int(0, 4), constraints=lambda low, high: low < high)
    assert len(run_out(GridSampler(order="random"), space)) == 10
    nothing = Space(a=Int(0, 4), constraints=lambda a: a > 9)
    assert run_out(GridSampler(), nothing) == []


def test_a_space_without_parameters_has_one_cell() -> None:
    assert run_out(GridSampler(), Space()) == [()]


def test_resolution() -> None:
    space = Space(lr=Float(1e-4, 1, log=True), k=Int(1, 2))
    assert np.unique([row[0] for row in run_out(GridSampler(resolution=5), space)]) == pytest.approx(
        [1e-4, 1e-3, 1e-2, 1e-1, 1]
    )
    some = run_out(GridSampler(resolution={"lr": [0.01, 0.1]}), space)
    assert some == [(0.01, 1.0), (0.01, 2.0), (0.1, 1.0), (0.1, 2.0)]


# ---------------------------------------------------------------------------------------------------- random order


@pytest.mark.slow
def test_every_order_is_equally_likely() -> None:
    # 24 orders of 4 cells, 2400 studies; a correct sampler fails for one seed in 1000, and this seed is fixed.
    space = Space(a=Int(0, 3))
    orders = Counter(tuple(run_out(GridSampler(order="random"), space, seed=seed)) for seed in range(2400))
    assert len(orders) == math.factorial(4)
    statistic = sum((count - 100) ** 2 / 100 for count in orders.values())
    assert statistic < chi2.ppf(0.999, df=23)


def test_a_batch_is_as_random_as_single_cells() -> None:
    space = Space(a=Int(0, 3))
    first = Counter(GridSampler(order="random").ask(History(space), space, rng(s), 3)[0][2, 0] for s in range(2000))
    assert sum((count - 500) ** 2 / 500 for count in first.values()) < chi2.ppf(0.999, df=3)


@given(
    used=st.sets(st.integers(0, 59), max_size=60),
    pending=st.sets(st.integers(0, 59), max_size=10),
    n=st.integers(1, 10),
    seed=st.integers(0, 99),
)
def test_any_set_of_used_cells(used: set[int], pending: set[int], n: int, seed: int) -> None:
    space = Space(a=Int(0, 59))
    sampler = GridSampler()
    _, states = sampler.ask(History(space), space, rng(0), 60)
    history = History(space)
    for k in used:
        history.append(k, TrialState.COMPLETE, space, [float(k)], [0.0], sampler_state=int(states[k]))
    for k in pending:
        history.begin(100 + k, space, [float(k)], int(states[k]))
    free = sorted(set(range(60)) - used - pending)
    assert sampler.ask(history, space, rng(0), n)[0][:, 0].tolist() == [float(k) for k in free[:n]]
    x, new = GridSampler(order="random").ask(history, space, rng(seed), n)
    picked = x[:, 0].astype(int).tolist()
    assert len(set(picked)) == len(picked) == min(n, len(free))
    assert set(picked) <= set(free)
    assert new.tolist() == [
        int(states[k]) for k in picked
    ]  # both orders number the cells alike, so one may follow the other


# --------------------------------------------------------------------------------------------------------- big grids


@pytest.mark.parametrize("order", ["sequential", "random"])
def test_a_huge_grid_is_not_listed(order: str) -> None:
    space = Space({f"k{i}": Int(1, 10) for i in range(12)})
    assert space.n_cells == 10**12
    sampler = GridSampler(order=order)
    tracemalloc.start()
    history, seen = History(space), set()
    for k in range(300):
        x, states = sampler.ask(history, space, rng(1, k), 1)
        history.append(k, TrialState.COMPLETE, space, x[0].tolist(), [0.0], sampler_state=int(states[0]))
        seen.add(x.tobytes())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(seen) == 300
    assert peak < 20e6
    cells = decode_states(history.sampler_state, "grid") & (2**40 - 1)
    assert (cells.max() > 10**11) is np.bool_(order == "random")


def test_many_used_cells_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work of an ask does not grow with the rows that were read before: only new states are looked at."""
    from tunesmith.samplers import grid

    space = Space(a=Int(0, 10**6 - 1))
    sampler = GridSampler()
    _, states = sampler.ask(History(space), space, rng(0), 10**5)
    history = History(space)
    n = len(states)
    numbers = np.arange(n)
    history.extend(
        numbers,
        np.full(n, TrialState.COMPLETE, np.int8),
        np.zeros((n, 1)),
        [(space, numbers, numbers[:, None].astype(float))],
        sampler_state=states,
        cost=np.zeros(n),
    )
    looked_at: list[int] = []
    read = grid.decode_states

    def watched(states: np.ndarray, name: str) -> np.ndarray:
        looked_at.append(len(states))
        return read(states, name)

    monkeypatch.setattr(grid, "decode_states", watched)
    for k in range(3):
        x, new = sampler.ask(history, space, rng(0), 1)
        assert x[0, 0] == n + k
        history.append(n + k, TrialState.COMPLETE, space, x[0].tolist(), [0.0], sampler_state=int(new[0]))
    assert looked_at == [n, 0, 1, 0, 1, 0]


# ------------------------------------------------------------------------------------------------------- in a study


def values(study: ts.Study, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(t.params[n] for n in names) for t in study.trials]


@pytest.mark.parametrize("order", ["sequential", "random"])
def test_define_by_run_from_the_first_trial_on(order: str) -> None:
    def objective(trial: ts.Trial) -> float:
        x = trial.suggest_float("x", 0, 10)
        trial.suggest_float("constant", 1, 1)
        return x if trial.suggest_categorical("act", ["relu", "tanh", "other"]) == "relu" else -x

    study = ts.create_study(sampler=GridSampler({"x": [1, 2, 3], "act": ["relu", "tanh"]}, order=order), seed=4)
    study.optimize(objective, n_trials=100)
    assert len(study.trials) == 6
    assert sorted(values(study, "x", "act")) == sorted(product((1.0, 2.0, 3.0), ("relu", "tanh")))
    assert {t.params["constant"] for t in study.trials} == {1.0}
    with pytest.raises(ts.SpaceExhaustedError):
        study.ask()


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"learning_rate": [1]}, r"no values of the parameter 'x'.* \(it has values of 'learning_rate'\)"),
        ({"x": [1, 110]}, r"'x': the grid's value 110 lies outside Int\(0, 100\)"),
        ({"x": ["a"]}, r"'x': the grid's value 'a' lies outside"),
    ],
)
def test_what_the_grid_cannot_answer_is_an_error_and_never_another_point(grid: dict[str, Any], message: str) -> None:
    study = ts.create_study(sampler=GridSampler(grid))
    with pytest.raises(SpaceError, match=message):
        study.optimize(lambda trial: trial.suggest_int("x", 0, 100), n_trials=5)
    assert [t.params for t in study.trials if t.state is TrialState.COMPLETE] in ([], [{"x": 1}])


def test_branches_that_a_trial_does_not_take_lose_no_cell() -> None:
    def objective(trial: ts.Trial) -> float:
        if trial.suggest_categorical("model", ["a", "b"]) == "a":
            return float(trial.suggest_int("depth", 1, 2))
        return trial.suggest_float("rate", 0, 1)

    study = ts.create_study(sampler=GridSampler({"model": ["a", "b"], "depth": [1, 2], "rate": [0.0, 0.5]}))
    study.optimize(objective)
    assert len(study.trials) == 8
    assert {frozenset(t.params.items()) for t in study.trials} == {
        frozenset({("model", "a"), ("depth", 1)}),
        frozenset({("model", "a"), ("depth", 2)}),
        frozenset({("model", "b"), ("rate", 0.0)}),
        frozenset({("model", "b"), ("rate", 0.5)}),
    }


def test_values_take_the_place_of_a_declared_parameters_own() -> None:
    space = Space(
        model=["svm", "tree"], C=Float(0.1, 100, log=True).when(model="svm"), depth=Int(1, 3).when(model="tree")
    )
    study = ts.create_study(sampler=GridSampler({"C": [1, 10]}), space=space)
    study.optimize(lambda params: 0.0, space=space)
    assert [t.params for t in study.trials] == [
        {"model": "svm", "C": 1.0},
        {"model": "svm", "C": 10.0},
        {"model": "tree", "depth": 1},
        {"model": "tree", "depth": 2},
        {"model": "tree", "depth": 3},
    ]


def test_a_failed_trial_has_used_its_cell() -> None:
    def objective(params: dict[str, Any]) -> float:
        if params["a"] == 2:
            raise RuntimeError("out of memory")
        return 0.0

    study = ts.create_study(sampler="grid", space=SMALL)
    study.optimize(objective, space=SMALL, catch=RuntimeError)
    assert len(set(values(study, "a", "b"))) == len(study.trials) == 6


def test_an_enqueued_point_uses_no_cell() -> None:
    study = ts.create_study(sampler="grid", space=SMALL)
    study.enqueue_trial({"a": 2})
    study.optimize(lambda params: 0.0, space=SMALL)
    assert len(study.trials) == 7
    assert study.trials[0].params["a"] == 2
    assert sorted(values(study, "a", "b")[1:]) == sorted(product((1, 2, 3), "xy"))


def test_another_grid_in_the_same_study_starts_over() -> None:
    study = ts.create_study(sampler=GridSampler({"x": [1, 2]}))
    study.optimize(lambda t: t.suggest_float("x", 0, 9))
    study.sampler = GridSampler({"x": [5, 6, 7]})
    study.optimize(lambda t: t.suggest_float("x", 0, 9))
    assert values(study, "x") == [(1,), (2,), (5,), (6,), (7,)]


def test_a_released_trial_is_run_again_and_its_cell_is_not_given_away() -> None:
    study = ts.create_study(sampler="grid", space=SMALL)
    first = study.ask()
    study.tell(study.ask(dict(SMALL.params)), 0.0)
    study.release([first.number])
    study.optimize(lambda params: 0.0, space=SMALL)
    assert len(set(values(study, "a", "b"))) == len(study.trials) == 6


# ----------------------------------------------------------------------------------------------------------- errors


def test_errors() -> None:
    with pytest.raises(ValueError, match="'sequential' or 'random'; got 'sorted'"):
        GridSampler(order="sorted")
    with pytest.raises(SpaceError, match="dict of name to values"):
        GridSampler([1, 2])  # type: ignore[arg-type]  # that is the mistake
    with pytest.raises(SpaceError, match="values of 'x' must be a list; got 'abc'"):
        GridSampler({"x": "abc"})
    with pytest.raises(SpaceError, match=r"'x'.*empty"):
        GridSampler({"x": []})
    with pytest.raises(SpaceError, match=r"values for 'alpha'.*does not know.*a, b"):
        GridSampler({"alpha": [1]}).ask(History(SMALL), SMALL, rng(0), 1)
    with pytest.raises(SpaceError, match=r"'a'.*out of range"):
        GridSampler({"a": [1, 9]}).ask(History(SMALL), SMALL, rng(0), 1)
