"""Functional ANOVA: how much of the variance of results over the whole space each parameter, or pair, explains.

Sobol', 1993; for hyperparameters Hutter, Hoos & Leyton-Brown, ICML 2014, there with a forest, here with a Gaussian
process.

Symbols: M points spread over the space (Sobol' points), f[M] expected results there, V variance.

The main effect of a parameter is V_j = Var(E[f | x_j]), by means over cells. The pair's effect is what the cells of
both explain beyond the two main effects. All are divided by the variance of a result: Var(f) plus that of the noise.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from tunesmith.foundation.languages import say
from tunesmith.foundation.numerics.arrays import Floats, Indices
from tunesmith.foundation.numerics.blas_threads import one_thread
from tunesmith.importance.base import Effects, Evaluator, ImportanceData
from tunesmith.importance.cells import Cells, explained, main_variances
from tunesmith.importance.model import check_enough, fitted, shuffled_models, spread_points
from tunesmith.space.feature_map import FeatureMap

POINTS = 8_192
CELLS = 64  # of an ordered parameter
DRAWS = 200
ERROR = 0.0025  # standard deviation of the error that finitely many points and cells make
# The hyperparameters of the process are one estimate. Draws spread too little for it: in studies of three kinds with
# noise, intervals held all shares in 83, 82 and 87 % with 1.25 times the spread, in 92, 93 and 93 % with this.
WIDER = 1.5
PAIR_CELLS = 8  # of each parameter of a pair
MOST_IN_PAIRS = 12  # parameters whose pairs are looked at: those with the largest main effects


class Fanova(Evaluator):
    """Shares of the variance of results over the whole space, with pairwise interactions; takes seconds.

    The variance is that of a Gaussian process fitted to the trials (500 of them where there are more), at points that
    are uniform in the space. So it does not matter where the search looked, except that the model knows less elsewhere.
    Shares are of the variance of single results, noise included, in the unit of the objective: of pure noise all are
    near 0. What the smooth model leaves of the trials is smoothed once more and added, since small effects among much
    noise come out too small otherwise. Intervals: draws from the posterior of the process. Null line: the model is
    fitted to shuffled values.

    A parameter that is not always active has as its share the variance that it makes where it is active, and a pair
    what it makes where both are.
    """

    name = "fanova"

    def check(self, data: ImportanceData) -> None:
        check_enough(data, self.name)

    @one_thread()
    def evaluate(self, data: ImportanceData, rng: np.random.Generator) -> Effects:
        features = FeatureMap(data.space)
        model, notes = fitted(data, features, rng, of_good=False)
        u = spread_points(data.space, POINTS, rng)
        cells = [Cells.make(param, u[:, j], CELLS) for j, param in enumerate(data.space.params.values())]
        model.sharpen()
        model.draw(DRAWS, rng)
        f, level = model.relative(u), model.noise_variance(u)
        free = max(1, model.n - len(data.space) - 1)
        noise = level * np.append(1.0, free / rng.chisquare(free, DRAWS))  # it is known no better than that
        main = _main_shares(cells, f, noise)
        top = [j for j in np.argsort(-main[0], kind="stable") if j in data.wanted][:MOST_IN_PAIRS]
        pairs = [(int(min(p)), int(max(p))) for p in combinations(top, 2)]
        nulls = []
        for other, _, _ in shuffled_models(data, features, None, rng):
            other.sharpen()
            own = np.array([other.noise_variance(u)])
            nulls.append(_all_shares(cells, data.wanted, pairs, other.relative(u), own)[0])
        found = _all_shares(cells, data.wanted, pairs, f, noise)
        centre = found[1:].mean(axis=0)
        count = (~np.isnan(data.u)).sum(axis=0)
        left = level / (float(f[:, 0].var()) + level)
        notes.append(say("The model leaves {:.0f} % of the variance of results to noise.", 100 * left))
        if len(data.wanted) > MOST_IN_PAIRS:
            notes.append(say("Pairs are those of the {} parameters with the largest main effects.", MOST_IN_PAIRS))
        both = ~np.isnan(data.u)
        return Effects(
            params=(*((j,) for j in data.wanted), *pairs),
            value=found[0],
            draws=found[0] + WIDER * (found[1:] - centre) + ERROR * rng.standard_normal(found[1:].shape),
            shuffled=np.array(nulls) + ERROR * rng.standard_normal((len(nulls), found.shape[1])),
            n_trials=(*(int(count[j]) for j in data.wanted), *(int((both[:, j] & both[:, k]).sum()) for j, k in pairs)),
            unit=say("the share of the variance of results over the space"),
            notes=tuple(notes),
            positive=False,
        )


def _all_shares(
    cells: list[Cells], wanted: tuple[int, ...], pairs: list[tuple[int, int]], f: Floats, noise: Floats
) -> Floats:
    """Return the shares of the wanted parameters and of pairs [1 + b, r], of results f[M, 1 + b] and noise [1 + b]."""
    total = f.var(axis=0) + noise
    main = _main_shares([cells[j] for j in wanted], f, noise)
    coarse = {j: _merged(cells[j]) for pair in pairs for j in pair}
    active = {j: cells[j].of < cells[j].k for j in coarse}
    alone = {j: explained(f, coarse[j]) for j in coarse if active[j].all()}
    joint = np.zeros((f.shape[1], len(pairs)))
    for i, (j, k) in enumerate(pairs):
        both = active[j] & active[k]
        if not both.any():
            continue
        own, results = [coarse[j][both], coarse[k][both]], f if both.all() else f[both]
        mains = [alone[at] if both.all() else explained(results, of) for at, of in zip((j, k), own, strict=True)]
        beyond = explained(results, own[0] * PAIR_CELLS + own[1]) - mains[0] - mains[1]
        joint[:, i] = beyond * both.mean() / total
    return np.concatenate([main, joint], axis=1)


def _main_shares(cells: list[Cells], f: Floats, noise: Floats) -> Floats:
    """Return the shares of parameters [1 + b, r], of results f[M, 1 + b] and noise [1 + b]."""
    shares: Floats = main_variances(cells, f) / (f.var(axis=0) + noise)[:, None]
    return shares


def _merged(one: Cells) -> Indices:
    """Return the cells of a parameter [M] with neighbours put together; PAIR_CELLS where it is not active."""
    k = min(one.k, PAIR_CELLS)
    return np.where(one.of < one.k, one.of * k // one.k, PAIR_CELLS)
