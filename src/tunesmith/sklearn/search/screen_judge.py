"""Whether a candidate goes on after a short fit: the decision that the default pruner makes of training runs.

To the decision (`tunesmith.fidelity`), a candidate is a run, a level is a rung of it, and the full fidelity is its end.
A fit that is longer begins anew, so a candidate that is unlikely to become the best is given up for good. What fits
cost plays no part: seconds that were measured would make two searches with one seed differ.

A level at which the order of candidates is not that of longer fits gives up nobody any more: Kendall's τ tells it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from tunesmith.fidelity.decision import Outlook
from tunesmith.fidelity.fits import FitCache
from tunesmith.fidelity.ladder import FIRST, GROWTH
from tunesmith.fidelity.runs import Runs, RunState
from tunesmith.numerics.arrays import Floats
from tunesmith.numerics.kendall import tau_error
from tunesmith.sklearn.protocols import Params
from tunesmith.sklearn.search.default import default_row
from tunesmith.space import Space

FEWEST_PAIRS = 5  # candidates that came to both levels, from which on their orders are compared
MIN_AGREEMENT = 0.3  # Kendall's τ, by half its error below which they are not the same


class ScreenJudge:
    """Decides of each candidate at each level. It depends on the order in which candidates were entered, on no clock.

    Args:
        space: what is searched, with the choices as objects.
        labels: of the levels, the lowest first.

    Attributes:
        left_out: the levels that give up nobody any more, and why.
    """

    def __init__(self, space: Space, labels: Sequence[str]) -> None:
        self.left_out: dict[str, str] = {}
        self._space, self._labels = space, list(labels)
        self._fits = FitCache()
        self._u: list[Floats] = []
        self._complete: list[bool] = []
        self._scores: list[list[float]] = []  # at the levels and in the end, NaN where it did not come so far
        self._kept: dict[tuple[int, int], bool] = {}  # decisions since the last candidate was entered

    def goes_on(self, number: int, params: Params, scores: Mapping[str, float]) -> bool:
        """Tell whether a candidate is to be fitted at the next level.

        The first ones are, so that orders can be compared, and so is the best so far.

        Args:
            number: of its trial.
            params: its parameters.
            scores: at the levels that it came to, by their labels; greater is better.
        """
        known = self._known(scores)
        level = max((i for i, score in enumerate(known) if math.isfinite(score)), default=-1)
        row = default_row(params, self._space)
        ends = sum(math.isfinite(scores[-1]) for scores in self._scores)
        if level < 0 or row is None or ends < FEWEST_PAIRS or known[level] > self._best(level):
            return True
        if (number, level) not in self._kept:
            runs = self._runs(self._space.to_unit(np.array([row]))[0], [*known, math.nan])
            self._kept[number, level] = Outlook.of(runs, self._space, self._fits).goes_on(len(self._u))
        return self._kept[number, level]

    def enter(self, params: Params, scores: Mapping[str, float], mean: float, complete: bool) -> list[str]:
        """Take in a candidate whose end is certain.

        Args:
            params: its parameters.
            scores: at the levels that it came to, by their labels.
            mean: of its scores at the full fidelity; NaN: there are none.
            complete: whether these are of all splits.

        Returns:
            Why levels give up nobody from now on, in sentences.
        """
        known, row = self._known(scores), default_row(params, self._space)
        if row is None or not np.isfinite(known).any():
            return []
        self._kept.clear()
        self._u.append(self._space.to_unit(np.array([row]))[0])
        self._complete.append(complete)
        self._scores.append([*known, mean])
        return self._disagreements()

    def _best(self, level: int) -> float:
        return max((row[level] for row in self._scores if math.isfinite(row[level])), default=-math.inf)

    def _known(self, scores: Mapping[str, float]) -> list[float]:
        """Return the scores at all levels, NaN where there is none, or the level does not count any more."""
        return [math.nan if label in self.left_out else scores.get(label, math.nan) for label in self._labels]

    def _disagreements(self) -> list[str]:
        """Leave out the levels whose order is not that of longer fits; return why, of each that was not left out."""
        table, found = np.array(self._scores), []
        for i, label in enumerate(self._labels):
            if label in self.left_out:
                continue
            for j in range(len(self._labels), i, -1):  # the longest fits that enough candidates have
                both = table[np.isfinite(table[:, i]) & np.isfinite(table[:, j])]
                if len(both) >= FEWEST_PAIRS:
                    tau = _kendall(both[:, i], both[:, j])
                    if tau < MIN_AGREEMENT - 0.5 * tau_error(len(both)):
                        longer = self._labels[j] if j < len(self._labels) else "the full fits"
                        self.left_out[label] = (
                            f"{label} gives up no candidate any more: the order of {len(both)} candidates there is not "
                            f"that of {longer} (Kendall's tau {tau:.2f})"
                        )
                        found.append(self.left_out[label])
                    break
        return found

    def _runs(self, u: Floats, scores: Sequence[float]) -> Runs:
        """Return all runs, and a running one: its point of the unit cube, and its scores.

        What a level shows stands for all reports up to its rung.
        """
        counting = [i for i, label in enumerate([*self._labels, ""]) if label not in self.left_out]
        rungs = [FIRST * GROWTH**k for k in range(len(counting))]
        steps, losses = [], []
        for row in (*self._scores, scores):
            own, before = list[float](), 0
            for i, rung in zip(counting, rungs, strict=True):
                if math.isfinite(row[i]):
                    own += [-row[i]] * (rung - before)
                    before = rung
            steps.append(np.arange(1, len(own) + 1))
            losses.append(np.array(own))
        states = [RunState.COMPLETE if complete else RunState.STOPPED for complete in self._complete]
        return Runs(
            np.arange(len(steps)),
            np.array([*self._u, u]),
            np.array([*states, RunState.RUNNING], np.int8),
            tuple(steps),
            tuple(losses),
            tuple(np.full(len(s), np.nan) for s in steps),
            np.append(np.where(self._complete, -np.array(self._scores)[:, -1], np.nan), np.nan),
        )


def _kendall(a: Floats, b: Floats) -> float:
    """Return Kendall's τ-b of two orders [n]; 0 where one of them is none."""
    from scipy.stats import kendalltau

    tau = float(kendalltau(a, b).statistic)
    return tau if math.isfinite(tau) else 0.0
