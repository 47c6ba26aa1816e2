"""The models behind the decision: forecasts of curves, costs, failures."""

from __future__ import annotations

import numpy as np
from tests.fidelity.curves import LENGTH, SPACE, crossing, half_done, power, seconds

from tunesmith.fidelity.chain import Chain
from tunesmith.fidelity.costs import CostModel, FailureModel, stage_costs
from tunesmith.fidelity.fits import MAX_ROWS, FitCache, scheduled, some
from tunesmith.fidelity.ladder import Ladder, RungTable
from tunesmith.numerics.warp import standardise
from tunesmith.space.feature_map import FeatureMap

FEATURES = FeatureMap(SPACE)


def test_paused_power_laws_are_forecast() -> None:
    runs = half_done(power, 40, 0)
    ladder = Ladder.of(runs)
    best = RungTable.of(runs, ladder).best
    s = np.where(np.isnan(best), np.nan, np.nan_to_num(best) * 3.0)
    chain = Chain(FEATURES(runs.u), FEATURES.group, s, best, ladder.positions, FitCache())
    forecast, path = chain.forecast(FEATURES(runs.u), s)
    true = np.array([3.0 * power(u)[-1] for u in runs.u])
    assert np.corrcoef(forecast.mean, true)[0, 1] > 0.95
    np.testing.assert_array_equal(path[~np.isnan(s)], s[~np.isnan(s)])
    assert (forecast.variance[~np.isnan(s)] == 0).all()
    assert (forecast.variance[np.isnan(s)] > 0).all()


def test_that_curves_cross_is_learnt_from_full_runs() -> None:
    """At the first rung the order is turned round; a chain that was shown this expects the worst to end best."""
    runs = half_done(crossing, 60, 1)
    ladder = Ladder.of(runs)
    best = RungTable.of(runs, ladder).best
    seen = ~np.isnan(best)
    s = np.full(best.shape, np.nan)
    s[seen] = standardise(best[seen])
    chain = Chain(FEATURES(runs.u), FEATURES.group, s, best, ladder.positions, FitCache())
    at_first = np.isnan(best[:, 1])
    true = np.array([crossing(u).min() for u in runs.u])
    forecast, _ = chain.forecast(FEATURES(runs.u[at_first]), s[at_first])
    early = np.corrcoef(s[at_first, 0], true[at_first])[0, 1]
    assert np.corrcoef(forecast.mean, true[at_first])[0, 1] > max(early, 0.0) + 0.3


def test_costs_are_learnt() -> None:
    u = SPACE.to_unit(SPACE.sample(np.random.default_rng(0), 30))
    rate = np.array([seconds(row)[-1] / LENGTH for row in u])
    known = np.where(np.arange(30) % 3 == 0, np.nan, rate)
    found = CostModel(FEATURES(u), FEATURES.group, known).rate(FEATURES(u))
    np.testing.assert_allclose(found, rate, rtol=0.2)
    assert (CostModel(FEATURES(u), FEATURES.group, np.full(30, np.nan)).rate(FEATURES(u)) == 1.0).all()


def test_where_runs_fail_is_learnt() -> None:
    u = SPACE.to_unit(SPACE.sample(np.random.default_rng(0), 40))
    failed = u[:, 0] > 0.7
    model = FailureModel(FEATURES(u), FEATURES.group, failed, np.ones(40, bool))
    chance = np.exp(model.log_success(FEATURES(u)))
    assert chance[failed].max() < 0.5 < chance[~failed].min()
    assert (FailureModel(FEATURES(u), FEATURES.group, ~np.ones(40, bool), failed).log_success(FEATURES(u)) == 0).all()


def test_stages_cost_what_is_left_of_them() -> None:
    positions = np.array([2, 6, 18])
    cost = stage_costs(positions, np.array([0, 1, 2]), np.array([0, 3, 0]), np.array([1.0, 1.0, 2.0]))
    np.testing.assert_array_equal(cost, [[2, 4, 12], [0, 3, 12], [0, 0, 36]])


def test_rows_and_fits_are_bounded() -> None:
    assert [scheduled(n) for n in (3, 5, 6, 7, 1000)][:2] == [3, 5]
    assert scheduled(1000) <= 60
    rows = some(np.arange(1000.0)[::-1])
    assert len(rows) == MAX_ROWS
    assert (np.diff(rows) > 0).all()
    assert 999 in rows
