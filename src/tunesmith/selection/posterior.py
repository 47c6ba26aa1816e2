"""What candidates truly gain over the default: one normal model of all of them, and its posterior.

Symbols: n observations (rows, or groups); of candidate c the mean gain g as seen, its variance e² over observations,
v = n·e² the variance of a single paired gain; R runs of the folds; s the unsteadiness, see `LossTable.unsteadiness`.

    g = δ + ε,    δ ~ N(0, τ²·v),    ε ~ N(0, e² + f²/2),    what is used gains N(δ, f²/2)
    f² = FIT_NOISE · n^FIT_POWER · s² · e₁²,    e₁² = e² / (1 − (1 − 1/R)·s) of a single run

The true gains of a search are effect sizes: by how many standard deviations of a single row's gain one configuration is
better than another (Cohen's d). These are much the same for all models and data, where gains themselves are not: τ =
0.067, so with 1/τ² = 220 rows half of a gain is luck. A default that few candidates are better than is a good one, and
one that all are better than leaves much to be gained: (1 + q)/2 of τ counts, by the part q of candidates that look
better. A gain beyond SURE_ERRORS errors is none of it: there the prior is as wide as the gain requires.

Rows are not all that is drawn. The models of the folds depend on their training rows, and so does the one that is
fitted in the end: half of f² is in what was seen, half in what will be used. How much follows from how unsteady
predictions are from run to run, which repeats of the folds show; trees are (s = 0.85), neighbours are less so (0.5).

The default's loss takes part in every gain, so all gains together say how lucky it was (`default_luck`): noise and true
gains of candidates go together as their losses on rows do, with the covariance M of the paired gains over rows.

Where nothing can be predicted no configuration is better than another: τ² is S⁴ / (S⁴ + e(S)⁴) of what it is elsewhere,
by the skill S of the candidate that leads, the loss of the best prediction without features less its own. But one that
fits noise predicts like the targets in a random order, which is worse where one class is frequent: so a default that is
worse than the best prediction without features counts as much, up to that loss, as a leader that is better.

Losses without an upper bound are compared by logarithms. Usual effects are three times as large there, and a model that
is fitted to other rows moves all its losses together: e² + f² counts as 2.25·e² at least (Nadeau and Bengio, 2003).

Measured on 1,416 searches (20 kinds of data, four classifiers, 60, 150 and 300 rows, 25 configurations), with the truth
on 4,000 rows (`benchmarks/decisions.py --searches`). The chance that a leader gains nothing, as told and as it was:
.01/.02, .07/.08, .16/.14, .25/.20, .35/.31, .46/.41. Gains of what was returned: 3.0 points told, 2.8 true; 92 % of
their intervals hold the truth. τ, the noise of fits and the default's luck were chosen on other draws of these data;
chosen on nineteen kinds and held against the twentieth they gave 0.98 points of gain, with 4.5 % of choices worse by
half a point, and chosen on all 0.99 and 4.5 %. Where a candidate at random or the worst of all stands for the default,
0.59 and 2.9 points are gained, and 0.54 and 2.6 by a rule that is as strict on usual defaults and the same for all
places of them. On 424 searches on tables of packages, on which nothing was chosen (`--tables`), 1.4 points are gained,
0.9 without what defaults that fit noise count for. `benchmarks/decisions.py` draws from worlds where the truth is
known, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from tunesmith.foundation.numerics.arrays import Floats, Indices
from tunesmith.selection.intervals import variance_inflation
from tunesmith.selection.losses import PairedGains

USUAL_EFFECT = 0.067  # τ
RELATIVE_EFFECTS = 3.0  # how many times as large effects are usual where gains are differences of logarithms
SURE_ERRORS = 3.0
FIT_NOISE, FIT_POWER = 0.25, 0.4
USUAL_UNSTEADINESS = 0.65  # s, where no repeat of the folds tells
OWN_PART = 0.22  # of the prior variance, that a candidate's true gain shares with no other one
MOST_TOGETHER = 256  # candidates of which the default's luck is told; more tell no more


def left_by_runs(n_runs: ArrayLike, unsteadiness: float) -> Floats:
    """Return which part of the variance of a single run is left in the mean of R runs."""
    return np.asarray(np.maximum(1.0 - (1.0 - 1.0 / np.asarray(n_runs, np.float64)) * unsteadiness, 0.1))


def _chance_of_skill(apart: float, error: float) -> float:
    if not apart > 0.0:
        return 0.0
    most = max(apart, error)  # of very small and very large numbers the powers would be lost
    return float((apart / most) ** 4 / ((apart / most) ** 4 + (error / most) ** 4))


@dataclass(frozen=True, slots=True)
class GainModel:
    """The variances behind gains, each a number or an array [C].

    Attributes:
        prior: τ²·v.
        seen: of the noise in what was seen, e² + f²/2.
        fit: of the last fit, f²/2.
        skill: which part of the prior there is skill for, 0 to 1; a number.
    """

    prior: Floats
    seen: Floats
    fit: Floats
    skill: float = 1.0

    @classmethod
    def of(
        cls,
        variance: ArrayLike,
        n: float,
        *,
        usual: float = USUAL_EFFECT,
        n_runs: ArrayLike = 1,
        unsteadiness: float = USUAL_UNSTEADINESS,
        inflation: float | None = None,
        relative: bool = False,
        better: float = 1.0,
    ) -> GainModel:
        """Return the model for gains of these variances.

        Args:
            variance: e² of the mean gains.
            n: observations.
            usual: τ; 0: any gain is as usual as any other.
            n_runs: R.
            unsteadiness: s.
            inflation: how many times e² the variance is; None: as the unsteadiness says.
            relative: whether gains are differences of logarithms.
            better: q.
        """
        e2 = np.asarray(variance, np.float64)
        steady = min(max(unsteadiness, 0.0), 1.0)
        one = e2 / left_by_runs(n_runs, steady)
        half = 0.5 * FIT_NOISE * n**FIT_POWER * steady**2 * one
        seen = e2 + half
        if inflation is not None:
            seen, half = inflation * e2, np.zeros_like(e2)
        elif relative:
            lacking = 0.5 * np.maximum(variance_inflation(5) * e2 - seen - half, 0.0)
            seen, half = seen + lacking, half + lacking
        effect = usual * (RELATIVE_EFFECTS if relative else 1.0) * (1.0 + better) / 2.0
        return cls(effect**2 * n * one if usual else np.full_like(e2, math.inf), seen, half)

    def with_skill(self, *apart: tuple[float, float]) -> GainModel:
        """Return the model where losses are apart from those of guesses.

        Args:
            apart: by how much, on the scale of the gains, and the standard error of that; the surest one counts.
        """
        share = max(_chance_of_skill(*one) for one in apart)
        return replace(self, prior=self.prior if math.isinf(np.max(self.prior)) else share * self.prior, skill=share)

    def width(self, gain: ArrayLike) -> Floats:
        """Return the variance of the prior for gains as seen."""
        return np.asarray(np.maximum(self.prior, np.square(gain) - SURE_ERRORS**2 * self.seen))

    def posterior(self, gain: ArrayLike) -> tuple[Floats, Floats]:
        """Return the mean and the standard deviation of true gains, given the gains as seen."""
        g, width = np.asarray(gain, np.float64), self.width(gain)
        with np.errstate(invalid="ignore", divide="ignore"):  # nothing is drawn: infinite width, or no variance at all
            luck = np.where(self.seen > 0.0, self.seen / (width + self.seen), 0.0)
        kept = 1.0 - luck
        return np.asarray(kept * g), np.asarray(np.sqrt(kept * self.seen + self.fit))


def default_luck(gains: PairedGains, model: GainModel, mean: Floats) -> float:
    """Return by how much the default's mean loss is larger than its true one, as far as all gains tell.

    Args:
        gains: of the candidates.
        model: with variances [C'].
        mean: gains as seen [C'].
    """
    some: Indices = np.flatnonzero(np.isfinite(model.prior) & (model.prior > 0.0))
    if not len(some):
        return 0.0
    some = some[np.linspace(0, len(some) - 1, min(len(some), MOST_TOGETHER)).astype(np.intp)]
    own = gains.influence(gains.reference)
    paired = own[:, None] - np.stack([gains.influence(int(c)) for c in some], axis=1)
    paired -= gains.share @ paired
    weighted = (gains.share / max(gains.effective - 1.0, 1.0))[:, None] * paired
    noise = paired.T @ weighted  # covariance of the mean gains over units
    sd = np.sqrt(np.maximum(np.diag(noise), 1e-300))
    # Correlations by the same rows as the gains would go with the gains; their means over candidates do not.
    pairs = len(some) * (len(some) - 1)
    alike = float((noise / sd[:, None] / sd[None, :]).sum() - len(some)) / pairs if pairs else 0.0
    with_own = float(np.mean((own @ weighted) / sd))
    noise = sd[:, None] * sd[None, :] * (alike + (1.0 - alike) * np.eye(len(some)))
    size = np.sqrt(model.width(mean)[some]) / sd
    prior = noise * size[:, None] * size[None, :]
    alone = OWN_PART * float(model.prior[some].mean())
    total = prior + noise + np.diag(np.maximum(model.seen[some] - sd**2, 0.0) + alone)
    try:
        luck = float(with_own * sd @ np.linalg.solve(total, mean[some]))
    except np.linalg.LinAlgError:
        return 0.0
    # Without skill candidates look better since they were adapted to the luck of these rows, not by the default's luck.
    return luck if luck < 0.0 else model.skill * luck
