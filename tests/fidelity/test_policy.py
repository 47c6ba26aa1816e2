"""The joint decision: laws that hold for any runs, and how well it searches."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fidelity.curves import (
    LENGTH,
    SPACE,
    crossing,
    half_done,
    power,
    random_full_runs,
    runs_of,
    searched,
    seconds,
)

from tunesmith import Categorical, Float, Space
from tunesmith.fidelity.policy import FidelityPolicy, Verdict
from tunesmith.fidelity.runs import Action, Resume, Runs, RunState, Start

AWKWARD = [0.3, 0.5, -1.0, 1e9, math.nan, math.inf, -math.inf]


def decided(runs: Runs, seed: int = 0, policy: FidelityPolicy | None = None, space: Space = SPACE) -> Action:
    return (policy or FidelityPolicy()).decide(runs, space, np.random.default_rng(seed))


def key_of(action: Action) -> tuple[object, ...]:
    if isinstance(action, Start):
        return ("start", action.x.tobytes(), action.until_step)
    return ("resume", action.number, action.until_step)


@st.composite
def any_runs(draw: st.DrawFn) -> Runs:
    n = draw(st.integers(0, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    u = SPACE.to_unit(SPACE.from_unit(rng.random((n, len(SPACE)))))
    lengths = [draw(st.integers(0, 20)) for _ in range(n)]
    one = st.one_of(st.floats(0, 2), st.sampled_from(AWKWARD))
    values = [draw(st.lists(one, min_size=k, max_size=k)) for k in lengths]
    paid = st.one_of(st.floats(0.1, 1e4), st.sampled_from([math.nan, 0.0, -3.0, math.inf]))
    costs = [draw(st.lists(paid, min_size=k, max_size=k)) for k in lengths]  # they go backwards, too
    states = [int(draw(st.sampled_from(list(RunState)))) for _ in range(n)]
    return runs_of(
        list(u),
        values,
        states,
        costs if n else None,
        first=draw(st.sampled_from([0, 1, 100])),
        stride=draw(st.sampled_from([1, 100])),
        resumable=draw(st.booleans()),
        last_step=draw(st.sampled_from([None, 30, 3000])),
    )


@given(any_runs(), st.integers(0, 99))
@settings(max_examples=60)
def test_a_decision_is_possible_and_depends_on_nothing_but_what_it_was_given(runs: Runs, seed: int) -> None:
    before = copy.deepcopy(runs)
    action = decided(runs, seed)
    assert key_of(action) == key_of(decided(runs, seed))
    for name in ("number", "u", "state", "until"):
        np.testing.assert_array_equal(getattr(runs, name), getattr(before, name))
    for name in ("steps", "values", "costs"):
        for now, then in zip(getattr(runs, name), getattr(before, name), strict=True):
            np.testing.assert_array_equal(now, then)
    if isinstance(action, Start):
        assert SPACE.contains_rows(action.x[None])[0]
    else:
        row = int(np.flatnonzero(runs.number == action.number)[0])
        assert runs.state[row] == RunState.PAUSED
        if action.until_step is not None and len(runs.steps[row]):
            assert action.until_step > runs.steps[row][-1]


@given(st.integers(0, 10**6))
@settings(max_examples=8)
def test_what_is_kept_is_only_a_cache(seed: int) -> None:
    policy = FidelityPolicy()
    for n in (8, 14, 20):
        runs = half_done(power, n, seed)
        assert key_of(decided(runs, n, policy)) == key_of(decided(runs, n))


def test_the_first_run_is_the_middle_of_the_space_and_is_paused_early() -> None:
    action = decided(runs_of([], [], []))
    assert isinstance(action, Start)
    np.testing.assert_allclose(SPACE.to_unit(action.x[None])[0], 0.5, atol=0.01)
    assert action.until_step == 2


def test_the_first_runs_reach_all_parts_of_each_range_before_the_model_takes_over() -> None:
    space = Space({f"x{j}": Float(0, 1) for j in range(7)})
    points: list[np.ndarray] = []
    for _ in range(len(space) + 1):  # workers that ask before anything was reported get the same
        n = len(points)
        u = np.array(points).reshape(n, len(space))
        nothing = tuple(np.empty(0) for _ in points)
        steps = tuple(np.empty(0, np.int64) for _ in points)
        runs = Runs(np.arange(n), u, np.zeros(n, np.int8), steps, nothing, nothing, np.full(n, 2))
        action = decided(runs, seed=n, space=space)
        assert isinstance(action, Start)
        points.append(space.to_unit(action.x[None])[0])
    spread = np.array(points)
    assert (spread.min(axis=0) < 0.25).all()
    assert (spread.max(axis=0) > 0.75).all()


@pytest.mark.parametrize(("first", "stride"), [(0, 1), (1, 1), (100, 100), (50, 7)])
def test_the_choice_does_not_depend_on_how_steps_are_counted(first: int, stride: int) -> None:
    rng = np.random.default_rng(0)
    u = SPACE.to_unit(SPACE.sample(rng, 12))
    values = [list(power(row)[: 2 if k % 3 else 6]) for k, row in enumerate(u)]
    costs = [list(seconds(row)[: len(v)]) for row, v in zip(u, values, strict=True)]
    plain = decided(runs_of(list(u), values, [RunState.PAUSED] * 12, costs))
    other = decided(runs_of(list(u), values, [RunState.PAUSED] * 12, costs, first=first, stride=stride))
    assert key_of(plain)[:2] == key_of(other)[:2]
    assert plain.until_step is not None
    assert other.until_step is not None
    assert other.until_step == first + (plain.until_step - 1) * stride


def test_values_that_are_all_the_same_are_no_trouble() -> None:
    u = list(SPACE.to_unit(SPACE.sample(np.random.default_rng(0), 8)))
    action = decided(runs_of(u, [[0.5] * 6] * 8, [RunState.PAUSED] * 8))
    assert action.until_step is not None


def test_of_two_like_runs_the_cheaper_one_goes_on() -> None:
    """Ten runs, two of which lead by as much; each of the others has cost as much as the cheaper of the two."""
    u = [np.array([0.1 + 0.08 * k, 0.5, 0.5]) for k in range(10)]
    values = [[0.9, 0.9] for _ in range(10)]
    values[2] = values[7] = [0.6, 0.4]
    costs = [[1.0, 2.0] for _ in range(10)]
    costs[7] = [10.0, 20.0]
    chosen = [decided(runs_of(u, values, [RunState.PAUSED] * 10, costs), seed) for seed in range(5)]
    assert all(not isinstance(a, Resume) or a.number != 7 for a in chosen)


def test_a_diverged_run_is_not_gone_on_with_and_its_neighbourhood_is_avoided() -> None:
    rng = np.random.default_rng(1)
    u = list(SPACE.to_unit(SPACE.sample(rng, 30)))
    values = [[math.nan, math.nan] if row[0] > 0.6 else list(power(row)[:2]) for row in u]
    runs = runs_of(u, values, [RunState.PAUSED] * 30)
    started = []
    for seed in range(10):
        action = decided(runs, seed)
        if isinstance(action, Resume):
            assert np.isfinite(runs.values[action.number][-1])
        else:
            started.append(SPACE.to_unit(action.x[None])[0][0])
    assert all(rate < 0.75 for rate in started)


def test_workers_that_ask_at_once_get_different_work() -> None:
    runs = half_done(power, 16, 3)
    policy, keys = FidelityPolicy(), set()
    for worker in range(4):
        action = decided(runs, worker, policy)
        keys.add(key_of(action)[:2])
        state, until = runs.state.copy(), runs.until.copy()
        if isinstance(action, Resume):
            state[action.number], until[action.number] = RunState.RUNNING, action.until_step or -1
            runs = Runs(runs.number, runs.u, state, runs.steps, runs.values, runs.costs, until)
        else:
            nothing = np.empty(0)
            runs = Runs(
                np.arange(len(runs) + 1),
                np.vstack([runs.u, SPACE.to_unit(action.x[None])]),
                np.append(state, np.int8(RunState.RUNNING)),
                (*runs.steps, np.empty(0, np.int64)),
                (*runs.values, nothing),
                (*runs.costs, nothing),
                np.append(until, action.until_step or -1),
            )
    assert len(keys) == 4


def test_a_running_run_goes_on_between_rungs_and_as_the_joint_decision_says_at_one() -> None:
    verdicts = []
    for last in (2, 3):
        u = list(SPACE.to_unit(SPACE.sample(np.random.default_rng(2), 9)))
        values = [list(power(row)[:2]) for row in u[:-1]] + [list(power(u[-1])[:last])]
        states = [RunState.PAUSED] * 8 + [RunState.RUNNING]
        runs = runs_of(u, values, states, until=[-1] * 8 + [2])
        verdict, until = FidelityPolicy().judge(runs, 8, SPACE, np.random.default_rng(0))
        action = decided(runs.paused(8))
        verdicts.append(verdict)
        if last == 2:
            same = isinstance(action, Resume) and action.number == 8
            assert (verdict is Verdict.CONTINUE) == same
        else:
            assert verdict is Verdict.CONTINUE
            assert until == 6


def test_judging_a_run_that_does_not_run_is_an_error() -> None:
    with pytest.raises(ValueError, match="run 3 is not running"):
        FidelityPolicy().judge(half_done(power, 8, 0), 3, SPACE, np.random.default_rng(0))


def test_runs_of_unequal_lengths_are_an_error_that_says_which() -> None:
    with pytest.raises(ValueError, match="run 0 has 2 steps, 1 values"):
        Runs(
            np.arange(1),
            np.zeros((1, 1)),
            np.zeros(1, np.int8),
            (np.array([1, 2]),),
            (np.array([0.5]),),
            (np.array([1.0, 2.0]),),
            np.array([-1]),
        )


def test_conditions_and_constraints_of_the_space_hold() -> None:
    space = Space(
        {
            "model": Categorical(["a", "b"]),
            "low": Float(0, 1),
            "high": Float(0, 1),
            "only_b": Float(0, 1).when(model="b"),
        },
        constraints=lambda low, high: low < high,
    )
    rng = np.random.default_rng(0)
    x = space.sample(rng, 12)
    n = len(x)
    values = tuple(rng.random(2) for _ in range(n))
    runs = Runs(
        np.arange(n),
        space.to_unit(x),
        np.full(n, RunState.PAUSED, np.int8),
        tuple(np.array([1, 2]) for _ in range(n)),
        values,
        tuple(np.array([1.0, 2.0]) for _ in range(n)),
        np.full(n, -1),
    )
    for seed in range(5):
        for begun in (0, n):
            given_runs = (
                runs
                if begun
                else Runs(np.arange(0), np.empty((0, 4)), np.empty(0, np.int8), (), (), (), np.empty(0, np.int64))
            )
            action = decided(given_runs, seed, space=space)
            if isinstance(action, Start):
                assert space.contains_rows(action.x[None])[0]


def test_runs_that_hardly_gain_anything_are_not_made_again_and_again() -> None:
    """The best lies in a corner, and runs crowd there: without a margin each new one would join them."""
    joins = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        u = np.concatenate([rng.random((14, 3)), np.clip(rng.normal(0.0, 0.01, (10, 3)), 0.0, 1.0)])
        u = SPACE.to_unit(SPACE.from_unit(u))
        fall = 0.8 * np.arange(1, LENGTH + 1) ** -0.7
        losses = [list(0.2 + 0.8 * v[0] ** 0.8 + v[1] + 0.5 * v[2] + fall) for v in u]
        action = decided(runs_of(list(u), losses, [RunState.COMPLETE] * len(u), [list(seconds(v)) for v in u]), seed)
        assert isinstance(action, Start)
        joins.append(np.abs(u - SPACE.to_unit(action.x[None])).max(axis=1).min() < 0.03)
    assert sum(joins) <= len(joins) / 2


@pytest.mark.slow
def test_it_searches_better_than_random_full_runs() -> None:
    budget = 4.0 * LENGTH * 3.4  # about four full runs
    ours = [searched(power, seed, budget) for seed in range(6)]
    random = [random_full_runs(power, seed, budget) for seed in range(24)]
    assert np.mean(ours) < np.quantile(random, 0.3)


@pytest.mark.slow
def test_curves_that_cross_do_not_make_it_worse_than_random_full_runs() -> None:
    budget = 10.0 * LENGTH * 3.4
    ours = [searched(crossing, seed, budget, last_step=LENGTH) for seed in range(6)]
    random = [random_full_runs(crossing, seed, budget) for seed in range(24)]
    assert np.mean(ours) < np.mean(random)
