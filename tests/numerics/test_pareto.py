"""Fronts and hypervolumes against their definitions, against moocore, and against Monte Carlo."""

from __future__ import annotations

import itertools
import math

import moocore
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tunesmith.numerics import pareto
from tunesmith.numerics.ehvi import free_boxes, log_ehvi, log_ehvi_of_boxes, log_ehvi_over
from tunesmith.numerics.pareto import contributions, crowding, hypervolume, non_dominated, ranks

# Few different values, so that there are ties and equal rows; infinities.
_values = st.one_of(st.sampled_from([-1.0, 0.0, 1.0, 2.0, math.inf, -math.inf]), st.floats(-3, 3, width=16))


@st.composite
def tables(draw: st.DrawFn, max_rows: int = 12, max_columns: int = 4, finite: bool = False) -> np.ndarray:
    shape = draw(st.integers(0, max_rows)), draw(st.integers(1, max_columns))
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


@given(tables(finite=True), st.integers(0, 2**32 - 1))
def test_ranks_agree_with_moocore_and_do_not_depend_on_the_order(y: np.ndarray, seed: int) -> None:
    if len(y) and y.shape[1] > 1:
        # moocore puts all but one of equal rows on later fronts, so it gets each once.
        rows, back = np.unique(y, axis=0, return_inverse=True)
        np.testing.assert_array_equal(ranks(y), np.ravel(moocore.pareto_rank(rows))[np.ravel(back)])
    order = np.random.default_rng(seed).permutation(len(y))
    np.testing.assert_array_equal(ranks(y[order]), ranks(y)[order])


@pytest.mark.parametrize("m", [1, 2, 3])
def test_many_rows(m: int, monkeypatch: pytest.MonkeyPatch) -> None:
    y = np.random.default_rng(0).integers(0, 9, (300, m)).astype(float)
    whole = ranks(y)
    monkeypatch.setattr(pareto, "MATRIX", 10)
    np.testing.assert_array_equal(ranks(y), whole)
    assert (non_dominated(y) == (whole == 0)).all()


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


def by_inclusion_and_exclusion(y: np.ndarray, ref: np.ndarray) -> float:
    total = 0.0
    for size in range(1, len(y) + 1):
        for some in itertools.combinations(y, size):
            total -= (-1) ** size * float(np.prod(np.maximum(ref - np.max(some, axis=0), 0)))
    return total


@given(tables(max_rows=6, finite=True))
def test_hypervolume_by_inclusion_and_exclusion(y: np.ndarray) -> None:
    ref = np.full(y.shape[1], 2.0)
    found = hypervolume(y, ref)
    assert found == pytest.approx(by_inclusion_and_exclusion(y, ref), abs=1e-9)
    if len(y) and y.shape[1] > 1:
        assert found == pytest.approx(moocore.hypervolume(y, ref=ref), abs=1e-12)


@given(tables(max_rows=7, finite=True))
def test_contributions_are_what_is_lost(y: np.ndarray) -> None:
    ref = np.full(y.shape[1], 2.0)
    good = y[non_dominated(y)]
    found = contributions(good, ref)
    lost = [hypervolume(good, ref) - hypervolume(np.delete(good, i, axis=0), ref) for i in range(len(good))]
    np.testing.assert_allclose(found, lost, atol=1e-9)
    assert (contributions(y, ref)[~non_dominated(y)] == 0).all()


def test_infinite_rows_and_none_at_all() -> None:
    ref = np.array([1.0, 1.0])
    assert hypervolume(np.empty((0, 2)), ref) == 0
    assert hypervolume(np.array([[0.0, 2.0], [math.inf, -math.inf]]), ref) == 0
    assert hypervolume(np.array([[0.0, -math.inf]]), ref) == math.inf
    y = np.array([[0.5, -math.inf], [0.0, 0.0], [0.7, -math.inf], [3.0, 0.0]])
    assert contributions(y, ref).tolist() == [math.inf, 1.0, 0.0, 0.0]
    assert contributions(y[:1], ref).tolist() == [math.inf]
    assert contributions(np.empty((0, 2)), ref).tolist() == []


