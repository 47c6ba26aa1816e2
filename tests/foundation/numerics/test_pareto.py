"""Fronts against their definitions, and expected hypervolume improvement against Monte Carlo."""

from __future__ import annotations

import itertools
import math

import moocore
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tunesmith.foundation.numerics.acquisition import log_ei
from tunesmith.foundation.numerics.ehvi import free_strips, log_ehvi_over
from tunesmith.foundation.numerics.pareto import crowding, non_dominated, ranks

# Few different values, so that there are ties and equal rows; infinities.
_values = st.one_of(st.sampled_from([-1.0, 0.0, 1.0, 2.0, math.inf, -math.inf]), st.floats(-3, 3, width=16))


@st.composite
def tables(draw: st.DrawFn, max_rows: int = 12, columns: int = 0, finite: bool = False) -> np.ndarray:
    shape = draw(st.integers(0, max_rows)), columns or draw(st.integers(1, 4))
    return draw(arrays(float, shape, elements=st.floats(-3, 3, width=16) if finite else _values))


def dominates(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.all(a <= b) and np.any(a < b))


def sphere_front(rng: np.random.Generator, n: int, m: int) -> np.ndarray:
    """Rows of which none dominates another, in [-1, 0]."""
    y = np.abs(rng.normal(size=(n, m)))
    return -y / np.linalg.norm(y, axis=1, keepdims=True)


@given(tables())
def test_non_dominated_is_what_its_definition_says(y: np.ndarray) -> None:
    expected = [not any(dominates(a, b) for a in y) for b in y]
    assert non_dominated(y).tolist() == expected


@given(tables())
def test_ranks_peel_off_one_front_after_the_other(y: np.ndarray) -> None:
    found = ranks(y)
    left = np.arange(len(y))
    for rank in itertools.count():
        if not len(left):
            break
        front = non_dominated(y[left])
        assert (found[left[front]] == rank).all()
        left = left[~front]


@given(tables(), st.integers(0, 2**32 - 1))
def test_ranks_do_not_depend_on_the_order(y: np.ndarray, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(y))
    np.testing.assert_array_equal(ranks(y[order]), ranks(y)[order])


@given(tables())
def test_more_objectives_than_moocore_takes(y: np.ndarray) -> None:
    wide = np.tile(y, (1, 300))  # a repeated objective changes nothing
    assert non_dominated(wide).tolist() == non_dominated(y).tolist()
    assert ranks(wide).tolist() == ranks(y).tolist()


@pytest.mark.parametrize("m", [1, 2, 3])
def test_many_rows(m: int) -> None:
    y = np.random.default_rng(0).integers(0, 9, (3000, m)).astype(float)
    y[::100] = np.inf
    np.testing.assert_array_equal(non_dominated(y), ranks(y) == 0)


def test_crowding_of_the_paper() -> None:
    y = np.array([[0.0, 4.0], [1.0, 2.0], [2.0, 1.5], [4.0, 0.0]])
    assert crowding(y).tolist() == [math.inf, 2 / 4 + 2.5 / 4, 3 / 4 + 2 / 4, math.inf]
    assert crowding(y[:2]).tolist() == [math.inf, math.inf]
    assert crowding(np.ones((4, 2))).tolist() == [0, 0, 0, 0]


@given(tables())
def test_crowding_is_never_nan_and_infinite_at_the_ends(y: np.ndarray) -> None:
    found = crowding(y)
    assert (found >= 0).all()
    for column in y.T if len(y) else ():
        finite = column[np.isfinite(column)]
        if len(np.unique(finite)) > 1:
            assert np.isinf(found[np.clip(column, finite.min(), finite.max()) == finite.min()]).any()


REF = np.array([2.0, 2.0])


@given(tables(max_rows=8, columns=2, finite=True), st.integers(0, 2**32 - 1))
def test_free_strips_are_disjoint_and_hold_exactly_what_is_not_dominated(front: np.ndarray, seed: int) -> None:
    lower, upper = free_strips(front, REF)
    assert (lower < upper).all()
    points = np.random.default_rng(seed).uniform(-4, 3, (200, 2))
    held = np.all((lower <= points[:, None]) & (points[:, None] < upper), axis=2).sum(axis=1)
    free = np.all(points < REF, axis=1) & ~np.any(np.all(front <= points[:, None], axis=2), axis=1)
    assert held.tolist() == free.astype(int).tolist()


def test_ehvi_against_monte_carlo() -> None:
    rng = np.random.default_rng(2)
    front, ref = sphere_front(rng, 8, 2), np.full(2, 0.2)
    mean, std = rng.normal(-0.5, 0.3, (4, 2)), rng.uniform(0.1, 0.5, (4, 2))
    found = np.exp(log_ehvi_over(front, ref)(mean, std))
    before = moocore.hypervolume(front, ref=ref)
    for k in range(4):
        reached = [np.vstack([front, a]) for a in rng.normal(mean[k], std[k], (3000, 2))]
        gains = np.array([moocore.hypervolume(y, ref=ref) - before for y in reached])
        # Fixed seeds: no luck in it. Five standard errors leave room for the heavy tail of the gains.
        assert abs(found[k] - gains.mean()) < 5 * gains.std() / math.sqrt(3000) + 1e-6


def test_ehvi_without_a_front_is_a_product() -> None:
    mean, std, ref = np.array([[0.3, -2.0]]), np.array([[1.0, 0.1]]), np.array([1.0, 0.0])
    expected = sum(log_ei(mean[:, j], std[:, j] ** 2, ref[j]) for j in range(2))
    np.testing.assert_allclose(log_ehvi_over(np.empty((0, 2)), ref)(mean, std), expected)


def test_ehvi_stays_usable_far_from_the_front() -> None:
    front = np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]])
    log_ehvi = log_ehvi_over(front, REF)
    far = np.linspace(3, 300, 50)
    found = log_ehvi(np.column_stack([far, far]), np.full((50, 2), 0.1))
    assert np.isfinite(found).all()
    assert (np.diff(found) < 0).all()
    # Almost certain values: the improvement itself.
    near = np.exp(log_ehvi(np.array([[0.2, 0.2]]), np.full((1, 2), 1e-9)))
    gained = moocore.hypervolume(np.vstack([front, [[0.2, 0.2]]]), ref=REF) - moocore.hypervolume(front, ref=REF)
    assert near == pytest.approx(gained)
