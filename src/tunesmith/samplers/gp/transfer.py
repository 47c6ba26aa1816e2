"""Earlier studies in the model of a new one, and their best points as its first trials.

Each earlier study becomes a Gaussian process over the parameters that both studies know, fitted to the normal quantiles
of its values. The new study's values are a weighted sum of these processes' means plus a process of its own; see
`tunesmith.foundation.numerics.transfer` for the weights, which vanish where an earlier study misleads.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats, Indices, Mask
from tunesmith.foundation.numerics.gp import Posterior, Prior, fit
from tunesmith.foundation.numerics.transfer import PosteriorMean, best_and_spread, weights
from tunesmith.history import SourceStudy
from tunesmith.space import Categorical, Parameter, Space
from tunesmith.space.feature_map import FeatureMap

EARLIER_MODEL_ROWS = 200  # of an earlier study, in its model
MIN_EARLIER_ROWS = 4  # of an earlier study, before it has a model
WEIGHT_MEAN, WEIGHT_SD = 0.7, 0.5  # prior of the weights, before any row of the new study
FADE_ROWS = 5.0  # rows of the new study at which earlier ones count half; later they did harm (measured)
MIN_EARLIER_SHARE = 0.05  # below it they are left out
# Points of each earlier study, and of all, that the search for the next point starts from.
GOOD_OF_EACH_STUDY, MAX_GOOD_OF_STUDIES = 3, 6
# Points of earlier studies that are tried at the start: at least, and of many studies.
MIN_TRIED_OF_STUDIES, MAX_TRIED_OF_STUDIES = 3, 6
GOOD_EARLIER_SHARE = 0.1  # of an earlier study's rows


class AlignedSource:
    """The rows of an earlier study in terms of a space.

    Attributes:
        x: internal values [n, d], NaN where inactive or where the earlier study lacks the parameter.
        q: normal quantiles [n], low is good.
        known: which parameters both have, bool[d].
    """

    def __init__(self, earlier: SourceStudy, space: Space) -> None:
        params = list(space.params.items())
        x = np.full((len(earlier.x), len(params)), np.nan)
        keep = np.ones(len(x), bool)
        known = np.zeros(len(params), bool)
        for j, (name, new) in enumerate(params):
            old = earlier.space.params.get(name)
            if old is None or (old.is_numeric != new.is_numeric and not isinstance(new, Categorical)):
                continue
            known[j] = True
            column = earlier.x[:, earlier.space.names.index(name)]
            values = {v: _translated_value(old, new, v) for v in np.unique(column[~np.isnan(column)]).tolist()}
            x[:, j] = [math.nan if v != v else values[v] for v in column.tolist()]
            keep &= np.isnan(column) | ~np.isnan(x[:, j])
        self.known = known
        self.x, self.q = x[keep], earlier.q[keep]
        active = space.active(self.x)
        for j, (_, p) in enumerate(params):
            # Where a parent is unknown, so is whether the parameter was active: its values are then kept.
            if p.condition is not None and all(known[space.names.index(n)] for n in p.condition.parents):
                self.x[~active[:, j], j] = np.nan


def _translated_value(old: Parameter, new: Parameter, x: float) -> float:
    """Return the internal value in `new` of what x stands for in `old`, NaN if there is none."""
    value = old.to_label(x)
    if new.contains(value):
        return new.to_internal(value)
    low, high = getattr(new, "low", math.inf), getattr(new, "high", -math.inf)
    return float(value) if new.is_numeric and old.is_numeric and low <= value <= high else math.nan


class SourceModels:
    """Models of the earlier studies over the features of a space.

    Args:
        prior: of the models' hyperparameters.

    Attributes:
        good: unit coordinates [g, d] of the best points of each, in turns, NaN where inactive or unknown; g <= 6, since
            each of them costs time at every proposal.
    """

    def __init__(self, earlier: Sequence[SourceStudy], space: Space, features: FeatureMap, prior: Prior) -> None:
        self.means: list[tuple[PosteriorMean, Indices]] = []
        good: list[Floats] = []
        for one in earlier:
            rows = AlignedSource(one, space)
            columns = _known_features(features, rows.known)
            if len(rows.q) < MIN_EARLIER_ROWS or not len(columns) or not np.ptp(rows.q) > 0:
                continue
            at = best_and_spread(rows.q, EARLIER_MODEL_ROWS)
            u = space.to_unit(rows.x[at])
            z, t = features(u)[:, columns], rows.q[at]
            group = np.unique(features.group[columns], return_inverse=True)[1].astype(np.intp)
            model = Posterior(z, group, t, fit(z, group, t, prior))
            self.means.append((PosteriorMean(model.a, model.alpha, model.scale), columns))
            good.append(u[np.argsort(t, kind="stable")[:GOOD_OF_EACH_STUDY]])
        turns = [own[i] for i in range(GOOD_OF_EACH_STUDY) for own in good]
        self.good: Floats = np.array(turns[:MAX_GOOD_OF_STUDIES]).reshape(-1, len(space))

    def combine(self, model: Posterior, z: Floats, t: Floats) -> Posterior | TransferPosterior:
        """Return the model of the new study combined with those of the earlier ones.

        Args:
            model: the new study's own, conditioned on values t.
            z: features of its rows [n, F].
            t: its standardised values [n].
        """
        share = FADE_ROWS / (FADE_ROWS + len(t))
        if not self.means or share < MIN_EARLIER_SHARE:
            return model
        m = self.value(z)
        centre = m.mean(axis=0)
        b = share * weights(t, m - centre, model.factor, WEIGHT_MEAN, WEIGHT_SD)
        return TransferPosterior(self, b, centre, model, t, (m - centre) @ b) if b.any() else model

    def value(self, z: Floats) -> Floats:
        """Return what the earlier studies predict, [q, S], at features z[q, F]."""
        return np.column_stack([mean.value(z[:, columns]) for mean, columns in self.means])

    def gradient(self, z: Floats, b: Floats) -> tuple[Floats, Floats]:
        """Return the predictions [q, S] and the gradient [q, F] of their sum weighted by b[S]."""
        value = np.zeros((len(z), len(self.means)))
        total = np.zeros_like(z)
        for s, (mean, columns) in enumerate(self.means):
            value[:, s], slope = mean.gradient(z[:, columns])
            total[:, columns] += b[s] * slope
        return value, total


class TransferPosterior:
    """The posterior of a new study given its own process and weighted earlier ones; used as a `Posterior`.

    Args:
        sources: the earlier studies.
        b: their weights [S].
        centre: what they predict at the rows, on average, [S].
        model: the new study's own process, conditioned on t.
        t: its standardised values [n].
        shared: what the earlier studies say about the rows [n].

    Attributes:
        fitted: the posterior mean at the rows [n].
    """

    def __init__(
        self, sources: SourceModels, b: Floats, centre: Floats, model: Posterior, t: Floats, shared: Floats
    ) -> None:
        from scipy.linalg import lapack

        self.sources, self.b, self.centre = sources, b, centre
        self.model = copy.copy(model)  # of the residuals: with the same hyperparameters, so with the same factor
        self.model.alpha = lapack.dpotrs(model.factor, t - shared, lower=1)[0]
        self.fitted: Floats = t - model.errors * self.model.alpha

    def predict(self, z: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance at features z[q, F], shape [q] each."""
        mean, variance = self.model.predict(z)
        return mean + (self.sources.value(z) - self.centre) @ self.b, variance

    def predict_gradient(self, z: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return mean[q], variance[q] and their gradients [q, F]."""
        mean, variance, d_mean, d_variance = self.model.predict_gradient(z)
        shared, slope = self.sources.gradient(z, self.b)
        return mean + (shared - self.centre) @ self.b, variance, d_mean + slope, d_variance


def _known_features(features: FeatureMap, known: Mask) -> Indices:
    """Return the features that belong to the parameters that are known."""
    found: set[int] = set()
    for j in np.flatnonzero(known).tolist():
        own, active = features.features_of(j)
        found.update(range(own.start, own.stop))
        found.update([] if active is None else [active])
    return np.array(sorted(found), np.intp)


def best_points(earlier: Sequence[SourceStudy], space: Space) -> Floats:
    """Return good points of earlier studies that differ from one another, [k, d], NaN where one lacks a parameter.

    Of each study the best one first, then those of its top tenth that are farthest from all before; the studies take
    turns.
    """
    features = FeatureMap(space)
    found: list[list[Floats]] = []
    for one in earlier:
        rows = AlignedSource(one, space)
        top = np.argsort(rows.q, kind="stable")[: max(MIN_TRIED_OF_STUDIES, int(GOOD_EARLIER_SHARE * len(rows.q)))]
        z = features(space.to_unit(rows.x[top]))
        chosen = [0] if len(top) else []
        while 0 < len(chosen) < min(MIN_TRIED_OF_STUDIES, len(top)):
            distance = ((z[:, None, :] - z[chosen]) ** 2).sum(axis=-1).min(axis=1)
            chosen.append(int(distance.argmax()))
        found.append([_snapped(space, rows.x[top[i]]) for i in chosen])
    turns = [own[i] for i in range(MIN_TRIED_OF_STUDIES) for own in found if i < len(own)]
    return np.array(turns[: max(MIN_TRIED_OF_STUDIES, min(len(found), MAX_TRIED_OF_STUDIES))]).reshape(-1, len(space))


def _snapped(space: Space, row: Floats) -> Floats:
    """Return the row with each value that is known on the lattice of its parameter."""
    out = row.copy()
    for j, p in enumerate(space.params.values()):
        if row[j] == row[j] and not _on_lattice(p, row[j]):
            out[j] = float(p.from_unit(p.to_unit(row[j])))
    return out


def _on_lattice(p: Parameter, x: float) -> bool:
    """Tell whether x is exactly the internal value of one of the parameter's values."""
    try:
        return p.to_internal(p.to_external(x)) == x  # an Int's to_external takes 3.7 for 3
    except ValueError:
        return False
