"""NSGA-III: its reference points, how it spreads a population, and that the history is all it needs."""

from __future__ import annotations

import math
import pickle

import moocore
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.samplers.searching import FAILED, assert_lower, best, cube, search

import tunesmith as ts
from tunesmith.history import History
from tunesmith.samplers.base import Sampler, decode_states
from tunesmith.samplers.evolutionary.nsga2 import NSGA2Sampler
from tunesmith.samplers.evolutionary.nsga3 import (
    NSGA3Sampler,
    associate,
    default_points,
    fill_niches,
    normalised,
    simplex_points,
)
from tunesmith.samplers.random import RandomSampler
from tunesmith.space import Categorical, Float, Int, Space


def sphere(m: int, scales: np.ndarray | None = None):
    """DTLZ2 of m objectives, each in a unit of its own."""

    def values(u: np.ndarray) -> list[float]:
        angles, g = u[: m - 1] * np.pi / 2, 1.0 + float(np.sum((u[m - 1 :] - 0.5) ** 2))
        y = g * np.append(np.cumprod(np.cos(angles))[::-1], 1.0) * np.append(1.0, np.sin(angles)[::-1])
        return (y if scales is None else y * scales).tolist()

    return values


def distance_to_sphere(history: History, scales: np.ndarray | float = 1.0) -> float:
    m = history.y.shape[1]
    points = np.random.default_rng(0).dirichlet(np.ones(m), 500)
    y = history.y / scales
    return float(moocore.igd_plus(y[moocore.is_nondominated(y)], ref=points / np.linalg.norm(points, axis=1)[:, None]))


# -- reference points ---------------------------------------------------------------------------------------------


@given(st.integers(1, 8), st.integers(1, 5))
def test_points_of_the_simplex(m: int, divisions: int) -> None:
    """All of them, each once."""
    points = simplex_points(m, divisions)
    assert points.shape == (math.comb(divisions + m - 1, m - 1), m)
    np.testing.assert_allclose(points.sum(axis=1), 1.0)
    cells = points * divisions
    np.testing.assert_allclose(cells, np.rint(cells), atol=1e-12)
    assert len(np.unique(np.rint(cells), axis=0)) == len(points)


@given(st.integers(1, 20), st.integers(2, 300))
def test_default_points_are_as_many_as_fit(m: int, most: int) -> None:
    points = default_points(m, most)
    assert m <= len(points) <= max(m, most)
    np.testing.assert_allclose(points.sum(axis=1), 1.0)
    assert len(np.unique(np.round(points, 9), axis=0)) == len(points)


def test_the_default_for_a_number_of_objectives() -> None:
    """The numbers of the paper's table I: 12 divisions of three objectives, 6 of five, two layers of eight and ten."""
    assert [len(default_points(m, k)) for m, k in ((3, 91), (5, 210), (8, 156), (10, 275))] == [91, 210, 156, 275]
    inner = default_points(8, 156)[120:]
    assert (inner > 0).all()  # inside, where the outer layer has no point
    assert [len(default_points(m, 50)) for m in range(1, 11)] == [1, 50, 45, 35, 50, 42, 35, 44, 45, 20]


# -- selection ----------------------------------------------------------------------------------------------------


def test_values_are_seen_from_the_ideal_point_in_units_of_the_intercepts() -> None:
    plane = simplex_points(3, 6) * np.array([10.0, 0.1, 3e5]) + np.array([-4.0, 7.0, 1e6])
    np.testing.assert_allclose(normalised(plane, np.arange(len(plane))), simplex_points(3, 6), atol=1e-6)


VALUES = arrays(
    float,
    st.tuples(st.integers(1, 12), st.integers(1, 5)),
    elements=st.floats(allow_nan=False) | st.sampled_from([0.0, 1.0, np.inf, -np.inf]),
)


@given(VALUES)
def test_any_values_can_be_compared(y: np.ndarray) -> None:
    """Whatever a front is like: one point, equal values, infinities, the largest floats."""
    seen = normalised(y, np.flatnonzero(moocore.is_nondominated(np.clip(y, -1e300, 1e300))))
    assert np.isfinite(seen).all()
    assert seen.min() >= 0
    near, distance = associate(seen, default_points(y.shape[1], 10))
    assert np.isfinite(distance).all()
    assert near.min() >= 0


@given(st.data())
def test_the_least_crowded_directions_are_filled_first(data: st.DataObject) -> None:
    k, n = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 15))
    near = np.array(data.draw(st.lists(st.integers(0, k - 1), min_size=n, max_size=n)))
    count = np.array(data.draw(st.lists(st.integers(0, 3), min_size=k, max_size=k)))
    room = data.draw(st.integers(0, n))
    chosen = fill_niches(count, near, np.arange(n, 0.0, -1.0), room, np.random.default_rng(0))
    assert len(set(chosen.tolist())) == room
    after = count + np.bincount(near[chosen], minlength=k)
    left = np.setdiff1d(np.arange(n), chosen)
    for j in set(near[left].tolist()):  # where some are left, no direction that got one has more than one more
        assert after[j] >= max((after[i] for i in near[chosen].tolist()), default=0) - 1
    for j in set(near[chosen].tolist()):
        if count[j] == 0:
            assert np.flatnonzero(near == j)[-1] in chosen  # the nearest


# -- searches -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("m", [5, 8])
def test_nearer_to_the_front_of_many_objectives_than_others(m: int) -> None:
    def found(make: type[Sampler]) -> list[float]:
        return [distance_to_sphere(search(make(), cube(m + 4), sphere(m), 800, m=m, seed=s)) for s in range(10)]

    ours = found(NSGA3Sampler)
    assert_lower(ours, found(RandomSampler))
    assert_lower(ours, found(NSGA2Sampler))


