"""The share of searches that may be worse than the default, and how strict that makes a choice."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tunesmith.errors import SelectionError
from tunesmith.selection.by_folds import select_by_folds
from tunesmith.selection.choice import USUAL_RISK, Rule, caution_of_risk, check_risk, choose_by_rule, relative_caution


def test_the_usual_risk_is_the_usual_rule() -> None:
    assert caution_of_risk(USUAL_RISK) == Rule().caution
    assert relative_caution(USUAL_RISK) == 1.0


def test_more_risk_is_less_caution() -> None:
    steps = [caution_of_risk(risk) for risk in np.linspace(0.0, 0.3, 61)]
    assert all(a > b for a, b in pairwise(steps))
    assert caution_of_risk(1) == caution_of_risk(0.3)


@pytest.mark.parametrize("risk", [-0.01, 1.01, math.nan, "low", None, True])
def test_what_is_no_risk_is_named(risk: Any) -> None:
    with pytest.raises(SelectionError, match=r"a number from 0 to 1 \(0\.04 is usual\)"):
        caution_of_risk(risk)


@pytest.mark.parametrize("prefer_default", [False, None])
def test_a_risk_needs_a_default_that_is_preferred(prefer_default: bool | None) -> None:
    check_risk(USUAL_RISK, prefer_default)
    check_risk(0.5, True)
    with pytest.raises(SelectionError, match="leave one of them out"):
        check_risk(0.1, prefer_default)


def gambles(risk: float) -> float:
    """The share of searches among candidates that are all as good as the default that do not keep it."""
    replaced = 0
    for seed in range(60):
        losses = np.random.default_rng(seed).random((60, 8))
        replaced += choose_by_rule(losses, Rule(0, caution=caution_of_risk(risk)), n_resamples=200).index != 0
    return replaced / 60


def test_the_default_is_given_up_more_often_at_more_risk() -> None:
    shares = [gambles(risk) for risk in (0.0, USUAL_RISK, 0.1, 1.0)]
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[1] < shares[3]
    assert shares[3] > 0.8


def test_folds_hear_of_it_too() -> None:
    losses = np.array([[0.5, 0.52, 0.48, 0.5, 0.51], [0.44, 0.5, 0.46, 0.48, 0.45]])
    assert select_by_folds(losses, Rule(0, caution=relative_caution(USUAL_RISK))).index == 1
    assert select_by_folds(losses, Rule(0, caution=relative_caution(0.0))).index == 0
    worse = losses[::-1]
    assert select_by_folds(worse, Rule(0, caution=relative_caution(1.0))).index == 0
    equal = np.array([[0.5, 0.52, 0.48, 0.5, 0.51], [0.56, 0.4, 0.56, 0.4, 0.55]])
    assert select_by_folds(equal, Rule(0, caution=relative_caution(USUAL_RISK))).index == 0
    assert select_by_folds(equal, Rule(0, caution=relative_caution(1.0))).index == 1
