"""Names of Optuna's inside that samplers and evaluators of other libraries are made of."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tunesmith.compat.optuna as optuna
from tunesmith.compat.optuna._transform import _SearchSpaceTransform
from tunesmith.compat.optuna.importance import (
    _get_distributions,
    _get_filtered_trials,
    _get_target_values,
    _get_trans_params,
    _param_importances_to_dict,
    _sort_dict_by_importance,
)
from tunesmith.compat.optuna.samplers import _process_constraints_after_trial

optuna.logging.set_verbosity(optuna.logging.ERROR)
SWITCHES = list(itertools.product([True, False], repeat=3))


def space_of(module):
    floats, ints = module.FloatDistribution, module.IntDistribution
    return {
        "rate": floats(1e-3, 10, log=True),
        "kind": module.CategoricalDistribution(["a", None, True]),
        "width": ints(2, 64, log=True),
        "share": floats(-1, 1),
        "step": floats(0, 1, step=0.25),
        "layers": ints(1, 9, step=2),
        "one": ints(3, 3),
        "same": floats(0.5, 0.5),
    }


def points(n):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [study.ask(space_of(optuna.distributions)).params for _ in range(n)]


@pytest.mark.parametrize("switches", SWITCHES)
def test_a_point_is_a_row_of_numbers_and_back(switches):
    transform = _SearchSpaceTransform(space_of(optuna.distributions), *switches)
    for point in points(20):
        row = transform.transform(point)
        assert ((transform.bounds[:, 0] <= row) & (row <= transform.bounds[:, 1])).all()
        back = transform.untransform(row)
        assert back == pytest.approx({**point, "kind": back["kind"]})
        assert back["kind"] is point["kind"]
        assert {name: type(value) for name, value in back.items()} == {name: type(v) for name, v in point.items()}
    assert [c.tolist() for c in transform.column_to_encoded_columns] == [[0], [1, 2, 3], [4], [5], [6], [7], [8], [9]]
    assert transform.encoded_column_to_column.tolist() == [0, 1, 1, 1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("switches", SWITCHES)
def test_rows_and_bounds_are_those_of_the_real_optuna(switches):
    real = pytest.importorskip("optuna._transform", reason="the real Optuna is not installed")
    theirs = real._SearchSpaceTransform(space_of(pytest.importorskip("optuna.distributions")), *switches)
    ours = _SearchSpaceTransform(space_of(optuna.distributions), *switches)
    np.testing.assert_allclose(ours.bounds, theirs.bounds)
    for point in points(20):
        np.testing.assert_allclose(ours.transform(point), theirs.transform(point))
    if switches[0]:  # without logarithms, the real one's rows at the bounds lie outside of the range of "width"
        for corner in ours.bounds.T:
            assert ours.untransform(corner) == pytest.approx(theirs.untransform(corner))


def test_an_empty_space_is_refused():
    with pytest.raises(ValueError, match="at least one distribution"):
        _SearchSpaceTransform({})


def test_an_evaluator_and_a_sampler_made_of_them():
    class Spread(optuna.importance.BaseImportanceEvaluator):
        def evaluate(self, study, params=None, *, target=None):
            space = _get_distributions(study, params)
            trials = _get_filtered_trials(study, space, target)
            rows = _get_trans_params(trials, _SearchSpaceTransform(space, transform_log=False, transform_step=False))
            y = _get_target_values(trials, target)
            found = np.abs([np.corrcoef(column, y)[0, 1] for column in rows.T])
            return _sort_dict_by_importance(_param_importances_to_dict(list(space), found))

    class Constrained(optuna.samplers.RandomSampler):
        def after_trial(self, study, trial, state, values):
            _process_constraints_after_trial(lambda t: (t.params["x"] - 0.5,), study, trial, state)

    def objective(trial):
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        z = trial.suggest_float("z", 0, 1) if trial.number % 2 else 0.0
        return float("inf") if trial.number == 3 else x + 0.2 * y + 0.1 * z

    study = optuna.create_study(sampler=Constrained(seed=0))
    study.optimize(objective, n_trials=30)
    found = optuna.importance.get_param_importances(study, evaluator=Spread())
    assert list(found) == ["x", "y"]
    assert list(optuna.importance.get_param_importances(study, evaluator=Spread(), params=["z"])) == ["z"]
    assert [t.constraints["0"] <= 0 for t in study.trials] == [t.params["x"] <= 0.5 for t in study.trials]
    with pytest.raises(ValueError, match="no complete trial has"):
        optuna.importance.get_param_importances(study, evaluator=Spread(), params=["q"])
