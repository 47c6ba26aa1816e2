"""What pauses and what goes on: laws that hold for any runs, the rules one by one, and how well it searches."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.history.fidelity.curves import LENGTH, SPACE, crossing, half_done, power, runs_of, searched

from tunesmith import Categorical, Float, Space
from tunesmith.foundation.numerics.cache import FitCache
from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.history.fidelity.decision import HOPELESS, N_LOOKED_AT, Outlook, outlook_of, with_expected_ends
from tunesmith.history.fidelity.ladder import Runs, RunState
from tunesmith.samplers import GPSampler

AWKWARD = [0.3, 0.5, -1.0, 1e9, math.nan, math.inf, -math.inf]


def seen(runs: Runs, fits: FitCache | None = None, space: Space = SPACE) -> Outlook:
    return Outlook.of(runs, space, fits or FitCache())


@st.composite
def any_runs(draw: st.DrawFn) -> Runs:
    n = draw(st.integers(0, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    u = SPACE.to_unit(SPACE.from_unit(rng.random((n, len(SPACE)))))
    lengths = [draw(st.integers(0, 20)) for _ in range(n)]
    one = st.one_of(st.floats(0, 2), st.sampled_from(AWKWARD))
    values = [draw(st.lists(one, min_size=k, max_size=k)) for k in lengths]
    paid = st.one_of(st.floats(0.1, 1e4), st.sampled_from([math.nan, 0.0, -3.0, math.inf]))
    costs = [draw(st.lists(paid, min_size=k, max_size=k)) for k in lengths]
    states = [int(draw(st.sampled_from(list(RunState)))) for _ in range(n)]
    first, stride = draw(st.sampled_from([0, 1, 100])), draw(st.sampled_from([1, 100]))
    return runs_of(list(u), values, states, costs if n else None, first=first, stride=stride)


@given(any_runs(), st.booleans())
@settings(max_examples=settings().max_examples // 2)
def test_a_decision_is_possible_and_depends_on_nothing_but_what_it_was_given(runs: Runs, may_begin: bool) -> None:
    before = copy.deepcopy(runs)
    found, again = seen(runs), seen(runs)
    chosen = found.next(may_begin)
    assert chosen == again.next(may_begin)
    assert chosen is None or runs.state[chosen] == RunState.PAUSED
    for row in np.flatnonzero(runs.state == RunState.RUNNING):
        assert found.goes_on(row) == again.goes_on(row)
    assert ((found.chance >= 0) & (found.chance <= 1)).all()
    assert not (found.error < 0).any()
    for name in ("number", "u", "state", "ends"):
        np.testing.assert_array_equal(getattr(runs, name), getattr(before, name))
    for name in ("steps", "values", "costs"):
        for now, then in zip(getattr(runs, name), getattr(before, name), strict=True):
            np.testing.assert_array_equal(now, then)


@given(st.integers(0, 10**6))
@settings(max_examples=max(2, settings().max_examples // 12))
def test_what_is_kept_is_only_a_cache(seed: int) -> None:
    fits = FitCache()
    for n in (8, 14, 20):
        runs = half_done(power, n, seed)
        np.testing.assert_array_equal(seen(runs, fits).chance, seen(runs).chance)


@pytest.mark.parametrize(("first", "stride"), [(0, 1), (100, 100), (50, 7)])
def test_what_is_expected_does_not_depend_on_how_steps_are_counted(first: int, stride: int) -> None:
    runs = half_done(power, 12, 0)
    steps = tuple(first + stride * np.arange(len(s)) for s in runs.steps)
    np.testing.assert_allclose(seen(replace(runs, steps=steps)).chance, seen(runs).chance, atol=1e-9)


def test_ends_are_expected_in_the_unit_of_the_objective() -> None:
    runs = half_done(power, 40, 0)
    found = seen(runs)
    true = np.array([power(u)[-1] for u in runs.u])
    there = runs.state == RunState.COMPLETE
    np.testing.assert_allclose(found.end[there], true[there])
    assert (found.error[there] == 0).all()
    assert (found.chance[there] == 0).all()
    off = (found.end - true)[~there] / found.error[~there]
    assert np.mean(np.abs(off) < 2.0) > 0.8
    assert np.corrcoef(found.end, true)[0, 1] > 0.95


def test_a_run_that_may_become_the_best_goes_on_and_a_hopeless_one_does_not() -> None:
    runs = half_done(power, 24, 2)
    u = np.array([[0.35, 0.7, 0.2], [1.0, 0.0, 1.0]])  # the optimum, and a corner far from it
    both = runs_of(
        [*runs.u, *u],
        [*(list(v) for v in runs.values), *(list(power(row)[:6]) for row in u)],
        [*runs.state.tolist(), RunState.RUNNING, RunState.RUNNING],
    )
    found = seen(both)
    assert found.goes_on(24)
    assert not found.goes_on(25)
    assert found.chance[24] > HOPELESS > found.chance[25]


def test_a_pause_that_costs_more_than_it_may_save_is_not_made() -> None:
    for start, dear in ((0.0, False), (10.0, True)):
        costs = [[1.0 + start] + [1.0] * (LENGTH - 1), [1.0 + start] + [1.0] * 5]
        values = [list(0.1 + 1.0 / np.arange(1, LENGTH + 1)), [9.0] * 6]
        runs = runs_of([np.full(3, 0.5), np.full(3, 0.9)], values, [RunState.COMPLETE, RunState.RUNNING], costs)
        found = seen(runs)
        assert (found.why_no_pause(1) is not None) is dear
        assert found.goes_on(1) is dear


def test_of_the_first_runs_the_most_promising_one_is_trained_to_its_end_first() -> None:
    u = list(np.random.default_rng(0).random((N_LOOKED_AT + 1, 3)))
    values = [[2.0, 1.5], *([2.0, 1.0 + k % 3] for k in range(N_LOOKED_AT))]
    n = N_LOOKED_AT
    early = seen(runs_of(u[:n], values[:n], [RunState.RUNNING] * n))
    assert not any(early.goes_on(row) for row in range(n))
    assert seen(runs_of(u[:n], values[:n], [RunState.PAUSED] * n)).next(may_begin=True) == 1
    assert seen(runs_of(u[: n - 1], values[: n - 1], [RunState.PAUSED] * (n - 1))).next(may_begin=True) is None
    assert seen(runs_of(u, values, [RunState.RUNNING] * (n + 1))).goes_on(n), "it is none of the first"
    longer = runs_of(u[:n], [[2.0, 1.0] + [0.5] * 4, *values[1:n]], [RunState.RUNNING] + [RunState.PAUSED] * (n - 1))
    assert seen(longer).goes_on(0), "there is nothing to compare it with"


def test_the_first_runs_do_not_pause_where_a_start_costs_more_than_what_they_trained() -> None:
    u, values = list(np.random.default_rng(0).random((2, 3))), [[2.0, 1.0], [2.0, 1.5]]
    for start, goes_on in ((1.0, False), (9.0, True)):
        runs = runs_of(u, values, [RunState.RUNNING] * 2, [[1.0 + start, 1.0]] * 2)
        assert seen(runs).goes_on(0) is goes_on


def test_what_is_nearly_done_goes_on_with_less_hope() -> None:
    """Two paused runs with the same chance: the one with less left is chosen."""
    found = seen(half_done(power, 12, 1))
    idle = np.flatnonzero(found.runs.state == RunState.PAUSED)
    chance = np.zeros(12)
    chance[idle] = 0.15
    longest = idle[np.argmax(found.table.position[idle])]
    assert replace(found, chance=chance).next(may_begin=True) == longest
    chance[idle] = 0.01
    assert replace(found, chance=chance).next(may_begin=True) is None
    assert replace(found, chance=chance).next(may_begin=False) is None


def test_a_run_that_breaks_a_constraint_is_no_bar() -> None:
    values = [list(power(np.full(3, 0.5))), list(power(np.full(3, 0.9))[:6]), list(power(np.full(3, 0.1))[:6])]
    states = [RunState.COMPLETE, RunState.RUNNING, RunState.PAUSED]
    runs = runs_of([np.full(3, 0.5), np.full(3, 0.9), np.full(3, 0.1)], values, states)
    broken = replace(runs, ends=np.full(3, np.nan))
    assert seen(broken).goes_on(1)
    assert seen(broken).next(may_begin=False) == 2


def test_conditions_of_the_space_hold() -> None:
    space = Space({"model": Categorical(["a", "b"]), "only_b": Float(0, 1).when(model="b")})
    x = space.sample(np.random.default_rng(0), 12)
    steps = tuple(np.array([1, 2]) for _ in x)
    values = tuple(np.random.default_rng(1).random((12, 2)))
    state = np.full(12, RunState.PAUSED, np.int8)
    runs = Runs(np.arange(12), space.to_unit(x), state, steps, values, values, np.full(12, np.nan))
    assert seen(runs, space=space).next(may_begin=True) is not None


def half_searched() -> History:
    """A history with a complete, a stopped, a failed, a paused and a running trial, of which all but one reported."""
    space = Space(x=Float(0, 1))
    history = History(space)
    for number in range(5):
        history.begin(number, space, [0.2 * number])
        for step in range(1, 4 if number == 0 else 3):
            history.curves.append(number, step, 1.0 / step + 0.1 * number, 1.0)
    history.append(0, TrialState.COMPLETE, space, [0.0], [0.3], cost=3.0, constraints={"c": -1.0}, sampler_state=7)
    history.append(1, TrialState.PRUNED, space, [0.2], [0.6])
    history.append(2, TrialState.FAIL, space, [0.4], None)
    history.pause(3, space, [0.6])
    history.begin(5, space, [0.9])
    return history


def test_samplers_see_expected_ends_and_the_rest_as_it_is() -> None:
    history = half_searched()
    assert history.space is not None
    found = with_expected_ends(history, history.space)
    assert found.number.tolist() == [0, 1, 2, 3]
    assert found.state.tolist() == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.PRUNED]
    assert found.expected == {1, 3}
    expected = outlook_of(history, history.space)
    np.testing.assert_array_equal(found.y[:, 0], [0.3, expected.end[1], math.nan, expected.end[3]])
    np.testing.assert_array_equal(found.noise[:, 0], [math.nan, expected.error[1], math.nan, expected.error[3]])
    np.testing.assert_allclose(found.x[:, 0], [0.0, 0.2, 0.4, 0.6])
    assert found.pending.number.tolist() == [4, 5]
    assert found.constraints_of(0) == {"c": -1.0}
    assert (found.cost[0], found.sampler_state[0]) == (3.0, 7)
    assert history.paused == [3], "the history itself is as it was"


def test_a_trial_says_that_unfinished_ones_were_learnt_from() -> None:
    history = half_searched()
    assert history.space is not None
    _, _, told = GPSampler(n_startup_trials=1).propose(history, history.space, np.random.default_rng(0), 1)
    assert told is not None
    assert "2 unfinished trials count with the ends expected of them" in told


def test_where_nothing_is_expected_the_history_is_the_same_one() -> None:
    space = Space(x=Float(0, 1))
    for history in (History(space), History(space, 2)):
        assert with_expected_ends(history, space) is history


@pytest.mark.slow
def test_it_is_no_worse_than_full_runs_and_better_early() -> None:
    for family, budget, margin in ((power, 2.0, 0.0), (crossing, 4.0, 0.02)):
        ours, full = ([searched(family, seed, budget, pruner) for seed in range(5)] for pruner in ("auto", "nop"))
        assert np.mean(np.minimum(ours, 2.0)) <= np.mean(np.minimum(full, 2.0)) + margin


@pytest.mark.slow
def test_with_dear_starts_the_runs_are_full_ones() -> None:
    for seed in range(2):
        ours, full = (searched(power, seed, 5.0, pruner, start=40.0) for pruner in ("auto", "nop"))
        assert ours == full
