"""Reports of several objectives: what is stopped, what is refused, and where the curves are shown."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.cli.main import main
from tunesmith.foundation.numerics.pareto import non_dominated
from tunesmith.foundation.states import TrialState
from tunesmith.history.curves import Curves
from tunesmith.pruners import (
    Decision,
    HyperbandPruner,
    MedianPruner,
    PatientPruner,
    Pruner,
    SuccessiveHalvingPruner,
    ThresholdPruner,
    WilcoxonPruner,
)
from tunesmith.samplers import RandomSampler
from tunesmith.visualization import plot_intermediate_values

NAN = math.nan
DIRECTIONS = ["minimize", "maximize"]
STEPS = 27


def ends(trial: Any) -> tuple[float, float]:
    """An error, and an accuracy that is high where the error is, but for what `far` spoils in both."""
    x, far = trial.suggest_float("x", 0, 1), trial.suggest_float("far", 0, 1)
    return x + far, x**2 - far


def objective(trial: Any) -> tuple[float, float]:
    error, accuracy = ends(trial)
    for step in range(1, STEPS + 1):
        trial.report((error + 1 / step, accuracy - 1 / step), step)
        if trial.should_prune():
            raise ts.TrialPruned
    return error, accuracy


def made(*complete: list[tuple[float, float]]) -> Curves:
    curves = Curves(2)
    for number, values in enumerate(complete):
        for step, value in enumerate(values):
            curves.append(number, step, value)
        curves.close(number, TrialState.COMPLETE)
    return curves


def after(pruner: Pruner, curves: Curves, *values: tuple[float, float]) -> Decision:
    number = 1 + max(curves.numbers, default=-1)
    for step, value in enumerate(values):
        curves.append(number, step, value)
    return pruner.decide(curves, number, len(values) - 1)


@pytest.mark.parametrize(
    "pruner",
    [
        MedianPruner(),
        SuccessiveHalvingPruner(1, max_resource=STEPS),
        SuccessiveHalvingPruner(1, max_resource=STEPS, promotion=True),
        HyperbandPruner(1, STEPS),
        "auto",
    ],
)
def test_hopeless_runs_are_stopped_and_the_front_is_found(pruner: Any, tmp_path: Path) -> None:
    study = ts.create_study(
        directions=DIRECTIONS, pruner=pruner, sampler=RandomSampler(), seed=1, storage=tmp_path / "a.db"
    )
    study.optimize(objective, n_trials=60)
    stopped = [t for t in study.trials if t.state is TrialState.PRUNED]
    paused = [t for t in study.trials if t.state is TrialState.PAUSED]
    assert stopped or paused
    # Curves never cross here: whoever is on the front in the end was on it at each step.
    truth = np.array([(t.params["x"] + t.params["far"], t.params["far"] - t.params["x"] ** 2) for t in study.trials])
    front = set(np.flatnonzero(non_dominated(truth)).tolist())
    found = {t.number for t in study.best_trials}
    assert found == front if not paused else found <= front
    for trial in stopped:
        assert trial.values == trial.intermediate_values[trial.last_step]
    if stopped:
        saved = study.savings
        assert saved is not None
        assert saved.pruned == len(stopped)
        assert saved.reports < saved.full_reports == 60 * STEPS
    again = ts.load_study(storage=tmp_path / "a.db", study_name=study.study_name)
    assert [t.intermediate_values for t in again.trials] == [t.intermediate_values for t in study.trials]
    assert again.savings == study.savings


def test_the_median_stops_what_is_worse_in_each_objective_and_dominated() -> None:
    pruner = MedianPruner(n_startup_trials=0)
    others = [[(0.0, 4.0)], [(4.0, 0.0)], [(1.0, 1.0)], [(5.0, 5.0)]]
    assert after(pruner, made(*others), (3.0, 3.0)) is Decision.STOP
    assert after(pruner, made(*others), (3.0, 0.5)) is Decision.CONTINUE
    assert after(pruner, made(*others), (0.5, 9.0)) is Decision.CONTINUE
    # Of a front that bends inwards, the middle is worse than the median in both.
    bent = [[(0.0, 4.0)], [(0.0, 4.0)], [(4.0, 0.0)], [(4.0, 0.0)]]
    assert after(pruner, made(*bent), (3.0, 3.0)) is Decision.CONTINUE
    assert after(pruner, made(*others), (NAN, 3.0)) is Decision.STOP
    assert after(pruner, made(*others), (NAN, -1.0)) is Decision.CONTINUE
    assert after(pruner, made(*others), (NAN, NAN)) is Decision.STOP


def test_halving_orders_by_fronts_and_then_by_room() -> None:
    curves = made(*[[(x, 4.0 - x)] for x in (0.0, 1.9, 2.0, 4.0)], [(3.0, 3.0)], [(5.0, 5.0)])
    rung = curves.rung(0)
    assert rung.best(6) == [0, 3, 2, 1, 4, 5]
    pruner = SuccessiveHalvingPruner(1, 2, promotion=False)
    curves = made(*[[(x, 4.0 - x)] * 2 for x in (0.0, 1.0, 2.0, 4.0)])
    assert after(pruner, curves, (1.5, 2.5), (1.5, 2.5)) is Decision.CONTINUE
    assert after(pruner, curves, (3.0, 3.0), (3.0, 3.0)) is Decision.STOP


def test_patience_and_limits_look_at_each_objective() -> None:
    pruner = PatientPruner(None, 1)
    assert after(pruner, made(), (1.0, 1.0), (2.0, 0.5), (3.0, 0.4)) is Decision.CONTINUE
    assert after(pruner, made(), (1.0, 1.0), (2.0, 1.5), (3.0, 1.4)) is Decision.STOP
    pruner = ThresholdPruner(upper=(None, 2.0))
    assert after(pruner, made(), (9.0, 2.0)) is Decision.CONTINUE
    assert after(pruner, made(), (9.0, 2.5)) is Decision.STOP
    assert after(ThresholdPruner(), made(), (9.0, NAN)) is Decision.STOP


@pytest.mark.parametrize(
    ("pruner", "words"),
    [
        (WilcoxonPruner(), "decides by one objective, and the study has 2; these decide by several: 'auto', 'halving'"),
        ("learning-curve", "LearningCurvePruner decides by one objective"),
        (PatientPruner(WilcoxonPruner()), "WilcoxonPruner decides by one objective"),
        (ThresholdPruner(upper=2.0), "upper takes a limit, or None, for each objective; the study has 2"),
    ],
)
def test_a_pruner_that_cannot_is_refused_before_any_trial(pruner: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ts.create_study(directions=DIRECTIONS, pruner=pruner)
    study = ts.create_study(directions=DIRECTIONS)
    if not isinstance(pruner, str):
        with pytest.raises(ValueError, match=words):
            study.pruner = pruner


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ((1.0,), ValueError, r"takes 2 numbers, one for each direction of the study, .* got 1: \(1.0,\)"),
        ((1.0, 2.0, 3.0), ValueError, "got 3"),
        (1.0, TypeError, "takes 2 numbers"),
        (("a", 1.0), TypeError, "takes 2 numbers"),
        ({1.0: 2.0, 3.0: 4.0}, TypeError, r"the name of a metric must be a text; got 1\.0"),
        ({"a": 2.0}, ValueError, "the study has 2 objectives"),
        (None, TypeError, "takes 2 numbers"),
    ],
)
def test_a_wrong_report_is_refused_and_the_trial_goes_on(values: Any, error: type[Exception], words: str) -> None:
    study = ts.create_study(directions=DIRECTIONS)
    trial = study.ask()
    with pytest.raises(error, match=words):
        trial.report(values, 0)
    trial.report(np.array([1, 2]), 0)
    study.tell(trial, (1.0, 2.0))
    assert study.trials[0].intermediate_values == {0: (1.0, 2.0)}
    single = ts.create_study().ask()
    with pytest.raises(TypeError, match=r"takes a number .*several directions"):
        single.report((1.0, 2.0), 0)


def test_where_nothing_is_reported_nothing_is_pruned() -> None:
    study = ts.create_study(directions=DIRECTIONS, sampler=RandomSampler(), seed=0)
    asked = []
    study.optimize(lambda trial: (asked.append(trial.should_prune()), ends(trial))[1], n_trials=20)
    assert asked == [False] * 20
    assert study.savings is None


def test_with_checkpoints_the_default_leaves_no_run_behind() -> None:
    def resumable(trial: Any) -> tuple[float, float]:
        error, accuracy = ends(trial)
        for step in trial.epochs(STEPS, {"seen": []}):
            trial.report((error + 1 / step, accuracy - 1 / step), step)
            if trial.should_prune():
                raise ts.TrialPruned
        return error, accuracy

    study = ts.create_study(directions=DIRECTIONS, sampler=RandomSampler(), seed=0)
    study.optimize(resumable, n_trials=20)
    assert {t.state for t in study.trials} == {TrialState.COMPLETE, TrialState.PRUNED}
    paused = ts.create_study(directions=DIRECTIONS, sampler=RandomSampler(), seed=0, pruner="halving")
    paused.optimize(resumable, n_trials=20)
    waiting = [t for t in paused.trials if t.state is TrialState.PAUSED]
    assert waiting
    last = np.array([t.intermediate_values[t.last_step] for t in waiting]) * [1, -1]
    done = np.array([t.values for t in paused.trials if t.state is TrialState.COMPLETE]) * [1, -1]
    assert not non_dominated(np.vstack([done, last]))[len(done) :].any(), "those that lead were run to their ends"


def test_curves_are_shown_and_written_for_each_objective(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    file = tmp_path / "a.db"
    study = ts.create_study(directions=DIRECTIONS, sampler=RandomSampler(), seed=0, storage=file, study_name="two")
    study.optimize(objective, n_trials=4)
    for backend in ("plotly", "matplotlib"):
        with pytest.raises(ValueError, match="target=0 to target=1"):
            plot_intermediate_values(study, backend=backend)
    drawn = plot_intermediate_values(study, target=1)
    best = study.trials[0].intermediate_values
    lines = [list(trace.y) for trace in drawn.data]
    assert any(np.allclose(line, [value[1] for value in best.values()], rtol=1e-4) for line in lines)
    frame = study.trials_dataframe(attrs=("number", "intermediate_values"))
    assert frame["intermediate_values_3_1"][0] == best[3][1]
    assert main(["export", str(file), "--output", str(tmp_path / "a.json")]) == 0
    written = json.loads((tmp_path / "a.json").read_text())
    assert written[0]["intermediate_values"]["3"] == list(best[3])
    assert main(["plot", "intermediate_values", str(file), "--target", "1", "-o", str(tmp_path / "a.png")]) == 0
