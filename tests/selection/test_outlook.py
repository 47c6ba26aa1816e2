"""What would decide between a lead and luck: the figures are those of simulated searches."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import t as student

from tunesmith.foundation.formats import NumberFormat
from tunesmith.selection.outlook import Outlook, outlook_of_folds, outlook_of_rows
from tunesmith.selection.posterior import GainModel

UNITS, SEARCHES = 150, 1500
FIGURES = NumberFormat(4)
KNOWN = Outlook(lead=0.02, rows_part=2e-5, repeats_part=2e-4, repeats=2, dof=199.0, n_rows=200, fits_per_repeat=20)


def searches(gain: float, runs: int, row: float, fit: float, whole: float, seed: int = 0) -> np.ndarray:
    """Draw paired losses [searches, runs, units]: of rows, of fits row by row, and of whole fits."""
    rng = np.random.default_rng(seed)
    rows = row * rng.normal(size=(SEARCHES, 1, UNITS))
    fits = fit * rng.normal(size=(SEARCHES, runs, UNITS)) + whole * rng.normal(size=(SEARCHES, runs, 1))
    return gain + rows + fits


def looked(drawn: np.ndarray) -> list[Outlook]:
    return [outlook_of_rows(runs, np.ones(UNITS), n_rows=UNITS, fits_per_repeat=10) for runs in drawn]


@pytest.mark.parametrize(("row", "fit", "whole"), [(1.0, 0.7, 0.0), (0.6, 1.0, 0.05), (1.0, 0.2, 0.0)])
def test_the_variance_is_that_of_the_lead_with_these_repeats_and_with_more(
    row: float, fit: float, whole: float
) -> None:
    found = looked(searches(0.0, 3, row, fit, whole))
    for repeats in (3, 12):
        true = searches(0.0, repeats, row, fit, whole, seed=1).mean(axis=(1, 2)).var()
        told = np.mean([o.rows_part + o.repeats_part / repeats for o in found])
        assert told == pytest.approx(true, rel=0.15)


def test_the_smallest_gain_is_told_from_luck_in_four_of_five_searches() -> None:
    size = float(np.median([o.smallest_gain for o in looked(searches(0.0, 2, 1.0, 0.7, 0.0))]))
    within = student.ppf(0.975, UNITS - 1.0)
    for gain, share in ((size, 0.8), (0.0, 0.0)):
        told = []
        for o in looked(searches(gain, 2, 1.0, 0.7, 0.0, seed=2)):
            expected, spread = GainModel(np.array(o.prior), np.array(o.variance), np.array(0.0)).posterior(o.lead)
            told.append(expected > within * spread)
        assert np.mean(told) == pytest.approx(share, abs=0.04)


def test_as_many_repeats_or_rows_as_are_told_make_the_lead_the_smallest_gain() -> None:
    more = KNOWN.repeats_needed
    assert more is not None
    for repeats, enough in ((KNOWN.repeats + more, True), (KNOWN.repeats + more - 1, False)):
        later = Outlook(0.02, 2e-5, 2e-4, repeats, 199.0, 200, 20)
        assert (later.smallest_gain <= 0.02) is enough
    rows = KNOWN.rows_needed
    assert rows is not None
    part = 200 / rows  # rows make both parts smaller
    assert Outlook(0.02, 2e-5 * part, 2e-4 * part, 2, 199.0, rows, 20).smallest_gain == pytest.approx(0.02, rel=0.05)
    assert KNOWN.sentences(FIGURES, "gain")[1] == (
        f"If the lead is real, about {more} more repeats of the folds would decide "
        f"(search.decide(more_fits={20 * more})), or about {rows} rows in all."
    )


def test_where_repeats_do_not_help_it_is_said() -> None:
    text = " ".join(Outlook(0.02, 2e-4, 1e-4, 2, 199.0, 200, 20).sentences(FIGURES, "gain"))
    assert "no number of repeats of the folds" in text
    assert "rows in all would decide" in text
    fixed = " ".join(Outlook(0.02, 2e-4, None, 1, 199.0, 200, 0).sentences(FIGURES, "gain"))
    assert fixed.endswith("rows in all would decide.")
    once = " ".join(Outlook(0.02, 2e-4, None, 1, 199.0, 200, 20).sentences(FIGURES, "gain"))
    assert "search.decide(more_fits=40) shows whether" in once


def test_where_nothing_leads_only_the_smallest_gain_is_said() -> None:
    assert len(Outlook(-0.01, 2e-5, 2e-4, 2, 199.0, 200, 20).sentences(FIGURES, "gain")) == 1
    assert Outlook(0.0, 0.0, None, 1, 199.0, 200, 20).sentences(FIGURES, "gain") == [], "all is the same"
    assert outlook_of_folds(np.array([0.1]), n_rows=9, inflation=2.0).sentences(FIGURES, "gain") == []


def test_units_that_a_run_did_not_test_are_left_out_of_it() -> None:
    runs = searches(0.1, 4, 1.0, 0.5, 0.0)[0]
    runs[1:, ::3] = np.nan
    found = outlook_of_rows(runs, np.ones(UNITS), n_rows=UNITS)
    assert found.lead == pytest.approx(np.nanmean(runs, axis=0).mean())
    assert math.isfinite(found.variance)


@pytest.mark.parametrize("prior", [0.0, 1e-6, 1e-4, math.inf])
def test_the_rows_that_are_needed_tell_a_gain_of_the_size_of_the_lead(prior: float) -> None:
    outlook = Outlook(0.02, 2e-4, 1e-4, 2, 199.0, 200, 20, prior=prior)
    rows = outlook.rows_needed
    assert rows is not None
    part = outlook.n_rows / rows
    later = Outlook(0.02, 2e-4 * part, 1e-4 * part, 2, 199.0, rows, 20, prior=prior)
    assert later.smallest_gain == pytest.approx(0.02, rel=0.05)
    assert outlook.smallest_gain >= Outlook(0.02, 2e-4, 1e-4, 2, 199.0, 200, 20).smallest_gain