def test_the_units_of_objectives_change_nothing() -> None:
    scales = np.array([1e-6, 1.0, 2.0**20])
    plain = search(NSGA3Sampler(20), cube(5), sphere(3), 200, m=3)
    scaled = search(NSGA3Sampler(20), cube(5), sphere(3, scales), 200, m=3)
    assert distance_to_sphere(scaled, scales) == pytest.approx(distance_to_sphere(plain), rel=0.3)


def test_reference_points_lead_to_their_region() -> None:
    points = [[1, 4, 4], [1, 5, 4], [1, 4, 5]]
    found = search(NSGA3Sampler(20, reference_points=points), cube(6), sphere(3), 600, m=3)
    last = found.y[-100:]
    everywhere = search(NSGA3Sampler(20), cube(6), sphere(3), 600, m=3).y[-100:]

    def in_region(y: np.ndarray) -> float:
        return float((y[:, 0] < 0.5 * np.minimum(y[:, 1], y[:, 2])).mean())

    assert in_region(last) > 2 * in_region(everywhere)


@pytest.mark.parametrize("m", [1, 2])
def test_one_and_two_objectives(m: int) -> None:
    def objective(u: np.ndarray) -> list[float]:
        return [float(np.sum((u - at) ** 2)) for at in (0.3, 0.7)[:m]]

    found = search(NSGA3Sampler(20), cube(4), objective, 800, m=m)
    assert best(found) < 1e-2


def test_feasible_points_come_first() -> None:
    def objective(u: np.ndarray) -> tuple[float, ...]:
        return *u.tolist(), float(2.6 - u.sum())  # feasible: a corner of 1 % of the cube

    found = search(NSGA3Sampler(20), cube(3), objective, 500, m=3)
    assert found.feasible[300:].mean() > 0.3


def test_failures_and_infinities() -> None:
    values = sphere(4)

    def objective(u: np.ndarray):
        if u[1] > 0.6:
            return FAILED
        return [math.inf] * 4 if u[5] > 0.7 else values(u)

    found = search(NSGA3Sampler(20), cube(7), objective, 600, m=4)
    assert found.complete[400:].mean() > 0.7
    assert search(NSGA3Sampler(10), cube(2), lambda u: FAILED, 60, m=3).complete.sum() == 0


@pytest.mark.parametrize("y", [[0.0] * 3, [math.inf, -math.inf, 0.0], [1.7e308, -1.7e308, 1e-300]])
def test_all_values_equal(y: list[float]) -> None:
    found = search(NSGA3Sampler(10), cube(2), lambda u: y, 100, m=3)
    assert len(np.unique(found.x, axis=0)) > 90


@pytest.mark.parametrize("workers", [1, 5])
def test_a_sampler_made_anew_goes_on_the_same(workers: int) -> None:
    space = Space(
        m=["p", "q"],
        x=Float(0, 1),
        y=Float(0, 1).when(m="p"),
        k=Int(1, 5).when(m="q"),
        c=Categorical(list("abc")),
        constraints=lambda x, c: x > 0.1 or c != "a",
    )

    def objective(u: np.ndarray):
        return FAILED if u[1] > 0.9 else [float(u[1]), float(np.nansum((u - 0.5) ** 2)), float(np.nansum(u)), 1 - u[0]]

    sampler = NSGA3Sampler(12)
    kept = search(sampler, space, objective, 200, m=4, workers=workers)
    fresh = search(lambda: NSGA3Sampler(12), space, objective, 200, m=4, workers=workers, anew=3)
    np.testing.assert_array_equal(kept.x, fresh.x)
    again = pickle.loads(pickle.dumps(sampler))
    rng = np.random.default_rng
    np.testing.assert_array_equal(again.ask(kept, space, rng(1), 2)[0], sampler.ask(kept, space, rng(1), 2)[0])
    assert decode_states(kept.sampler_state, "nsga3").max() > 50


def test_a_study_that_is_maximised_by_name() -> None:
    study = ts.create_study(directions=["maximize", "minimize", "maximize"], sampler="nsga3", seed=0)
    study.optimize(lambda x, y: (x, x * y, y), n_trials=120, space={"x": Float(0, 1), "y": Float(0, 1)})
    assert len(study.best_trials) > 20


# -- arguments ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"population_size": 1}, "NSGA3Sampler: population_size is at least 2"),
        ({"reference_points": [1.0, 2.0]}, "a row for each point"),
        ({"reference_points": []}, "a row for each point"),
        ({"reference_points": "many"}, "must be an array of numbers or None"),
        ({"reference_points": [[1, -1]]}, "finite and not negative"),
        ({"reference_points": [[1, math.nan]]}, "finite and not negative"),
        ({"reference_points": [[0, 0, 0]]}, "no row is all 0"),
        ({"dividing_parameter": 0}, "at least 1; got 0"),
        ({"dividing_parameter": 3, "reference_points": [[1, 1]]}, "not both"),
    ],
)
def test_errors(arguments, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NSGA3Sampler(**arguments)


def test_reference_points_of_another_number_of_objectives() -> None:
    study = ts.create_study(directions=["minimize"] * 3, sampler=NSGA3Sampler(reference_points=[[1, 1]]), space=cube(2))
    with pytest.raises(ValueError, match="2 columns for 3 objectives"):
        study.ask()
    assert len(study.trials) == 0


def test_divisions_make_the_points() -> None:
    state = NSGA3Sampler(dividing_parameter=4).initial_state(cube(1), 3)
    np.testing.assert_array_equal(state._z, simplex_points(3, 4))
