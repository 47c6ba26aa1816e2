"""Parzen mixtures over the unit cube with continuous, ordered, nominal and absent coordinates.

Symbols and shapes
    u[c, d]  points of the unit cube, NaN where a coordinate is absent (an inactive parameter)
    k        kernels of a mixture, with weights w[k] and centres u_i; w_0 is the weight of the uniform density
    h[d]     bandwidths, shared by all kernels of a mixture
    b        smoothing of nominal coordinates, in [0, 1]

The mixture (Watanabe, "Tree-structured Parzen estimator", arXiv 2304.11127, 2023, section 3; Bergstra et al., NeurIPS
2011, section 4) is

    p(u) = (w_0 + Σ_i w_i Π_j K_j(u_j, u_ij)) / (w_0 + Σ_i w_i)

with one factor for each coordinate j:

    continuous    the normal density N(u_ij, h_j²), cut to [0, 1] and normalised there;
    ordered cell  the normal distribution's mass of the cell, divided by the cell's width: what a coarse lattice sees of
                  the same kernel. On finer lattices the density at the cell's centre is as good, since bandwidths are
                  not below about half a cell;
    nominal cell  b + (1 - b) · m if both of the m cells are the same, else b (Aitchison & Aitken, 1976);
    arranged cell what a `CellKernel` says, for cells that are more or less alike (orders of items, say);
    absent        1: a kernel that says nothing of a coordinate leaves it uniform, and a point without it is not judged
                  by it. Given which coordinates exist, each factor is a density, so the mixture is one over a tree.

All densities are relative to the uniform one. Because h is shared, log(w_i Π_j K_j) is a scalar product of features of
the point, (u_j, u_j², cells), and features of the kernel, which hold all that depends on h: all points against all
kernels are one matrix product and one `exp`, and points have the same features for each mixture. Arrays are laid out
with one row a coordinate, which makes NumPy's inner loops long, and are in single precision: with h >= MIN_BANDWIDTH
the rounding errors of a logarithm are about 2e-5 d, far below what tells candidates apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tunesmith.foundation.numerics.arrays import Floats, Indices, Mask, Singles

MAX_TABLE_CELLS = 16  # cells up to which a coordinate's kernel is a table; wide nominal ones are compared one by one
MIN_BANDWIDTH = 0.03
MAX_BANDWIDTH = 2.0
PSEUDO_CENTRES = 10.0  # centres at which their spread and a fifth of the range count the same
TINY_DENSITY = 1e-30
LARGE_EXPONENT = 80.0  # its exponential is far from the largest number of single precision


class CellKernel(Protocol):
    """What a coordinate's cells say about one another.

    Attributes:
        n_cells: how many there are.
    """

    n_cells: int

    def log_kernel(self, cell: Indices, centre: Indices) -> Floats:
        """Return the logarithm of the kernel of each of centre[k] at each of cell[n], [n, k]."""

    def drawn(self, centre: Indices, rng: np.random.Generator) -> Indices:
        """Return a cell near each of centre[n]."""


@dataclass(frozen=True, slots=True)
class Rows:
    """n points as kernels, see `Columns.encode`.

    Attributes:
        v: unit coordinates less ½, float32[d, n], 0 where absent.
        active: which coordinates exist, bool[d, n].
        cell: the cell of each celled coordinate, of which there are T, intp[T, n]; its number of cells where absent.
    """

    v: Singles
    active: Mask
    cell: Indices

    def __len__(self) -> int:
        return int(self.v.shape[1])

    def parts(self) -> tuple[NDArray[Any], ...]:
        """Return the arrays, points along the last axis."""
        return self.v, self.active, self.cell

    def take(self, at: Indices) -> Rows:
        """Return some of the points."""
        return Rows(*(a.take(at, axis=1) for a in self.parts()))

    def join(self, other: Rows) -> Rows:
        """Return these points and then the other ones."""
        return Rows(*(np.concatenate(pair, axis=1) for pair in zip(self.parts(), other.parts(), strict=True)))


@dataclass(frozen=True, slots=True)
class Points:
    """n points to be judged by mixtures, see `Columns.points`.

    Attributes:
        features: float32[F, n]: v and v² of the smooth coordinates, for each table a 1 at the cell, one row of 1, and
            which smooth coordinates exist. What belongs to an absent coordinate is 0.
        cell: as in `Rows`.
    """

    features: Singles
    cell: Indices


class Columns:
    """What each coordinate is.

    Args:
        edges: for each coordinate None (continuous), or the m + 1 edges of its cells, from 0 to 1.
        nominal: for each coordinate whether its cells have no order.
        arranged: the kernels of nominal coordinates whose edges are None, by place.

    Ordered coordinates with more than MAX_TABLE_CELLS cells count as continuous.

    Attributes:
        d: number of coordinates. m: largest number of cells of a table.
        smooth: the continuous ones, n_smooth of them.
        table: those whose kernel is a table, intp[t]. wide: other nominal ones, intp[w].
        celled: both, the tables first, intp[T]. n_cells: their numbers of cells, intp[T].
        nominal: which tables are nominal, bool[t].
        exists: which of m cells a table has, bool[t, m].
        edge: edges of the cells of the tables, float64[t, m + 1]; cells that do not exist lie at 1 and have no width.
        width, centre: of those cells, float64[t, m].
    """

    def __init__(
        self, edges: Sequence[Floats | None], nominal: Sequence[bool], arranged: Mapping[int, CellKernel] | None = None
    ) -> None:
        self.d = len(edges)
        self.arranged = arranged or {}
        cells = [0 if e is None else len(e) - 1 for e in edges]
        small = [0 < m <= MAX_TABLE_CELLS for m in cells]
        for j, kernel in self.arranged.items():
            cells[j] = kernel.n_cells
        self.table = np.array([j for j in range(self.d) if small[j]], np.intp)
        self.wide = np.array([j for j in range(self.d) if nominal[j] and not small[j]], np.intp)
        self.celled = np.concatenate([self.table, self.wide])
        rest = [j for j in range(self.d) if not small[j] and not nominal[j]]
        self.n_smooth = len(rest)
        # Neighbours as a slice: a view costs a tenth of a copy, and there are several at every proposal.
        together = rest == list(range(rest[0], rest[0] + len(rest))) if rest else False
        self.smooth: slice | Indices = slice(rest[0], rest[-1] + 1) if together else np.array(rest, np.intp)
        self.n_cells = np.array([cells[j] for j in self.celled], np.intp)
        t = len(self.table)
        self.m = m = int(self.n_cells[:t].max()) if t else 0
        self.nominal = np.array([bool(nominal[j]) for j in self.table], bool)
        self.edge = np.ones((t, m + 1))
        for i, j in enumerate(self.table.tolist()):
            own = edges[j]
            if own is not None:
                self.edge[i, : len(own)] = own
        self.exists = np.arange(m) < self.n_cells[:t, None]
        self.width = np.maximum(np.diff(self.edge, axis=1), TINY_DENSITY)
        self.centre = 0.5 * (self.edge[:, 1:] + self.edge[:, :-1])
        # The last cell has no upper edge, so that u = 1 falls into it.
        self._upper = np.where(np.arange(m) < self.n_cells[:t, None] - 1, self.edge[:, 1:], np.inf)

    def encode(self, u: Floats) -> Rows:
        """Return the points u[n, d]."""
        u = u.T
        active = ~np.isnan(u)
        v = np.where(active, u - 0.5, 0.0).astype(np.float32)
        t, n = len(self.table), u.shape[1]
        if not len(self.celled):
            return Rows(v, active, np.empty((0, n), np.intp))
        whole = np.where(active[self.celled], u[self.celled], 0.5)
        cell = np.empty((len(self.celled), n), np.intp)
        cell[:t] = self.cell_of(whole[:t])
        count = self.n_cells[:, None]
        if len(self.wide):
            cell[t:] = np.minimum((whole[t:] * count[t:]).astype(np.intp), count[t:] - 1)
        np.copyto(cell, count, where=~active[self.celled])
        return Rows(v, active, cell)

    def points(self, u: Floats) -> Points:
        """Return the points u[n, d] as mixtures judge them."""
        rows = self.encode(u)
        v, t = rows.v[self.smooth], len(self.table)
        parts: list[NDArray[Any]] = [v, v * v]
        if t:
            hot = (rows.cell[:t, None] == np.arange(self.m)[:, None]) & self.exists[:, :, None]
            parts.append(hot.reshape(t * self.m, len(u)))
        parts += [np.ones((1, len(u)), np.float32), rows.active[self.smooth]]
        return Points(np.concatenate(parts), rows.cell)

    def cell_of(self, u: Floats) -> Indices:
        """Return the cells intp[t, n] of coordinates u[t, n] of the tables."""
        cells: Indices = (u[:, None] >= self._upper[:, :, None]).sum(axis=1)
        return cells


def bandwidths(rows: Rows, weight: Floats, partial: bool, evidence: float = 0.0) -> Floats:
    """Return h[d] = s^(1-ω) · 0.2^ω · n^(-1/(d + 4)), s the weighted standard deviation of the centres.

    Scott's rule (1992, eq. 6.42) with s drawn towards a fifth of the range, as a handful of centres tells little of the
    spread: ω = 10 / (10 + n), so both count the same at ten centres. One uniform observation is counted in, so that a
    single centre or equal ones have a spread. n is the effective number of centres, (Σ w)² / Σ w². All is in double
    precision: what is drawn depends on it, and its last bits, which differ between processors, are then rounded away.

    Args:
        weight: w[k], positive.
        partial: whether coordinates may be absent.
        evidence: n is at least this: of many observations that stand behind few centres.
    """
    w = weight / weight.sum()
    n: Any
    if partial:
        own = w * rows.active
        total = np.maximum(own.sum(axis=1), TINY_DENSITY)
        n = np.maximum(total * total / np.maximum((own * own).sum(axis=1), TINY_DENSITY), 1.0)
        away = rows.v - (own * rows.v).sum(axis=1, keepdims=True) / total[:, None]
        variance = (own * away * away).sum(axis=1) / total
        n = np.maximum(n, evidence * total)
    else:
        with np.errstate(invalid="ignore"):  # all is finite; BLAS has raised the flag for lanes beyond the end
            n = max(1.0 / float(w @ w), evidence)
            away = rows.v - (rows.v @ w)[:, None]
            away *= away
            variance = away @ w
    trust = n / (PSEUDO_CENTRES + n)
    log_spread = 0.5 * np.log(variance + 1.0 / (12.0 * n))
    log_h = trust * log_spread + (1.0 - trust) * math.log(0.2) - np.log(n) / (len(rows.v) + 4)
    return np.asarray(np.minimum(np.maximum(np.exp(log_h), MIN_BANDWIDTH), MAX_BANDWIDTH))


class Mixture:
    """One mixture, see the head of this module.

    Args:
        columns: what the coordinates are.
        rows: the centres, k of them, at least one.
        weight: w[k], positive.
        prior: w_0, the weight of the uniform density, positive.
        h: bandwidths [d].
        smoothing: b.
        partial: whether coordinates of centres or of points may be absent.
    """

    def __init__(
        self, columns: Columns, rows: Rows, weight: Floats, *, prior: float, h: Floats, smoothing: float, partial: bool
    ) -> None:
        self.columns, self.rows, self.weight, self.prior, self.h = columns, rows, weight, prior, h
        self.smoothing = smoothing
        self._partial = partial
        self._total = float(weight.sum()) + prior
        self._share = weight.cumsum()
        self._mass = self._masses() if len(columns.table) else np.empty((0, 0, 0))
        self._features = self._of_kernels()

    def _masses(self) -> Floats:
        """The probability of a cell under a kernel at a cell, float64[t, centre, cell]."""
        from scipy.special import ndtr

        c = self.columns
        at = self.h[c.table][:, None, None]
        below = ndtr((c.edge[:, None, :] - c.centre[:, :, None]) / at)
        mass = below[:, :, 1:] - below[:, :, :-1]
        mass /= np.maximum(mass.sum(axis=2, keepdims=True), TINY_DENSITY)
        if c.nominal.any():
            equal = c.exists[:, None, :] / c.n_cells[: len(c.table), None, None]
            mass[c.nominal] = ((1.0 - self.smoothing) * np.eye(c.m) + self.smoothing * equal)[c.nominal]
        return np.asarray(mass)

    def _of_kernels(self) -> Singles:
        """Features of the kernels float32[F, k], in the order of `Points`; the last ones only if needed."""
        c, rows = self.columns, self.rows
        v, on, h = rows.v[c.smooth], rows.active[c.smooth], self.h[c.smooth].astype(np.float32)[:, None]
        # log K_j = -(v - v_i)² / 2 h² - log of the normaliser = v_i / h² · v - 1 / 2 h² · v² + each.
        precision = 1.0 / (h * h)
        scaled = precision * v
        each = _log_normaliser(v, h)
        each += 0.5 * v * scaled
        np.negative(each, out=each)
        each *= on
        constant = np.log(self.weight).astype(np.float32)[None]
        parts = [scaled, -0.5 * precision * on]
        if len(c.table):
            parts.append(self._tables())
        parts += [constant, each] if self._partial else [constant + each.sum(axis=0)]
        return np.concatenate(parts)

    def _tables(self) -> Singles:
        """The logarithm of each kernel at each cell of the tables, float32[t m, k]."""
        c = self.columns
        t = len(c.table)
        table = np.zeros((t, c.m + 1, c.m), np.float32)  # the last row, 0, is that of an absent coordinate
        both = c.exists[:, :, None] & c.exists[:, None, :]
        density = np.where(both, self._mass / c.width[:, None, :], 1.0)
        table[:, : c.m] = np.log(density + TINY_DENSITY)
        own = np.where(self.rows.active[c.table], self.rows.cell[:t], c.m)
        return table[np.arange(t)[:, None], own].transpose(0, 2, 1).reshape(t * c.m, -1)

    def log_density(self, points: Points) -> Floats:
        """Return log p of n points, float64[n]."""
        log_k = points.features[: len(self._features)].T @ self._features  # all kernels are whole: whole points, too
        c = self.columns
        t = len(c.table)
        for i, m in enumerate(c.n_cells[t:].tolist(), t):  # wide nominal ones
            x, own = points.cell[i][:, None], self.rows.cell[i]
            if (kernel := c.arranged.get(int(c.celled[i]))) is not None:
                at, on = np.flatnonzero(x[:, 0] < m), np.flatnonzero(own < m)
                log_k[np.ix_(at, on)] += kernel.log_kernel(points.cell[i][at], own[on]).astype(np.float32)
                continue
            same = np.float32(math.log(self.smoothing + (1.0 - self.smoothing) * m + TINY_DENSITY))
            other = np.float32(math.log(self.smoothing + TINY_DENSITY))
            factor = np.where(x == own, same, other)
            log_k += np.where((x == m) | (own == m), np.float32(0.0), factor)
        # Products over many coordinates may leave single precision: then the largest one of a point is taken out.
        top: Floats | None = None
        if np.maximum.reduce(log_k, axis=None) > LARGE_EXPONENT:
            top = np.maximum(log_k.max(axis=1).astype(np.float64), 0.0)
            log_k -= top.astype(np.float32)[:, None]
        np.exp(log_k, out=log_k)
        p = np.add.reduce(log_k, axis=1).astype(np.float64)
        p += self.prior if top is None else self.prior * np.exp(-top)
        np.log(p, out=p)
        p -= math.log(self._total)
        return np.asarray(p if top is None else p + top)

    def sample(self, rng: np.random.Generator, n: int, *, folded: float = 0.0) -> Floats:
        """Draw n points u[n, d]; celled coordinates lie at cell centres, none is absent.

        Args:
            folded: share of the smooth coordinates that are drawn from the whole normal density, with what lies beyond
                0 or 1 put there, and not from the density cut to [0, 1]: a cut density never reaches an end.
        """
        c, d, k = self.columns, self.columns.d, len(self.rows)
        r = rng.random((2 * d + 1, n))
        u, other = r[:d], r[d : 2 * d]
        which = self._share.searchsorted(r[2 * d] * self._total, side="right")  # k: the uniform density
        of = np.minimum(which, k - 1)
        known = (which < k)[None].repeat(d, axis=0)
        if self._partial:
            known &= self.rows.active.take(of, axis=1)
        if c.n_smooth:
            from scipy.special import ndtr, ndtri

            at, h = u[c.smooth], self.h[c.smooth][:, None]
            centre = self.rows.v[c.smooth].take(of, axis=1) + np.float64(0.5)
            low = ndtr(centre / -h)
            cut = ndtr((1.0 - centre) / h)
            cut -= low
            cut *= at
            cut += low
            if folded > 0:
                np.copyto(cut, at, where=other[c.smooth] < folded)
            drawn = ndtri(cut)
            drawn *= h
            drawn += centre
            np.maximum(drawn, 0.0, out=drawn)
            np.minimum(drawn, 1.0, out=drawn)
            u[c.smooth] = np.where(known[c.smooth], drawn, at)
        t = len(c.table)
        if t:
            at, last = u[c.table], c.n_cells[:t, None] - 1
            own = np.minimum(self.rows.cell[:t].take(of, axis=1), last)
            reached = np.cumsum(self._mass, axis=2)[np.arange(t)[:, None], own] < at[:, :, None]
            cell = np.where(known[c.table], np.minimum(reached.sum(axis=2), last), c.cell_of(at))
            u[c.table] = c.centre[np.arange(t)[:, None], cell]
        if len(c.wide):
            at, m = u[c.wide], c.n_cells[t:, None]
            fresh = ~known[c.wide] | (other[c.wide] < self.smoothing)
            cell = np.where(fresh, np.minimum((at * m).astype(np.intp), m - 1), self.rows.cell[t:].take(of, axis=1))
            for i, j in enumerate(c.wide.tolist()):
                if (kernel := c.arranged.get(j)) is not None:
                    near = np.flatnonzero(known[j])
                    cell[i] = np.minimum((u[j] * m[i]).astype(np.intp), m[i] - 1)
                    cell[i, near] = kernel.drawn(self.rows.cell[t + i].take(of[near]), rng)
            u[c.wide] = (cell + 0.5) / m
        return np.ascontiguousarray(u.T)


def _log_normaliser(v: Singles, h: Singles) -> Singles:
    """Log of h √(2π) times the normal mass inside [0, 1], for centres ½ + v.

    By Φ(z) ≈ ½ + ½ tanh(0.7988 z + 0.03528 z³), right to 1.4e-4 (Bowling et al., J. Ind. Eng. Manag. 2, 2009): a tenth
    of the time of the error function, and this is computed for every kernel at every proposal.
    """
    z = np.empty((2, *v.shape), v.dtype)
    np.subtract(0.5, v, out=z[0])
    np.add(0.5, v, out=z[1])
    z /= h
    cubic = z * z
    cubic *= 0.03528
    cubic += 0.7988
    z *= cubic
    np.tanh(z, out=z)
    above = z[0]
    above += z[1]
    above *= h * np.float32(math.sqrt(0.5 * math.pi))
    np.log(above, out=above)
    return np.asarray(above)