def test_errors_name_the_shapes() -> None:
    with pytest.raises(ValueError, match=r"shape \(n, m\).*got \(2,\), \(2,\)"):
        hypervolume(np.zeros(2), np.zeros(2))
    with pytest.raises(ValueError, match="must be finite; got"):
        contributions(np.zeros((1, 2)), np.array([1, np.inf]))
    with pytest.raises(ValueError, match=r"shape \(n, m\).*got \(3, 2\), \(3,\)"):
        log_ehvi(np.zeros((1, 3)), np.ones((1, 3)), np.zeros((3, 2)), np.ones(3))
    with pytest.raises(ValueError, match="must be finite; got"):
        free_boxes(np.zeros((1, 2)), np.array([1, np.inf]))


@given(tables(max_rows=8, finite=True), st.integers(0, 2**32 - 1))
def test_free_boxes_are_disjoint_and_hold_exactly_what_is_not_dominated(front: np.ndarray, seed: int) -> None:
    m = front.shape[1]
    ref = np.full(m, 2.0)
    lower, upper = free_boxes(front, ref)
    assert (lower < upper).all()
    points = np.random.default_rng(seed).uniform(-4, 3, (200, m))
    held = np.all((lower <= points[:, None]) & (points[:, None] < upper), axis=2).sum(axis=1)
    free = np.all(points < ref, axis=1) & ~np.any(np.all(front <= points[:, None], axis=2), axis=1)
    assert held.tolist() == free.astype(int).tolist()


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_ehvi_against_monte_carlo(m: int) -> None:
    rng = np.random.default_rng(m)
    front, ref = sphere_front(rng, 8, m), np.full(m, 0.2)
    mean, std = rng.normal(-0.5, 0.3, (4, m)), rng.uniform(0.1, 0.5, (4, m))
    found = np.exp(log_ehvi(mean, std, front, ref))
    before = hypervolume(front, ref)
    for k in range(4):
        gains = np.array(
            [hypervolume(np.vstack([front, a]), ref) - before for a in rng.normal(mean[k], std[k], (3000, m))]
        )
        # Fixed seeds: no luck in it. Five standard errors leave room for the heavy tail of the gains.
        assert abs(found[k] - gains.mean()) < 5 * gains.std() / math.sqrt(3000) + 1e-6


def test_ehvi_of_one_objective_is_the_expected_improvement() -> None:
    from tunesmith.numerics.acquisition import log_ei

    mean, std = np.linspace(-3, 60, 9), np.linspace(0.5, 2, 9)
    found = log_ehvi(mean[:, None], std[:, None], np.array([[-1.0], [0.5]]), np.array([3.0]))
    np.testing.assert_allclose(found, log_ei(mean, std**2, -1.0), rtol=1e-9)


def test_ehvi_without_a_front_is_a_product() -> None:
    from tunesmith.numerics.acquisition import log_ei

    mean, std, ref = np.array([[0.3, -2.0]]), np.array([[1.0, 0.1]]), np.array([1.0, 0.0])
    expected = sum(log_ei(mean[:, j], std[:, j] ** 2, ref[j]) for j in range(2))
    np.testing.assert_allclose(log_ehvi(mean, std, np.empty((0, 2)), ref), expected)


def test_ehvi_stays_usable_far_from_the_front() -> None:
    front, ref = np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]]), np.array([2.0, 2.0])
    far = np.linspace(3, 300, 50)
    found = log_ehvi(np.column_stack([far, far]), np.full((50, 2), 0.1), front, ref)
    assert np.isfinite(found).all()
    assert (np.diff(found) < 0).all()
    # Almost certain values: the improvement itself.
    near = np.exp(log_ehvi(np.array([[0.2, 0.2]]), np.full((1, 2), 1e-9), front, ref))
    assert near == pytest.approx(hypervolume(np.vstack([front, [[0.2, 0.2]]]), ref) - hypervolume(front, ref))


@pytest.mark.parametrize("m", [5, 6])
def test_ehvi_of_many_objectives_is_near_the_exact_one(m: int) -> None:
    rng = np.random.default_rng(0)
    front, ref = sphere_front(rng, 16, m), np.full(m, 0.2)
    mean, std = rng.normal(-0.5, 0.3, (30, m)), rng.uniform(0.1, 0.5, (30, m))
    exact = log_ehvi_of_boxes(mean, std, *free_boxes(front, ref))
    found = log_ehvi_over(front, ref)(mean, std)
    assert not np.array_equal(found, exact)
    assert np.sqrt(np.mean((found - exact) ** 2)) < 0.2
    assert np.corrcoef(found, exact)[0, 1] > 0.99
