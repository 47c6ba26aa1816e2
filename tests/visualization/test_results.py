"""Figures of what a search found, from studies with known answers."""

from __future__ import annotations

import numpy as np
import pytest
from tests.visualization.studies import conditional, many

import tunesmith
from tunesmith.errors import NothingToDrawError
from tunesmith.visualization.data.edf import edf


def test_the_distribution_function() -> None:
    study = conditional()
    study.add_trial(tunesmith.create_trial(value=2.0))
    data = edf({"a": study, "nothing": tunesmith.create_study()})
    (curve,) = data.curves
    assert curve.value.tolist() == [2.0, 2.5, 3.0, 4.0, 5.0, 6.0]
    assert curve.share == pytest.approx(np.array([2, 3, 4, 5, 6, 7]) / 7)
    assert curve.n == 7
    assert data.notes == ("nothing has no complete trial",)
    with pytest.raises(NothingToDrawError):
        edf(tunesmith.create_study())


def test_a_long_distribution_function_keeps_its_ends() -> None:
    study = many(2500, 1)
    (curve,) = edf(study).curves
    assert len(curve.value) == 1000
    assert (curve.value[0], curve.share[-1]) == (study.best_value, 1.0)
