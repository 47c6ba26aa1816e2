"""What the runs of a study say, made ready for one decision.

Symbols: n runs, L rungs, F features.
"""

from __future__ import annotations

import numpy as np

from tunesmith.fidelity.chain import Chain
from tunesmith.fidelity.costs import CostModel, FailureModel
from tunesmith.fidelity.fits import FitCache
from tunesmith.fidelity.ladder import Ladder, RungTable
from tunesmith.fidelity.runs import Runs, RunState
from tunesmith.numerics.arrays import Floats
from tunesmith.numerics.warp import Warp
from tunesmith.space.feature_map import FeatureMap

MARGIN = 0.02  # what is less of an improvement than this share of the spread of ends counts for nothing


class Knowledge:
    """Models of ends, costs and failures.

    Running runs are taken to reach what is expected of them, so that their neighbours promise less.

    Args:
        runs: the runs; some value is finite.
        ladder: the rungs.
        table: what was reached there.
        features: of the space.
        fits: where hyperparameters are kept.

    Attributes:
        z: features [n, F].
        s: transformed least losses, NaN where not reached [n, L].
        best: the least of them, those expected of running runs included.
        goal: the end that a run must get below to be an improvement.
        chain: the model of ends.
        cost: the model of costs.
        failure: the model of failures.
        rate: cost of a report of each run, expected where it is unknown [n].
    """

    def __init__(self, runs: Runs, ladder: Ladder, table: RungTable, features: FeatureMap, fits: FitCache) -> None:
        group = features.group
        self.z = features(runs.u)
        self.s = _transformed(table.best)
        self.chain = Chain(self.z, group, self.s, table.best, ladder.positions, fits)
        running = np.flatnonzero((runs.state == RunState.RUNNING) & ~table.diverged)
        if len(running):
            for k, row in zip(running, self.chain.path[running], strict=True):
                until = int(runs.until[k])
                heads_for = len(row) if until < 0 else max(ladder.rung_of(until) + 1, int(table.reached[k]))
                self.s[k, :heads_for] = row[:heads_for]
            self.chain = Chain(self.z, group, self.s, table.best, ladder.positions, fits)
        self.best = float(np.nanmin(self.s))
        self.goal = self.best - MARGIN * self.chain.spread
        self.cost = CostModel(self.z, group, table.rate)
        self.failure = FailureModel(self.z, group, table.diverged, table.reached > 0)
        known = np.isfinite(table.rate) & (table.rate > 0)
        self.rate = np.where(known, table.rate, self.cost.rate(self.z))


def _transformed(best: Floats) -> Floats:
    """Return least losses [n, L] after one transform for all rungs; NaN stays, and infinite becomes the worst."""
    s = np.full(best.shape, np.nan)
    seen = np.isfinite(best)
    s[seen] = Warp(best[seen]).values
    s[np.isposinf(best)] = np.nanmax(s)
    return s
