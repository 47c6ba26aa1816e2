"""What goes on and what pauses, decided from what is expected of the ends of all runs.

The rule is that of full runs with one exception: a run pauses where it is unlikely to become the best one, and where
that saves more than it costs to come back. A paused run whose chance has grown, since the model has learnt more of
curves, goes on before a new one begins. What a new run is to be is left to the sampler, which learns from unfinished
runs as well, by their expected ends and the doubt about them (`with_expected_ends`).

The first two runs pause at the first rung in any case, where a start is cheap: the more promising one is the first to
be trained to its end (of four, the one that leads there often is not the best: measured). With nothing complete there
is nothing to compare with, so it does not pause.

Constants were chosen on recorded trainings (LightGBM, networks and boosted trees on digits and on made data), and on
six tasks of lcbench, at 1 to 8 full runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np

from tunesmith.foundation.numerics.acquisition import log_probability_below
from tunesmith.foundation.numerics.arrays import Floats, Indices
from tunesmith.foundation.numerics.blas_threads import one_thread
from tunesmith.foundation.numerics.cache import FitCache
from tunesmith.foundation.numerics.warp import Warp
from tunesmith.foundation.states import TrialState
from tunesmith.history import History, SourceCurves
from tunesmith.history.costs import START, CostClass
from tunesmith.history.fidelity.chain import Chain
from tunesmith.history.fidelity.ladder import Ladder, RungTable
from tunesmith.history.fidelity.runs import Runs, RunState
from tunesmith.space import Space
from tunesmith.space.feature_map import FeatureMap

N_LOOKED_AT = 2  # first runs, of which the more promising one is trained to its end first
HOPELESS = 0.05  # the chance of becoming the best up to which a run pauses
HOPEFUL = 0.1  # the chance per cost of a full run, from which on a paused run goes on before a new one begins
DEAR = 0.12  # of what is left of a run: a start that costs more makes a pause a loss
# What a start of a class is taken for where seconds are measured, as a share of a full run: with DEAR, a run pauses
# wherever it may, in its first half, or never.
SHARES = {CostClass.CHEAP: 0.0, CostClass.MEDIUM: 0.06, CostClass.DEAR: 0.3}
MIN_SEEN = 2  # runs with a finite report, before anything is expected


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """The runs of a study, and what is expected of them; rows as in `Runs`.

    Attributes:
        table: what they had reached.
        length: reports of a full run; None: it is not known yet.
        end: expected end of each run, in the unit of the objective, minimised [n].
        error: standard deviation of that [n]; 0 for a run that came to its end.
        chance: probability of ending below the best complete run [n]; 0 for a run that ended.
    """

    runs: Runs
    table: RungTable
    length: int | None
    end: Floats
    error: Floats
    chance: Floats

    @classmethod
    def of(
        cls,
        runs: Runs,
        space: Space,
        fits: FitCache,
        earlier: Sequence[SourceCurves] = (),
        start: float | None = None,
    ) -> Outlook:
        """Return what is expected of some runs.

        Args:
            space: what is searched.
            start: what a start costs, as a share of a full run; None: the costs of the runs say.
        """
        ladder = Ladder.of(runs)
        table = RungTable.of(runs, ladder)
        if start is not None:
            table = replace(table, rate=np.ones(len(runs)), start=start * float(ladder.positions[-1]))  # in reports
        length = int(ladder.positions[-1]) if ladder.is_known else None
        n, seen = len(runs), np.isfinite(table.loss)
        nothing = np.full(n, np.nan)
        if not len(space) or seen.any(axis=1).sum() < MIN_SEEN:
            return cls(runs, table, length, nothing, nothing, np.zeros(n))
        warp = Warp(table.loss[seen])
        s = np.full(table.loss.shape, np.nan)
        s[seen] = warp.values
        s[np.isposinf(table.loss)] = warp.values.max()
        with one_thread():
            features = FeatureMap(space)
            chain = Chain(features(runs.u), features.group, s, table.loss, ladder.positions, fits, earlier)
        sd = np.sqrt(np.maximum(chain.variance, 1e-12))
        chance, ends = np.zeros(n), s[np.isfinite(runs.ends), -1]
        if len(ends):
            best = float(ends.min())
            chance = np.where(table.ended, 0.0, np.exp(log_probability_below(chain.mean, sd * sd, best)))
        low, end, high = (_as_reported(chain.mean + k * sd, warp.values, table.loss[seen]) for k in (-1, 0, 1))
        error = np.where(chain.variance > 0, 0.5 * (high - low), 0.0)
        return cls(runs, table, length, end, error, chance)

    @property
    def has_result(self) -> bool:
        """Whether a run is complete, and violates no constraint."""
        return bool(np.isfinite(self.runs.ends).any())

    def why_no_pause(self, row: int) -> str | None:
        """Return why a pause of a run would be a loss whatever it promises; None: it may pay."""
        start, rate = self.table.start, self.table.rate
        if not start > 0.0:
            return None
        own = rate[row] if np.isfinite(rate[row]) else float(np.nanmedian(rate))  # one is known, or start would be 0
        if self.length is None:
            made = own * self.table.position[row]
            return f"a start costs {start:.3g}, and what was trained {made:.3g}" if start > made else None
        left = own * (self.length - self.table.position[row])
        return f"a start costs {start:.3g}, and what is left {left:.3g}" if start > DEAR * left else None

    def goes_on(self, row: int) -> bool:
        """Tell whether a running run goes on at a rung."""
        if self.why_no_pause(row) is not None:
            return True
        if not self.has_result:
            return row >= N_LOOKED_AT or bool(self.table.reached[row] > 1)
        return bool(np.isnan(self.end[row]) or self.chance[row] > HOPELESS)

    def next(self, may_begin: bool) -> int | None:
        """Return the row of the paused run that a free worker goes on with; None: a new one begins, or none is left.

        Args:
            may_begin: whether a new run may begin.
        """
        idle = np.flatnonzero((self.runs.state == RunState.PAUSED) & ~self.table.ended)
        if not len(idle):
            return None
        if not self.has_result:
            if len(self.runs) < N_LOOKED_AT and may_begin:
                return None
            last = np.maximum(self.table.reached[idle] - 1, 0)
            loss = np.nan_to_num(self.table.loss[idle, last], nan=np.inf)
            return int(idle[np.lexsort((loss, -self.table.reached[idle]))[0]])
        if not may_begin:
            best = int(idle[np.argmax(self.chance[idle])])
            return best if self.chance[best] > HOPELESS else None
        worth = self.chance[idle] / self._share_left(idle)
        best = int(np.argmax(worth))
        return int(idle[best]) if worth[best] > HOPEFUL else None

    def _share_left(self, rows: Indices) -> Floats:
        """Return what it costs to train runs to their ends, as a share of a full run's cost [len(rows)]."""
        if self.length is None:
            return np.ones(len(rows))
        rate = self.table.rate[rows]
        start = self.table.start / np.where(np.isfinite(rate), rate, max(self.table.start, 1.0))  # in reports
        return (start + np.maximum(self.length - self.table.position[rows], 0.5)) / (start + self.length)


