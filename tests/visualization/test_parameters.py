"""Figures of parameters, from studies with known answers."""

from __future__ import annotations

import numpy as np
import pytest
from tests.visualization.studies import VALUES, conditional, many

import tunesmith
from tunesmith import Float
from tunesmith.errors import NothingToDrawError
from tunesmith.visualization.data.axes import round_logs, round_values
from tunesmith.visualization.data.slice import slices


def test_slices_show_inactive_parameters_in_a_strip() -> None:
    data = slices(conditional())
    assert [a.name for a in data.axes] == ["model", "C", "depth", "scale"]
    assert [a.kind for a in data.axes] == ["category", "log", "linear", "category"]
    model, c, depth, scale = data.axes
    assert model.categories == ("svm", "forest")
    assert scale.categories == ("True", "False", "None")
    assert c.at[[0, 2, 4, 5]].tolist() == [0.01, 1.0, 100.0, 10.0]
    assert np.isnan(c.at[[1, 3]]).all()
    assert (c.low, c.high) == (0.01, 100.0)
    assert c.placed[1] == c.strip < c.low
    assert c.unit[[0, 4]] == pytest.approx([0.0, 1.0])
    assert depth.strip < 1
    assert not model.has_strip
    assert data.value.tolist() == VALUES
    assert data.number[data.best] == 3
    assert "depth = 9" in data.summary
    assert "C = inactive" in data.summary


def test_slices_of_pruned_and_failed_trials_and_of_attributes() -> None:
    data = slices(conditional(), ["depth", "user_attrs_seconds", "user_attrs_host"], show_pruned=True, show_failed=True)
    assert data.number.tolist() == list(range(8))
    assert np.flatnonzero(data.failed).tolist() == [7]
    assert np.flatnonzero(data.pruned).tolist() == [6]
    seconds, host = data.axes[1:]
    assert seconds.at[:6].tolist() == [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]
    assert seconds.strip_name == "not set"
    assert host.categories == ("node0", "node1")
    assert host.at[:4].tolist() == [0.0, 1.0, 0.0, 1.0]


def test_of_very_many_trials_some_are_drawn_and_of_very_many_parameters_some_are_shown() -> None:
    study = many(6000, 15)
    data = slices(study, selected=[5])
    assert len(data.axes) == 12
    assert data.notes[1] == "12 of 15 parameters shown"
    assert len(data.number) < 3000
    assert {5, study.best_trial.number} <= set(data.number.tolist())
    assert data.value.max() == study.history.y.max()


def test_a_name_that_is_not_there_gets_an_answer() -> None:
    with pytest.raises(ValueError, match=r"no parameter 'dept'; did you mean 'depth'\? .*user_attrs_NAME"):
        slices(conditional(), ["dept"])
    with pytest.raises(ValueError, match="params is empty"):
        slices(conditional(), [])
    with pytest.raises(ValueError, match="has the user attribute 'speed'"):
        slices(conditional(), ["user_attrs_speed"])
    bare = tunesmith.create_study(study_name="bare")
    bare.add_trial(tunesmith.create_trial(value=1.0))
    with pytest.raises(NothingToDrawError, match="'bare' have no parameters"):
        slices(bare)


def test_constant_values_and_a_constant_parameter() -> None:
    study = tunesmith.create_study(space={"x": Float(2.0, 2.0)}, seed=0)
    study.optimize(lambda trial: 1.0, n_trials=3)
    (axis,) = slices(study).axes
    assert axis.low < 2.0 < axis.high
    assert axis.unit.tolist() == [0.5, 0.5, 0.5]


def test_ticks_are_round() -> None:
    assert round_values(0.0, 1.0, 5) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert round_values(-3.0, 12.0, 6) == [0.0, 5.0, 10.0]
    assert round_logs(1e-5, 1e-1, 6) == [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
    assert round_logs(1.0, 50.0, 6) == [1.0, 2.0, 5.0, 10.0, 20.0, 50.0]
