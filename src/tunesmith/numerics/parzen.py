"""Parzen mixtures over the unit cube with continuous, ordered, nominal and absent coordinates.

Symbols and shapes
    u[c, d]  points of the unit cube, NaN where a coordinate is absent (an inactive parameter)
    k        kernels of a mixture, with weights w[k] and centres u_i; w_0 is the weight of the uniform density
    h[d]     bandwidths, shared by all kernels of a mixture
    b        smoothing of nominal coordinates, in [0, 1]

The mixture (Watanabe, "Tree-structured Parzen estimator", arXiv 2304.11127, 2023, eqs. 4 to 8; Bergstra et al., NeurIPS
2011, section 4) is

    p(u) = (w_0 + Σ_i w_i Π_j K_j(u_j, u_ij)) / (w_0 + Σ_i w_i)

with one factor for each coordinate j:

    continuous    the normal density N(u_ij, h_j²), cut to [0, 1] and normalised there;
    ordered cell  the normal distribution's mass of the cell, divided by the cell's width: what a coarse lattice sees of
                  the same kernel. On finer lattices the density at the cell's centre is as good, since bandwidths are
                  not below about half a cell;
    nominal cell  b + (1 - b) · m if both of the m cells are the same, else b (Aitchison & Aitken, 1976);
    absent        1: a kernel that says nothing of a coordinate leaves it uniform, and a point without it is not judged
                  by it. Given which coordinates exist, each factor is a density, so the mixture is one over a tree.

All densities are relative to the uniform one. Because h is shared, log(w_i Π_j K_j) is linear in features of the
point and in features of the kernel: all candidates against all kernels are one matrix product and one `exp`, in single
precision, which is enough to rank candidates (errors of about 1e-5 near the kernels: features are measured from a
given origin, best one of the centres).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.intp]
Mask = NDArray[np.bool_]

MAX_TABLE = 16  # cells up to which a coordinate's kernel is a table; wide nominal ones are compared one by one
MIN_BANDWIDTH = 0.03
MAX_BANDWIDTH = 2.0
LOG_SQRT_2PI = 0.5 * math.log(2.0 * math.pi)
TINY = 1e-30


@dataclass(frozen=True, slots=True)
class Rows:
    """Points as kernels and candidates need them, see :meth:`Columns.encode`.

    Attributes:
        u: unit coordinates float32[n, d], ½ where absent.
        active: which coordinates exist, bool[n, d].
        cell: cell of each celled coordinate intp[n, T], of which there are T; its number of cells where absent.
    """

    u: Singles
    active: Mask
    cell: Ints

    def __len__(self) -> int:
        return len(self.u)

    def take(self, at: Ints | slice) -> Rows:
        """Return some of the rows."""
        return Rows(self.u[at], self.active[at], self.cell[at])


class Columns:
    """What each coordinate is.

    Args:
        edges: for each coordinate None (continuous), or the m + 1 edges of its cells, from 0 to 1.
        nominal: for each coordinate whether its cells have no order.

    Ordered coordinates with more than MAX_TABLE cells count as continuous.

    Attributes:
        d: number of coordinates.
        smooth: the continuous ones, intp[a].
        table: those whose kernel is a table, intp[t], the first t of the celled ones. wide: other nominal ones, intp[w].
    """

    def __init__(self, edges: Sequence[Floats | None], nominal: Sequence[bool]) -> None:
        self.d = len(edges)
        cells = [0 if e is None else len(e) - 1 for e in edges]
        small = [0 < m <= MAX_TABLE for m in cells]
        self.table = np.array([j for j in range(self.d) if small[j]], np.intp)
        self.wide = np.array([j for j in range(self.d) if nominal[j] and not small[j]], np.intp)
        self.smooth = np.array([j for j in range(self.d) if not small[j] and not nominal[j]], np.intp)
        self.celled = np.concatenate([self.table, self.wide])
        self.n_cells = np.array([cells[j] for j in self.celled], np.intp)
        t = len(self.table)
        self.m = m = int(self.n_cells[:t].max()) if t else 0
        self.at = np.arange(t)
        self.nominal = np.array([bool(nominal[j]) for j in self.table], bool)
        # Cells beyond a coordinate's own have no width at the upper end, so that no mass falls into them.
        self.edge = np.ones((t, m + 1))
        for i, j in enumerate(self.table):
            own = edges[j]
            if own is not None:
                self.edge[i, : len(own)] = own
        self.exists = np.arange(m) < self.n_cells[:t, None]
        self.width = np.maximum(np.diff(self.edge, axis=1), TINY)
        self.centre = 0.5 * (self.edge[:, 1:] + self.edge[:, :-1])
        self._upper = np.where(np.arange(m) < self.n_cells[:t, None] - 1, self.edge[:, 1:], np.inf)
        self._unit = np.vstack([np.eye(m), np.zeros(m)]).astype(np.float32)
        self._one_hot_pad = m - self.n_cells[:t]  # from "absent" of a coordinate to the last row of `_unit`

    def encode(self, u: Floats) -> Rows:
        """Return the rows of u[n, d]."""
        active = ~np.isnan(u)
        whole = np.where(active, u, 0.5)
        cell = np.empty((len(u), len(self.celled)), np.intp)
        t = len(self.table)
        if t:
            cell[:, :t] = self.cell_of(whole[:, self.table])
        if len(self.wide):
            count = self.n_cells[t:]
            cell[:, t:] = np.minimum((whole[:, self.wide] * count).astype(np.intp), count - 1)
        if len(self.celled):
            np.copyto(cell, self.n_cells, where=~active[:, self.celled])
        return Rows(whole.astype(np.float32), active, cell)

    def cell_of(self, v: Floats) -> Ints:
        """Return the cells intp[n, t] of coordinates v[n, t] of the tables."""
        cells: Ints = (v[:, :, None] >= self._upper).sum(axis=2)
        return cells

    def one_hot(self, cell: Ints) -> Singles:
        """Return float32[n, t m]: for each table a 1 at the cell, nothing where absent."""
        t = len(self.table)
        own = cell[:, :t]
        if self._one_hot_pad.any():
            own = np.where(own == self.n_cells[:t], self.m, own)
        return self._unit[own].reshape(len(cell), t * self.m)


def bandwidths(rows: Rows, weight: Floats, partial: bool) -> Floats:
    """Return h[d] = √(0.2 s) · n^(-1/(d + 4)), s the weighted standard deviation of the centres.

    Scott's rule (1992, eq. 6.42) with s drawn halfway, in the logarithm, to a fifth of the range: a handful of centres
    tells little of the spread. n is the effective number of centres, (Σ w)² / Σ w². One uniform observation is counted
    in, so that a single centre or equal ones have a spread.

    Args:
        rows: the centres.
        weight: w[k], positive.
        partial: whether coordinates may be absent.
    """
    w = (weight / weight.sum()).astype(np.float32)
    if partial:
        own = w[:, None] * rows.active
        total = np.maximum(own.sum(axis=0), TINY)
        n = np.maximum(total * total / np.maximum((own * own).sum(axis=0), TINY), 1.0)
        away = rows.u - (own * rows.u).sum(axis=0) / total
        variance = (own * away * away).sum(axis=0) / total
    else:
        n = 1.0 / (w @ w)
        away = rows.u - w @ rows.u
        variance = w @ (away * away)
    spread = np.sqrt(variance + 1.0 / (12.0 * n))
    h = np.sqrt(0.2 * spread) * n ** (-1.0 / (rows.u.shape[1] + 4))
    return np.clip(h.astype(np.float64), MIN_BANDWIDTH, MAX_BANDWIDTH)


class Mixture:
    """One mixture, see the head of this module.

    Args:
        columns: what the coordinates are.
        rows: the centres, k of them, at least one.
        weight: w[k], positive.
        prior: w_0, the weight of the uniform density, positive.
        h: bandwidths [d].
        smoothing: b.
        origin: where smooth features are measured from, float32[d].
        partial: whether coordinates of centres or of points may be absent.
    """

    def __init__(
        self,
        columns: Columns,
        rows: Rows,
        weight: Floats,
        *,
        prior: float,
        h: Floats,
        smoothing: float,
        origin: Singles,
        partial: bool,
    ) -> None:
        from scipy.special import ndtr

        self.columns, self.rows, self.weight, self.prior, self.h = columns, rows, weight, prior, h
        self.smoothing, self._origin, self._partial = smoothing, origin, partial
        self._ndtr = ndtr
        self._total = float(weight.sum()) + prior
        self.mass = self._masses() if len(columns.table) else np.empty((0, 0, 0))
        self._features = self._of_kernels()

    def _masses(self) -> Floats:
        """The probability of a cell under a kernel at a cell, float64[t, centre, cell]."""
        c = self.columns
        at = self.h[c.table][:, None, None]
        below = self._ndtr((c.edge[:, None, :] - c.centre[:, :, None]) / at)
        mass = np.diff(below, axis=2)
        mass /= np.maximum(mass.sum(axis=2, keepdims=True), TINY)
        if c.nominal.any():
            same = np.eye(c.m)
            equal = c.exists[:, None, :] / c.n_cells[: len(c.table), None, None]
            mass[c.nominal] = ((1.0 - self.smoothing) * same + self.smoothing * equal)[c.nominal]
        return mass

    def _of_kernels(self) -> Singles:
        """Features of the kernels, float32[k, F]; in the order of :meth:`_of_points`."""
        c, rows = self.columns, self.rows
        blocks: list[Singles] = []
        constant = np.log(self.weight).astype(np.float32)
        if len(c.smooth):
            h = self.h[c.smooth].astype(np.float32)
            u = rows.u[:, c.smooth]
            z = (u - self._origin[c.smooth]) / h
            low = u / -h
            norm = np.log(self._ndtr(low + 1 / h) - self._ndtr(low))
            each = -0.5 * z * z - norm
            each -= np.log(h) + np.float32(LOG_SQRT_2PI)
            if self._partial:
                on = rows.active[:, c.smooth].astype(np.float32)
                blocks += [z * on, on, each * on]
            else:
                blocks += [z, np.ones((len(u), 1), np.float32)]
                constant += each.sum(axis=1)
        t = len(c.table)
        if t:
            table = np.zeros((t, c.m + 1, c.m), np.float32)
            both = c.exists[:, :, None] & c.exists[:, None, :]
            table[:, : c.m] = np.log(np.where(both, self.mass / c.width[:, None, :], 1.0) + TINY)
            own = np.where(rows.cell[:, :t] == c.n_cells[:t], c.m, rows.cell[:, :t])
            blocks.append(table[c.at, own].reshape(len(rows), t * c.m))
        blocks.append(constant[:, None])
        return np.concatenate(blocks, axis=1)

    def _of_points(self, rows: Rows) -> Singles:
        c = self.columns
        blocks: list[Singles] = []
        if len(c.smooth):
            z = (rows.u[:, c.smooth] - self._origin[c.smooth]) / self.h[c.smooth].astype(np.float32)
            half = -0.5 * z * z
            if self._partial:
                on = rows.active[:, c.smooth].astype(np.float32)
                blocks += [z * on, half * on, on]
            else:
                blocks += [z, half.sum(axis=1, keepdims=True)]
        if len(c.table):
            blocks.append(c.one_hot(rows.cell))
        blocks.append(np.ones((len(rows), 1), np.float32))
        return np.concatenate(blocks, axis=1)

    def log_density(self, points: Rows) -> Floats:
        """Return log p of points, float64[c]."""
        log_k = self._of_points(points) @ self._features.T
        c = self.columns
        t = len(c.table)
        for i, m in enumerate(c.n_cells[t:].tolist(), t):  # wide nominal ones
            x, own = points.cell[:, i, None], self.rows.cell[None, :, i]
            same = np.float32(math.log(self.smoothing + (1.0 - self.smoothing) * m + TINY))
            other = np.float32(math.log(self.smoothing + TINY))
            factor = np.where(x == own, same, other)
            log_k += np.where((x == m) | (own == m), np.float32(0.0), factor)
        # log(w_0 + Σ exp): the largest summand is taken out, since products over many coordinates leave float32.
        top = np.maximum(log_k.max(axis=1), np.float32(math.log(self.prior)))
        log_k -= top[:, None]
        total = np.exp(log_k, out=log_k).sum(axis=1).astype(np.float64)
        highest = top.astype(np.float64)
        result: Floats = np.log(total + self.prior * np.exp(-highest)) + highest - math.log(self._total)
        return result

    def sample(self, rng: np.random.Generator, n: int, *, folded: float = 0.0) -> Floats:
        """Draw n points u[n, d]; celled coordinates lie at cell centres, none is absent.

        Args:
            rng: where randomness comes from; n (2 d + 1) uniform numbers are drawn.
            n: how many.
            folded: share of the smooth coordinates that are drawn from the whole normal density, with what lies beyond
                0 or 1 put there, and not from the density cut to [0, 1]: a cut density never reaches an end.
        """
        from scipy.special import ndtri

        c, d = self.columns, self.columns.d
        r = rng.random((n, 2 * d + 1))
        share = np.cumsum(self.weight)
        share /= self._total
        which = np.searchsorted(share, r[:, 2 * d], side="right")  # beyond the last: the uniform density
        of = np.minimum(which, len(self.rows) - 1)
        known = self.rows.active[of] & (which < len(self.rows))[:, None]
        u = np.array(r[:, :d])
        if len(c.smooth):
            h = self.h[c.smooth]
            centre = self.rows.u[of[:, None], c.smooth].astype(np.float64)
            low, high = self._ndtr(-centre / h), self._ndtr((1.0 - centre) / h)
            if folded > 0:
                whole = r[:, d : 2 * d][:, c.smooth] < folded
                low[whole], high[whole] = 0.0, 1.0
            drawn = centre + h * ndtri(low + u[:, c.smooth] * (high - low))
            u[:, c.smooth] = np.where(known[:, c.smooth], np.clip(drawn, 0.0, 1.0), u[:, c.smooth])
        t = len(c.table)
        if t:
            v = u[:, c.table]
            own = np.minimum(self.rows.cell[of, :t], c.n_cells[:t] - 1)
            reached = np.cumsum(self.mass, axis=2)[c.at, own] < v[:, :, None]
            cell = np.where(known[:, c.table], np.minimum(reached.sum(axis=2), c.n_cells[:t] - 1), c.cell_of(v))
            u[:, c.table] = c.centre[c.at, cell]
        if len(c.wide):
            m = c.n_cells[t:]
            v = u[:, c.wide]
            fresh = ~known[:, c.wide] | (r[:, d : 2 * d][:, c.wide] < self.smoothing)
            cell = np.where(fresh, np.minimum((v * m).astype(np.intp), m - 1), self.rows.cell[of, t:])
            u[:, c.wide] = (cell + 0.5) / m
        return u
