"""When keeping the default in doubt costs more than it spares."""

from __future__ import annotations

import numpy as np
import pytest

from tunesmith.selection.choice import caution_costs_more, odds

NORMAL = np.random.default_rng(0).normal(size=20_000)


@pytest.mark.parametrize("caution", [0.0, 0.6, 1.5])
def test_of_normal_gains_it_does_beyond_as_many_errors_as_the_rule_asks_for(caution: float) -> None:
    assert not caution_costs_more(NORMAL + caution - 0.05, 0.0, 1e9, caution)
    assert caution_costs_more(NORMAL + caution + 0.05, 0.0, 1e9, caution)


def test_the_odds_are_those_of_a_normal_gain() -> None:
    drawn = NORMAL + 0.6
    assert odds(0.6) == pytest.approx(np.maximum(drawn, 0).mean() / np.maximum(-drawn, 0).mean(), rel=0.05)
    assert odds(0.0) == pytest.approx(1.0)


def test_noise_that_the_default_makes_itself_is_no_reason_to_keep_it() -> None:
    rare = np.where(np.random.default_rng(1).random(1000) < 0.2, 5.0, 0.02)  # its standard error is 2 means
    assert caution_costs_more(rare, 0.1, 150.0, 0.6)


def test_few_units_may_not_have_shown_the_harm() -> None:
    gains = np.full(1000, 0.04)
    assert not caution_costs_more(gains, 1.0, 50.0, 0.6)
    assert caution_costs_more(gains, 1.0, 500.0, 0.6)
    assert not caution_costs_more(np.array([]), 1.0, 500.0, 0.6)
