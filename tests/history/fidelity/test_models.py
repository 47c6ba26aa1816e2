"""The model behind the decision: forecasts of curves."""

from __future__ import annotations

import numpy as np
from tests.history.fidelity.curves import SPACE, crossing, half_done, power

from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.numerics.cache import FitCache
from tunesmith.foundation.numerics.warp import standardise
from tunesmith.history import SourceCurves
from tunesmith.history.fidelity.chain import MAX_ROWS, Chain, scheduled, some
from tunesmith.history.fidelity.ladder import Ladder, RungTable
from tunesmith.space.feature_map import FeatureMap

FEATURES = FeatureMap(SPACE)


def test_paused_power_laws_are_forecast() -> None:
    runs = half_done(power, 40, 0)
    ladder = Ladder.of(runs)
    loss = RungTable.of(runs, ladder).loss
    s = np.where(np.isnan(loss), np.nan, np.nan_to_num(loss) * 3.0)
    chain = Chain(FEATURES(runs.u), FEATURES.group, s, loss, ladder.positions, FitCache())
    true = np.array([3.0 * power(u)[-1] for u in runs.u])
    assert np.corrcoef(chain.mean, true)[0, 1] > 0.95
    there = ~np.isnan(s[:, -1])
    np.testing.assert_array_equal(chain.mean[there], s[there, -1])
    assert (chain.variance[there] == 0).all()
    assert (chain.variance[~there] > 0).all()


def test_that_curves_cross_is_learnt_from_full_runs() -> None:
    """At the first rung the order is turned round; a chain that was shown this expects the worst to end best."""
    runs = half_done(crossing, 60, 1)
    ladder = Ladder.of(runs)
    loss = RungTable.of(runs, ladder).loss
    s = standardised(loss)
    chain = Chain(FEATURES(runs.u), FEATURES.group, s, loss, ladder.positions, FitCache())
    at_first = np.isnan(loss[:, 1])
    true = np.array([crossing(u)[-1] for u in runs.u])
    early = np.corrcoef(s[at_first, 0], true[at_first])[0, 1]
    assert np.corrcoef(chain.mean[at_first], true[at_first])[0, 1] > max(early, 0.0) + 0.3


def test_earlier_studies_tell_how_curves_cross() -> None:
    """One full run does not tell that the order is turned round; the curves of an earlier study do."""
    found = []
    full = half_done(crossing, 60, 1)
    ladder = Ladder.of(full)
    s = standardised(RungTable.of(full, ladder).loss)
    earlier = [SourceCurves(ladder.positions, s, 0.0, 1.0)]
    runs = half_done(crossing, 6, 2)
    loss = RungTable.of(runs, ladder).loss
    true = np.array([crossing(u)[-1] for u in runs.u])
    for curves in ([], earlier, [SourceCurves(np.array([1, 9]), s[:, :2], 0.0, 1.0)]):
        chain = Chain(FEATURES(runs.u), FEATURES.group, standardised(loss), loss, ladder.positions, FitCache(), curves)
        found.append(np.corrcoef(chain.mean, true)[0, 1])
    assert found[1] > found[0] + 0.2
    assert found[2] == found[0], "its rungs are others"


def standardised(loss: Floats) -> Floats:
    s = np.full(loss.shape, np.nan)
    s[~np.isnan(loss)] = standardise(loss[~np.isnan(loss)])
    return s


def test_rows_and_fits_are_bounded() -> None:
    assert [scheduled(n) for n in (3, 5, 6, 7, 1000)][:2] == [3, 5]
    assert scheduled(1000) <= 60
    rows = some(np.arange(1000.0)[::-1])
    assert len(rows) == MAX_ROWS
    assert (np.diff(rows) > 0).all()
    assert 999 in rows
