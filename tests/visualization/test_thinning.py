"""Thinning keeps what a picture shows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tunesmith.visualization.thinning import drawn_note, pixel, thin_points

numbers = st.floats(-1e6, 1e6) | st.sampled_from([np.nan, np.inf, -np.inf])


@st.composite
def clouds(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    n = draw(st.integers(0, 300))
    x, y = (draw(arrays(np.float64, n, elements=numbers)) for _ in range(2))
    return x, y, draw(arrays(np.bool_, n)) & (np.arange(n) % 7 == 0), draw(st.integers(1, 120))


@given(clouds())
def test_what_must_stay_stays_and_no_more_than_asked_is_drawn(
    cloud: tuple[np.ndarray, np.ndarray, np.ndarray, int],
) -> None:
    x, y, keep, most = cloud
    index = thin_points(x, y, keep, most)
    assert np.all(np.diff(index) > 0)
    assert set(np.flatnonzero(keep)) <= set(index.tolist())
    assert len(index) <= max(most, keep.sum())
    loose = index[~keep[index]]
    assert np.isfinite(x[loose]).all()
    assert np.isfinite(y[loose]).all()
    assert np.array_equal(index, thin_points(x, y, keep, most)), "the same picture each time"
    finite = np.isfinite(x) & np.isfinite(y)
    if (finite | keep).sum() <= most:
        assert np.array_equal(index, np.flatnonzero(finite | keep)), "few points are all drawn"


@given(clouds())
def test_the_lowest_and_the_highest_of_each_column_of_pixels_stay(
    cloud: tuple[np.ndarray, np.ndarray, np.ndarray, int],
) -> None:
    x, y, keep, most = cloud
    index = thin_points(x, y, keep, most)
    finite = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    columns = min(1000, (most - int(keep.sum())) // 4)
    if columns < 1 or not len(finite):
        return
    column, kept = pixel(x[finite], columns), set(index.tolist())
    for c in np.unique(column):
        rows = finite[column == c]
        assert y[rows].min() in {y[i] for i in rows if i in kept}
        assert y[rows].max() in {y[i] for i in rows if i in kept}


def test_what_room_is_left_is_filled() -> None:
    rng = np.random.default_rng(0)
    assert len(thin_points(np.arange(50_000.0), rng.random(50_000), most=5000)) == 5000


@pytest.mark.parametrize(("shown", "n", "note"), [(5, 5, ()), (5000, 100_000, ("5,000 of 100,000 trials drawn",))])
def test_the_note(shown: int, n: int, note: tuple[str, ...]) -> None:
    assert drawn_note(shown, n) == note
