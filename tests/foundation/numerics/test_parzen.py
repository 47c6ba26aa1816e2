"""Parzen mixtures against densities computed kernel by kernel with scipy.stats."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tunesmith.foundation.numerics.parzen import MAX_BANDWIDTH, MIN_BANDWIDTH, Columns, Mixture, Rows, bandwidths

NAN = float("nan")
# A continuous coordinate, an ordered one with uneven cells, a nominal one, and a nominal one too wide for a table.
EDGES = [None, np.array([0.0, 0.5, 0.8, 1.0]), np.linspace(0, 1, 5), np.linspace(0, 1, 41)]
NOMINAL = [False, False, True, True]
MIXED = Columns(EDGES, NOMINAL)
H = np.array([0.2, 0.3, 0.5, 0.5])
B = 0.2


def mixture(
    columns: Columns, u: np.ndarray, weight: np.ndarray, h: np.ndarray, prior: float = 1.0, partial: bool = True
) -> Mixture:
    return Mixture(columns, columns.encode(u), weight, prior=prior, h=h, smoothing=B, partial=partial)


def kernel(j: int, x: float, centre: float, h: float) -> float:
    """The factor of one coordinate, from its definition."""
    if math.isnan(x) or math.isnan(centre):
        return 1.0
    edges = EDGES[j]
    if edges is None:
        return float(stats.truncnorm.pdf(x, -centre / h, (1 - centre) / h, loc=centre, scale=h))
    m = len(edges) - 1
    k, own = (min(int(np.searchsorted(edges, v, side="right")) - 1, m - 1) for v in (x, centre))
    if NOMINAL[j]:
        return B + (1 - B) * m * (k == own)
    middle = (edges[own] + edges[own + 1]) / 2
    cut = stats.truncnorm(-middle / h, (1 - middle) / h, loc=middle, scale=h)
    return float((cut.cdf(edges[k + 1]) - cut.cdf(edges[k])) / (edges[k + 1] - edges[k]))


def density(x: np.ndarray, u: np.ndarray, weight: np.ndarray, h: np.ndarray, prior: float = 1.0) -> np.ndarray:
    total = [
        prior
        + sum(w * math.prod(kernel(j, a[j], c[j], h[j]) for j in range(len(h))) for w, c in zip(weight, u, strict=True))
        for a in x
    ]
    return np.array(total) / (prior + weight.sum())


def some(rng: np.random.Generator, n: int, absent: float) -> np.ndarray:
    u = rng.random((n, 4))
    u[rng.random((n, 4)) < absent] = NAN
    return u


@pytest.mark.parametrize("absent", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("prior", [1.0, 0.1])
def test_log_density_is_that_of_the_definition(absent: float, prior: float) -> None:
    rng = np.random.default_rng(1)
    u, x, weight = some(rng, 12, absent), some(rng, 50, absent), rng.random(12) + 0.1
    found = mixture(MIXED, u, weight, H, prior).log_density(MIXED.points(x))
    np.testing.assert_allclose(found, np.log(density(x, u, weight, H, prior)), atol=3e-3)


def test_whole_points_need_no_mask() -> None:
    rng = np.random.default_rng(2)
    u, x, weight = some(rng, 9, 0), MIXED.points(some(rng, 40, 0)), np.ones(9)
    plain, masked = (mixture(MIXED, u, weight, H, partial=p).log_density(x) for p in (False, True))
    np.testing.assert_allclose(plain, masked, atol=1e-4)


@pytest.mark.parametrize("h", [MIN_BANDWIDTH, 0.1, 0.5, MAX_BANDWIDTH])
@pytest.mark.parametrize("centre", [0.0, 0.01, 0.4, 1.0])
def test_a_continuous_coordinate_integrates_to_one(h: float, centre: float) -> None:
    columns = Columns([None], [False])
    grid = (np.arange(20_000) + 0.5) / 20_000
    for prior in (1e-9, 1.0):
        p = mixture(columns, np.array([[centre]]), np.ones(1), np.array([h]), prior)
        assert np.exp(p.log_density(columns.points(grid[:, None]))).mean() == pytest.approx(1.0, abs=2e-3)


def test_masses_of_all_cells_sum_to_one() -> None:
    columns = Columns(EDGES[1:], NOMINAL[1:])
    edges = [e for e in EDGES[1:] if e is not None]
    cells = list(itertools.product(*[range(len(e) - 1) for e in edges]))
    x = np.array([[(e[k] + e[k + 1]) / 2 for e, k in zip(edges, c, strict=True)] for c in cells])
    width = np.array([math.prod(e[k + 1] - e[k] for e, k in zip(edges, c, strict=True)) for c in cells])
    for centre in ([0.1, 0.9, 0.3], [1.0, 0.0, 1.0], [NAN, 0.5, NAN]):
        p = mixture(columns, np.array([centre]), np.ones(1), np.array([0.1, 0.5, 0.5]), 1e-9)
        assert np.sum(width * np.exp(p.log_density(columns.points(x)))) == pytest.approx(1.0, abs=1e-4)


def test_samples_follow_the_density() -> None:
    """A chi-square test of 4,000 draws in 12 cells, with a fixed seed; the other coordinates are summed over."""
    rng = np.random.default_rng(3)
    u, weight = some(rng, 6, 0.2), rng.random(6) + 0.2
    p = mixture(MIXED, u, weight, H)
    drawn = p.sample(rng, 4000)
    assert drawn.shape == (4000, 4)
    assert ((drawn >= 0) & (drawn <= 1)).all()
    n = 40  # points of a cell over which its density is averaged
    for j, cells in ((0, 12), (1, 3), (2, 4)):
        e = EDGES[j] if EDGES[j] is not None else np.linspace(0, 1, cells + 1)
        count = np.histogram(drawn[:, j], e)[0]
        x = np.full((n * cells, 4), NAN)  # an absent coordinate is summed over
        x[:, j] = np.concatenate(
            [np.linspace(a, b, n, endpoint=False) + (b - a) / (2 * n) for a, b in itertools.pairwise(e)]
        )
        mass = density(x, u, weight, H).reshape(cells, n).mean(axis=1) * np.diff(e)
        assert stats.chisquare(count, mass / mass.sum() * 4000).pvalue > 1e-3


def test_folded_samples_reach_the_ends() -> None:
    columns = Columns([None], [False])
    p = mixture(columns, np.array([[0.02]]), np.ones(1), np.array([0.1]), 1e-9)
    assert (p.sample(np.random.default_rng(0), 200, folded=1.0) == 0).mean() == pytest.approx(0.42, abs=0.1)
    assert (p.sample(np.random.default_rng(0), 200) > 0).all()


def test_bandwidths() -> None:
    columns = Columns([None, None], [False, False])
    lone = columns.encode(np.array([[0.5, 0.5]]))
    few = bandwidths(lone, np.ones(1), False)
    assert few[0] == pytest.approx(0.2, abs=0.06)  # a fifth of the range, where nothing is known of the spread
    near = columns.encode(np.column_stack([np.full(400, 0.3), np.linspace(0, 1, 400)]))
    narrow, broad = bandwidths(near, np.ones(400), False)
    assert narrow < broad < 0.2
    assert bandwidths(lone, np.ones(1), False, evidence=1000.0)[0] < few[0]
    absent = columns.encode(np.array([[0.5, NAN], [0.7, NAN]]))
    assert np.isfinite(bandwidths(absent, np.ones(2), True)).all()


@settings(max_examples=settings().max_examples // 2)
@given(
    st.integers(1, 6),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 0.5]),
    st.sampled_from(["random", "equal", "ends"]),
)
def test_it_is_always_finite(k: int, seed: int, absent: float, kind: str) -> None:
    rng = np.random.default_rng(seed)
    u = some(rng, k, absent)
    if kind == "equal":
        u[:] = u[0]
    if kind == "ends":
        u = np.where(np.isnan(u), u, np.rint(u))
    rows = MIXED.encode(u)
    weight = rng.random(k) + 1e-3
    p = Mixture(MIXED, rows, weight, prior=1.0, h=bandwidths(rows, weight, True), smoothing=B, partial=True)
    x = p.sample(rng, 20, folded=0.5)
    assert np.isfinite(p.log_density(MIXED.points(x))).all()
    assert np.isfinite(p.log_density(MIXED.points(some(rng, 20, 0.5)))).all()


@pytest.mark.parametrize("d", [100, 300])
def test_many_coordinates_overflow_nothing(d: int) -> None:
    columns = Columns([None] * d, [False] * d)
    rng = np.random.default_rng(0)
    u = np.vstack([np.full(d, 0.5), rng.random((30, d))])
    p = mixture(columns, u, np.ones(31), np.full(d, MIN_BANDWIDTH), partial=False)
    found = p.log_density(columns.points(u))
    assert np.isfinite(found).all()
    # At a centre all other kernels vanish: its own is all there is.
    own = d * -math.log(MIN_BANDWIDTH * math.sqrt(2 * math.pi)) - math.log(32)
    assert found[0] == pytest.approx(own, abs=0.05)


def test_rows_are_taken_and_joined() -> None:
    rows = MIXED.encode(some(np.random.default_rng(0), 5, 0.3))
    both = rows.take(np.array([3, 1])).join(rows.take(np.array([0])))
    assert isinstance(both, Rows)
    for got, whole in zip(both.parts(), rows.parts(), strict=True):
        np.testing.assert_array_equal(got, whole[:, [3, 1, 0]])
