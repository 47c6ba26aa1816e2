"""Figures of what a search found, from studies with known answers."""

from __future__ import annotations

import numpy as np
import pytest
from tests.visualization.studies import FakeSearch, conditional, many, report, trade_off

import tunesmith
from tunesmith.errors import NothingToDrawError
from tunesmith.selection import Report
from tunesmith.visualization.figures.edf import edf
from tunesmith.visualization.figures.honest_score import honest_score
from tunesmith.visualization.figures.hypervolume_history import hypervolume_history
from tunesmith.visualization.figures.pareto_front import pareto_front
from tunesmith.visualization.figures.racing import racing


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


def test_the_front_is_what_no_trial_beats_in_all() -> None:
    data = pareto_front(trade_off())
    assert data.maximize == (False, True)
    assert data.values.tolist() == [[1.0, 1.0], [2.0, 3.0], [3.0, 2.0], [0.5, 9.0], [4.0, 4.0]]
    assert data.front.tolist() == [True, True, False, False, True]
    assert data.feasible.tolist() == [True, True, True, False, True]
    assert "3 on the front" in data.summary
    assert pareto_front(trade_off(), include_dominated_trials=False, selected=[2]).number.tolist() == [0, 1, 2, 4]
    assert pareto_front(trade_off(), target_names=["cost", "gain"]).targets == ("cost", "gain")
    swapped = pareto_front(trade_off(), targets=[1, 0])
    assert swapped.maximize == (True, False)
    assert swapped.front.tolist() == data.front.tolist()
    called = pareto_front(trade_off(), targets=lambda t: (t.values[0], t.values[0], -t.values[1]))
    assert called.maximize == (False, False, False)
    assert called.front.tolist() == data.front.tolist()


def test_a_front_needs_two_or_three_objectives() -> None:
    with pytest.raises(ValueError, match=r"has one: plot_optimization_history"):
        pareto_front(conditional())
    with pytest.raises(ValueError, match=r"targets=\[0, 1\]"):
        pareto_front(many(5, m=4))
    with pytest.raises(ValueError, match="1 names, for 2"):
        pareto_front(trade_off(), target_names=["cost"])
    with pytest.raises(ValueError, match="two values"):
        pareto_front(trade_off(), targets=lambda t: t.values[:1])
    with pytest.raises(NothingToDrawError):
        pareto_front(tunesmith.create_study(directions=["minimize"] * 2))


def test_of_very_many_trials_the_whole_front_stays() -> None:
    study = many(8000, 2, m=3)
    data = pareto_front(study)
    assert len(data.number) <= 5000
    assert set(data.number[data.front].tolist()) == {t.number for t in study.best_trials}


def test_the_hypervolume_grows() -> None:
    data = hypervolume_history(trade_off(), [5.0, 0.0])
    assert data.number.tolist() == [0, 1, 2, 4]
    assert data.hypervolume.tolist() == [4.0, 4.0 + 6.0, 10.0, 11.0]
    assert data.reference.tolist() == [5.0, 0.0]
    assert hypervolume_history(trade_off()).reference.tolist() == [4.0, 1.0]
    many_trials = hypervolume_history(many(2000, 2, m=2))
    assert len(many_trials.number) == 300
    assert (np.diff(many_trials.hypervolume) >= 0).all()
    with pytest.raises(ValueError, match="has one"):
        hypervolume_history(conditional())
    with pytest.raises(ValueError, match="2 finite values"):
        hypervolume_history(trade_off(), [1.0])
    with pytest.raises(NothingToDrawError):
        hypervolume_history(tunesmith.create_study(directions=["minimize"] * 2))


def test_a_race() -> None:
    data = racing(FakeSearch())
    assert data.scores.shape == (3, 4)
    assert data.dropped.tolist() == [False, True, False, True]
    assert data.fits.tolist() == [3, 4, 7, 9]
    assert data.fits_without.tolist() == [3, 6, 9, 12]
    assert data.best == 2
    assert data.notes == ("3 of 12 fits saved; white: not run",)
    assert "mean score of 0.9" in data.summary
    with pytest.raises(TypeError, match="fitted search"):
        racing(conditional())


def test_an_honest_score() -> None:
    data = honest_score(FakeSearch())
    assert [(m.name, m.value) for m in data.marks] == [
        ("seen in the search", 0.9),
        ("expected on new data", 0.85),
        ("the default, in the search", 0.8),
    ]
    assert data.marks[1].interval == (0.8, 0.9)
    assert data.gain is not None
    assert data.gain.value == 0.05
    loss = honest_score(report(sign=-1.0, metric="neg_root_mean_squared_error"))
    assert loss.metric == "RMSE"
    assert not loss.greater_is_better
    assert loss.marks[1].interval == (0.8, 0.9)
    with pytest.raises(TypeError, match=r"study\.confirm"):
        honest_score(conditional())
    with pytest.raises(NothingToDrawError, match=r"no honest score. Because."):
        honest_score(Report(None, None, notes=("Because.",)))
