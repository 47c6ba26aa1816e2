"""What candidates truly gain over the default, by the posterior of one model of all of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from tunesmith.selection.losses import LossTable, PairedGains
from tunesmith.selection.posterior import GainModel, default_luck

ROWS, CANDIDATES = 200, 12
positive = st.floats(1e-3, 1e3)


def model(n: float = ROWS, **more: float) -> GainModel:
    return GainModel.of(np.array([1.0 / n]), n, **more)


def test_the_chance_of_no_gain_is_the_share_of_searches_without_one() -> None:
    rng, behind = np.random.default_rng(0), model()
    for _ in range(20):
        true = rng.normal(0.0, math.sqrt(behind.prior[0]), 2000)
        seen = true + rng.normal(0.0, math.sqrt(behind.seen[0]), 2000)
        used = true + rng.normal(0.0, math.sqrt(behind.fit[0]), 2000)
        expected, spread = behind.posterior(seen)
        chance = norm.cdf(-expected / spread)
        for low, high in ((0.05, 0.2), (0.2, 0.4), (0.6, 0.9)):
            some = (chance > low) & (chance < high)
            assert np.mean(used[some] <= 0.0) == pytest.approx(chance[some].mean(), abs=0.08)


@given(st.floats(-5.0, 5.0), positive, st.floats(0.0, 1.0))
def test_an_expected_gain_lies_between_none_and_what_was_seen(gain: float, variance: float, unsteady: float) -> None:
    behind = GainModel.of(variance, 100, unsteadiness=unsteady)
    expected, spread = behind.posterior(gain)
    assert min(gain, 0.0) <= expected <= max(gain, 0.0)
    assert 0.0 <= spread**2 <= (behind.seen + behind.fit) * (1.0 + 1e-9)


@given(st.floats(-5.0, 5.0), positive, positive)
def test_the_unit_of_a_loss_does_not_matter(gain: float, variance: float, unit: float) -> None:
    one = GainModel.of(variance, 50).posterior(gain)
    other = GainModel.of(variance * unit**2, 50).posterior(gain * unit)
    assert np.array(other) == pytest.approx(np.array(one) * unit, rel=1e-9, abs=1e-12)


def test_less_of_a_gain_is_believed_of_fewer_rows_and_of_unsteady_models() -> None:
    def believed(behind: GainModel) -> float:
        seen = math.sqrt(behind.seen[0])
        return float(behind.posterior(seen)[0][0] / seen)

    assert believed(model(50)) < believed(model(500)) < believed(model(5000))
    assert believed(model(unsteadiness=1.0)) < believed(model(unsteadiness=0.5)) < believed(model(unsteadiness=0.0))
    assert believed(model(usual=0.0)) == 1.0
    assert model().posterior(20.0)[0] > 19.0  # far beyond its error


def test_more_is_believed_of_gains_over_a_default_that_most_candidates_are_better_than() -> None:
    good, poor = (model(better=q).posterior(0.1) for q in (0.1, 0.9))
    assert good[0] < poor[0]
    losses = np.tile([0.3, 0.2, 0.4, 0.3, 0.1], (10, 1))
    assert PairedGains.of(losses, default=0).better == 0.625  # two of four, and one that is equal
    assert PairedGains.of(losses[:, :1], default=0).better == 0.0


def test_without_skill_there_is_no_gain() -> None:
    behind = model()
    assert behind.with_skill((-0.1, 0.05)).posterior(0.1)[0] == 0.0
    assert behind.with_skill((0.0, 0.0)).posterior(0.1)[0] == 0.0
    assert behind.with_skill((0.1, 0.05)).posterior(0.1)[0] < behind.with_skill((1.0, 0.05)).posterior(0.1)[0]
    assert behind.with_skill((1e-200, 1e-201)).skill == pytest.approx(1.0 / 1.0001)
    assert behind.with_skill((-0.1, 0.05), (1.0, 0.05)).skill == behind.with_skill((1.0, 0.05)).skill


def draws(seed: int) -> tuple[PairedGains, float]:
    """Candidates that are all alike, and by how much the default's mean loss is too large."""
    rng = np.random.default_rng(seed)
    own, shared = rng.normal(size=(ROWS, CANDIDATES + 1)), rng.normal(size=(ROWS, 1))
    return PairedGains.of(own + shared + 3.0, default=0), float(own[:, 0].mean())


def test_all_gains_together_tell_the_luck_of_the_default() -> None:
    told, true = [], []
    for seed in range(200):
        gains, luck = draws(seed)
        mean, error = gains.means()
        told.append(default_luck(gains, GainModel.of(error**2, ROWS, unsteadiness=0.0), mean))
        true.append(luck)
    assert np.corrcoef(told, true)[0, 1] > 0.9
    slope = np.polyfit(told, true, 1)[0]
    assert 1.0 < slope < 2.5  # a part may be true by the prior


def test_one_candidate_of_which_nothing_varies_tells_nothing() -> None:
    gains = PairedGains.of(np.tile([0.3, 0.2], (10, 1)), default=0)
    mean, error = gains.means()
    behind = GainModel.of(error**2, 10)
    assert default_luck(gains, behind, mean) == 0.0
    assert behind.posterior(mean)[0] == pytest.approx([0.0, 0.1])


@pytest.mark.parametrize(("noise", "least", "most"), [(0.0, 0.0, 0.0), (0.5, 0.05, 0.4), (10.0, 0.9, 1.0)])
def test_unsteadiness_is_the_part_that_changes_from_run_to_run(noise: float, least: float, most: float) -> None:
    rng, table = np.random.default_rng(0), LossTable(2000)
    rows = rng.normal(size=(2, 2000)) + 5.0
    for run in range(3):
        for c in range(2):
            table.add(c, rows[c] + noise * rng.normal(size=2000), fresh=run > 0)
    found = table.unsteadiness(0)
    assert found is not None
    assert least <= found <= most
    assert table.n_runs().tolist() == [3, 3]


def test_one_run_says_nothing_of_unsteadiness() -> None:
    table = LossTable(4)
    table.add(0, [0.0, 1.0, 0.0, 1.0])
    table.add(1, [0.0, 1.0, 1.0, 1.0])
    assert table.unsteadiness(0) is None