def _as_reported(wanted: Floats, s: Floats, loss: Floats) -> Floats:
    """Return losses whose transform is `wanted`, given losses and their transforms; beyond them the line goes on."""
    s, first = np.unique(s, return_index=True)
    loss = loss[first]
    if len(s) < 2:
        return np.full(len(wanted), loss[0])
    quarter = max(len(s) // 4, 1)
    below = (loss[quarter] - loss[0]) / (s[quarter] - s[0])
    above = (loss[-1] - loss[-1 - quarter]) / (s[-1] - s[-1 - quarter])
    inside: Floats = np.interp(wanted, s, loss)
    outside: Floats = below * np.minimum(wanted - s[0], 0.0) + above * np.maximum(wanted - s[-1], 0.0)
    return inside + outside


class _Kept:
    """What is kept of a study: fits, and what was expected when it was asked for last."""

    def __init__(self) -> None:
        self.fits = FitCache()
        self.key: tuple[object, ...] = ()
        self.outlook: Outlook | None = None


_kept: WeakKeyDictionary[History, _Kept] = WeakKeyDictionary()


def outlook(history: History, space: Space) -> Outlook:
    """Return what is expected of the runs of a study; it is kept for as long as the study stays as it is.

    Args:
        space: what is searched; it has parameters.
    """
    kept = _kept.setdefault(history, _Kept())
    pending = tuple(history.pending.number.tolist())
    # Measured seconds play no part: before the study knows the class of a start, it is taken for cheap.
    known = history.classes.get(START, CostClass.CHEAP)
    start = None if history.curves.costs_given else SHARES.get(known, 0.0)
    key = (len(history), len(history.curves), pending, tuple(history.paused), space, start)
    if kept.outlook is None or kept.key != key:
        earlier = [source.curves for source in history.warm_start if source.curves is not None]
        kept.outlook, kept.key = Outlook.of(Runs.of(history, space), space, kept.fits, earlier, start), key
    return kept.outlook


def with_expected_ends(history: History, space: Space) -> History:
    """Return a history with what paused and stopped trials are expected to end with, and the doubt as its noise.

    Where nothing is expected, and with several objectives, it is the same one.

    Args:
        history: the study so far.
    """
    is_unfinished = bool(history.paused) or bool((history.state == TrialState.PRUNED).any())
    if history.n_objectives > 1 or not len(space) or not is_unfinished:
        return history
    found = outlook(history, space)
    unfinished = np.isin(found.runs.state, (RunState.PAUSED, RunState.STOPPED)) & (found.table.reached > 0)
    unfinished &= np.isfinite(found.end)
    if not unfinished.any():
        return history
    ends = dict(zip(found.runs.number[unfinished].tolist(), found.end[unfinished].tolist(), strict=True))
    errors = dict(zip(found.runs.number[unfinished].tolist(), found.error[unfinished].tolist(), strict=True))
    return history.expecting(ends, errors)
