"""What it would take to tell whether a candidate is better than the default: more repeats of the folds, or more rows.

Symbols: U units (rows, groups or blocks), R runs of the folds; d[R, U] the default's loss less the candidate's.

    d_ru = g + a_u + e_ru,    a_u of the row, e_ru of the folds and the fit; of one fit the e may go together

    variance of the mean over R runs:  V(R) = I · var(a) / U + B / R

Repeats take from the second part alone, rows from both. var(a) is what the units' means vary by, less what their runs
do. B is the variance of the mean of one run, seen in the runs' means and, with more degrees of freedom, in the runs of
single units. I is for training sets that overlap (`.intervals`). Measured over 250 draws of 200 rows, trees: V(1) is
15.0 and V(5) 5.5 by this, 15.6 and 7.1 in truth; all of it times I would be 25 and 8.

With a variance V, a gain g as seen is told from luck if its posterior (`posterior`, prior variance P) lies above 0:
g·P / (P + V) exceeds t_0.975 standard deviations √(P·V / (P + V)). The smallest gain that is told in four of five
searches lies t_0.8 · √V above the smallest such g. Without a prior that is (t_0.975 + t_0.8) · √V.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tunesmith.foundation.formats import NumberFormat
from tunesmith.foundation.languages import say
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.selection.posterior import SURE_ERRORS, GainModel

GAIN_TOLD_SHARE = 0.8  # how often a gain of the smallest size that can be told is told
UNITS_DOF = 4.0  # degrees of freedom that the runs of single units count for where B is estimated
LEAST_ROWS_PART = 0.1  # of the variance as seen that is always left to the rows, by how little runs may be known
MOST_REPEATS_ADVISED = 100  # more repeats are not worth advising
DIGITS_OF_ROWS = 2  # that are told of a number of rows


@dataclass(frozen=True)
class Outlook:
    """What the lead of a candidate over the default rests on, in units of the loss.

    Attributes:
        lead: the mean gain over the default, as seen.
        rows_part: the part of its variance that more repeats leave, I · var(a) / U.
        repeats_part: B, the variance that one run of the folds adds; None: there was one run only, so it is part of
            the other.
        repeats: R.
        dof: degrees of freedom of the variance, by the units.
        n_rows: rows that were tested.
        fits_per_repeat: fits of one repeat of the folds for the leaders and the default; 0: they cannot be repeated.
        level: of the interval beyond which a gain has to lie.
        prior: P, the variance of usual gains; infinite: any gain is as usual as any other.
    """

    lead: float
    rows_part: float
    repeats_part: float | None
    repeats: int
    dof: float
    n_rows: int
    fits_per_repeat: int = 0
    level: float = 0.95
    prior: float = math.inf

    @property
    def variance(self) -> float:
        """Of the lead."""
        return self.rows_part + (0.0 if self.repeats_part is None else self.repeats_part / self.repeats)

    @property
    def smallest_gain(self) -> float:
        """The smallest true gain that is told from luck in `GAIN_TOLD_SHARE` of all searches."""
        return self._smallest(self.variance)

    @property
    def decided(self) -> bool:
        """Whether a true gain of the size of the lead would be told already, or nothing leads."""
        return not 0.0 < self.lead < self.smallest_gain

    @property
    def repeats_needed(self) -> int | None:
        """How many more repeats would tell a gain of the size of the lead; None: none would, or it is not known."""
        allowed = self._most_variance - self.rows_part
        if self.decided or not self.fits_per_repeat or self.repeats_part is None or not allowed > 0.0:
            return None
        more = math.ceil(self.repeats_part / allowed - 1e-9) - self.repeats
        return more if 0 < more <= MOST_REPEATS_ADVISED else None

    @property
    def rows_needed(self) -> int | None:
        """How many rows in all would tell a gain of the size of the lead, with as many repeats; None: these do."""
        if self.decided:
            return None
        exact = self.n_rows * self.variance / max(self._most_variance, 1e-300)
        if not exact < 1e9:
            return None
        step: int = 10 ** max(math.floor(math.log10(exact)) + 1 - DIGITS_OF_ROWS, 0)
        return step * math.ceil(exact / step - 1e-9)

    def _smallest(self, variance: float) -> float:
        """Return the smallest true gain that is told, if gains have this variance."""
        from scipy.special import stdtrit  # Student's quantiles

        dof = max(self.dof, 1.0)
        told, often = float(stdtrit(dof, 0.5 + self.level / 2.0)), float(stdtrit(dof, GAIN_TOLD_SHARE))
        least = told * math.sqrt(1.0 + variance / self.prior) if self.prior > 0.0 else math.inf
        # Of a gain beyond SURE_ERRORS nothing is luck; a little more than that is told.
        return (min(least, max(told, SURE_ERRORS + 0.25)) + often) * math.sqrt(variance)

    @property
    def _most_variance(self) -> float:
        """The largest variance with which a true gain of the size of the lead is told."""
        low, high = 0.0, self.lead**2
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self._smallest(middle) <= self.lead else (low, middle)
        return low

    def sentences(self, figures: NumberFormat, gain: str) -> list[str]:
        """Return what leads by how much, and what would decide.

        Args:
            figures: how numbers of the metric are written.
            gain: what it is called: "gain", or "reduction" of a loss.
        """
        if not math.isfinite(self.variance) or self.variance == 0.0:  # all paired losses are the same
            return []
        least, n = figures.write(self.smallest_gain), self.n_rows
        rows = "that {:,} row can tell" if n == 1 else "that {:,} rows can tell"
        if not self.lead > 0.0:
            return [
                say("The smallest {} " + rows + " from luck here, in four of five searches, is {}.", gain, n, least)
            ]
        told = (
            "It leads by {} on the same rows; the smallest {} " + rows + " from luck, in four of five searches, is {}."
        )
        lines: list[str] = [say(told, figures.write(self.lead), gain, n, least)]
        if self.decided:
            lines.append(say("A part of the lead is luck, since it was picked for its score; the rest is too little."))
        needed, enough = self.repeats_needed, self.rows_needed
        all_rows = "about {:,} row in all" if enough == 1 else "about {:,} rows in all"
        if needed is not None:
            fits = f"search.decide(more_fits={needed * self.fits_per_repeat})"
            told = "If the lead is real, about {:,} more " + ("repeat" if needed == 1 else "repeats")
            told += " of the folds would decide ({})"
            told += "." if enough is None else f", or {all_rows}."
            lines.append(say(told, needed, fits, *(() if enough is None else (enough,))))
        elif enough is not None:
            told = "If the lead is real, " + all_rows + " would decide"
            if not self.fits_per_repeat:
                lines.append(say(told + ".", enough))
            elif self.repeats_part is None:
                fits = f"search.decide(more_fits={2 * self.fits_per_repeat})"
                lines.append(say(told + "; {} shows whether more repeats of the folds would.", enough, fits))
            else:
                lines.append(say(told + ", and no number of repeats of the folds.", enough))
        return lines


def outlook_of_rows(
    runs: Floats,
    weights: Floats,
    *,
    n_rows: int,
    inflation: float = 1.0,
    deciding: float | None = None,
    fits_per_repeat: int = 0,
    level: float = 0.95,
) -> Outlook:
    """Return what the lead of a candidate rests on, by the paired losses of single units.

    Args:
        runs: d[R, U]; NaN where a run did not test a unit. Each unit is tested by some run.
        weights: [U], of the units.
        n_rows: rows that were tested.
        inflation: I.
        deciding: the effective number of units that decide the metric; all, by their weights, if None.
        fits_per_repeat: as `Outlook`.
        level: as `Outlook`.
    """
    there = np.isfinite(runs)
    share = weights / weights.sum()
    units = float(1.0 / (share @ share))
    size = units if deciding is None else min(deciding, units)
    n_runs = there.sum(axis=0)
    mean = np.where(there, runs, 0.0).sum(axis=0) / n_runs
    lead = float(share @ mean)
    seen = float(share @ (mean - lead) ** 2) / units * size / max(size - 1.0, 1.0)
    one = np.where(there[0], runs[0], 0.0)
    scatter_of_one = float(share @ (there[0] * (one - share @ one) ** 2))
    prior = float(GainModel.of(scatter_of_one / units, n_rows).prior)
    if len(runs) < 2:
        return Outlook(lead, inflation * seen, None, 1, size - 1.0, n_rows, fits_per_repeat, level, prior)
    several = n_runs > 1
    scatter = np.where(there, runs - mean, 0.0)[:, several] ** 2
    own = scatter.sum(axis=0) / (n_runs[several] - 1.0)
    within = float(share[several] @ own) / float(share[several].sum()) / units if several.any() else 0.0
    mass = there @ share
    each = np.array([float(share[a] @ row[a]) for a, row in zip(there, runs, strict=True)]) / mass
    dof = len(runs) - 1.0
    of_a_run = (dof * float(each.var(ddof=1)) + UNITS_DOF * within) / (dof + UNITS_DOF)
    rows = max(seen - within / len(runs), LEAST_ROWS_PART * seen)
    return Outlook(lead, inflation * rows, of_a_run, len(runs), size - 1.0, n_rows, fits_per_repeat, level, prior)


def outlook_of_folds(gains: Floats, *, n_rows: int, inflation: float, level: float = 0.95) -> Outlook:
    """Return what the lead of a candidate rests on, by the paired scores [K] of one run of the folds."""
    k = len(gains)
    variance = inflation * float(gains.var(ddof=1)) / k if k > 1 else math.inf
    return Outlook(float(gains.mean()), variance, None, 1, k - 1.0, n_rows, level=level)
