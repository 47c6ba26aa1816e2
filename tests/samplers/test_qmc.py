"""The quasi-random sampler: one even sequence, continued from the history alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import qmc

import tunesmith as ts
from tunesmith import SpaceError, TrialState
from tunesmith.history import History
from tunesmith.samplers import QMCSampler, RandomSampler, Sampler
from tunesmith.space import Float, Int, Space

CUBE = Space({f"x{i}": Float(0, 1) for i in range(4)})
RESOLVED = 1e-7  # to which numbers are rounded, down from an edge too
KINDS = [("sobol", True), ("sobol", False), ("halton", True), ("halton", False)]


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def run(sampler: Sampler, space: Space, trials: int, seed: int = 0, n: int = 1) -> np.ndarray:
    history = History(space)
    while len(history) < trials:
        x, states = sampler.ask(history, space, rng(seed, len(history)), n)
        for row, state in zip(x, states.tolist(), strict=True):
            history.append(len(history), TrialState.COMPLETE, space, row.tolist(), [0.0], sampler_state=state)
    return np.array(history.x)


@pytest.mark.parametrize(("kind", "scramble"), KINDS)
def test_it_is_one_sequence_without_gaps(kind: str, scramble: bool) -> None:
    found = run(QMCSampler(kind, scramble), CUBE, 300)
    assert len(np.unique(found, axis=0)) == 300
    if kind == "sobol":
        # 256 points of a scrambled Sobol' sequence: one in each of 256 slices of every coordinate.
        slices = np.sort(np.floor((found[:256] + RESOLVED) * 256), axis=0)
        np.testing.assert_array_equal(slices, np.arange(256.0)[:, None] * np.ones(4))
    else:
        # 3^5 = 243 points of a Halton sequence: the coordinate of base 3 falls into each of 243 slices once.
        np.testing.assert_array_equal(np.sort(np.floor((found[:243, 1] + RESOLVED) * 243)), np.arange(243))


@pytest.mark.parametrize("n", [2, 3, 8, 150])
def test_batches_are_the_same_sequence(n: int) -> None:
    np.testing.assert_array_equal(run(QMCSampler(), CUBE, 150)[:150], run(QMCSampler(), CUBE, 150, n=n)[:150])


def test_each_study_has_a_scrambling_of_its_own() -> None:
    assert len({run(QMCSampler(), CUBE, 1, seed=s).tobytes() for s in range(20)}) == 20
    np.testing.assert_array_equal(run(QMCSampler(scramble=False), CUBE, 2), [[0] * 4, [0.5] * 4])


def test_a_seed_makes_trials_that_begin_at_once_points_of_one_sequence() -> None:
    first = [QMCSampler(seed=3).ask(History(CUBE), CUBE, rng(0, number), 1)[0] for number in range(3)]
    np.testing.assert_array_equal(first[1:], [first[0]] * 2)
    assert not np.array_equal(first[0], QMCSampler(seed=4).ask(History(CUBE), CUBE, rng(0, 0), 1)[0])


@pytest.mark.parametrize("kind", ["sobol", "halton"])
@pytest.mark.parametrize("trials", [64, 100, 256])
def test_discrepancy_below_that_of_random_points(kind: str, trials: int) -> None:
    # The worst of 10 sequences against the best of 10 random samples; the seeds are fixed, so there is no luck in it.
    worst = max(qmc.discrepancy(run(QMCSampler(kind), CUBE, trials, seed=s)) for s in range(10))
    best = min(qmc.discrepancy(run(RandomSampler(), CUBE, trials, seed=s)) for s in range(10))
    assert worst < 0.5 * best


def test_pending_points_count_and_their_order_does_not() -> None:
    sampler = QMCSampler()
    x, states = sampler.ask(History(CUBE), CUBE, rng(0), 4)
    answers = []
    for order in ([0, 1, 2], [2, 0, 1]):
        history = History(CUBE)
        for k in order:
            history.begin(k, CUBE, x[k].tolist(), int(states[k]))
        answers.append(sampler.ask(history, CUBE, rng(9), 1)[0])
    np.testing.assert_array_equal(answers, [x[3:], x[3:]])


def test_points_that_break_a_constraint_are_skipped() -> None:
    space = Space(low=Float(0, 1), high=Float(0, 1), constraints=lambda low, high: low < high)
    free = run(QMCSampler(), space.with_constraints(), 400)
    found = run(QMCSampler(), space, 100)
    np.testing.assert_array_equal(found, free[free[:, 0] < free[:, 1]][:100])


def test_constraints_that_nothing_meets() -> None:
    space = Space(x=Float(0, 1), constraints=lambda x: x > 2)
    with pytest.raises(SpaceError, match=r"none of 2\d{4} points in a row meets the constraints"):
        QMCSampler().ask(History(space), space, rng(0), 1)


def test_a_rare_feasible_region_is_found_in_the_order_of_the_sequence() -> None:
    space = Space(x=Float(0, 1), y=Float(0, 1), constraints=lambda x, y: x < 0.02 and y < 0.05)
    found = run(QMCSampler(), space, 3)
    np.testing.assert_array_equal(found, run(QMCSampler(), space, 3, n=3))
    assert (found < [0.02, 0.05]).all()


def test_a_new_parameter_begins_a_new_sequence() -> None:
    def objective(trial: ts.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        return x + (trial.suggest_float("y", 0, 1) if trial.number >= 20 else 0)

    study = ts.create_study(sampler=QMCSampler(), seed=2)
    study.optimize(objective, n_trials=20 + 1 + 64)
    before = np.array([t.params["x"] for t in study.trials[1:17]])
    np.testing.assert_array_equal(np.sort(np.floor(before * 16)), np.arange(16))
    after = np.array([[t.params["x"], t.params["y"]] for t in study.trials[21:]])
    np.testing.assert_array_equal(np.sort(np.floor(after * 64), axis=0), np.arange(64)[:, None] * [1, 1])


def test_a_range_that_grows_goes_on_with_the_sequence() -> None:
    def objective(trial: ts.Trial) -> float:
        return float(trial.suggest_int("k", 1, 8 if trial.number < 9 else 16))

    study = ts.create_study(sampler=QMCSampler(), seed=2)
    study.optimize(objective, n_trials=33)
    assert sorted(t.params["k"] for t in study.trials[1:9]) == list(range(1, 9))
    assert sorted(t.params["k"] for t in study.trials[17:33]) == list(range(1, 17))


def test_dimensions() -> None:
    many = Space({f"x{i}": Float(0, 1) for i in range(21_202)})
    with pytest.raises(SpaceError, match=r"at most 21201 dimensions, the space has 21202.*halton"):
        QMCSampler().ask(History(many), many, rng(0), 1)
    x, states = QMCSampler().ask(History(Space()), Space(), rng(0), 3)
    assert x.shape == (3, 0)
    assert states.tolist() == [0, 0, 0]


def test_errors() -> None:
    with pytest.raises(ValueError, match="'sobol' or 'halton'; got 'lhs'"):
        QMCSampler("lhs")


def test_the_sequence_ends_where_the_tag_has_no_room() -> None:
    from tunesmith.samplers import qmc as module

    space = Space(k=Int(1, 5))
    sampler = QMCSampler(scramble=False)
    _, states = sampler.ask(History(space), space, rng(0), 1)
    history = History(space)
    last = (1 << module.QMC_INDEX_BITS) - 2
    history.append(
        0, TrialState.COMPLETE, space, [1.0], [0.0], sampler_state=int(states[0]) | last << module.QMC_SEED_BITS
    )
    x, _ = sampler.ask(history, space, rng(0), 3)
    assert len(x) == 1
