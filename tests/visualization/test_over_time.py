"""Figures over the course of a search, from studies with known answers."""

from __future__ import annotations

import dataclasses
import threading

import numpy as np
import pytest
from tests.visualization.studies import POINTS, VALUES, conditional, logging, many, record

import tunesmith
from tunesmith import Float, TrialState
from tunesmith.errors import NothingToDrawError
from tunesmith.visualization.figures import timeline as timeline_module
from tunesmith.visualization.figures.edf import edf
from tunesmith.visualization.figures.intermediate_values import intermediate_values
from tunesmith.visualization.figures.metrics import metrics
from tunesmith.visualization.figures.optimization_history import optimization_history
from tunesmith.visualization.figures.slice import slices
from tunesmith.visualization.figures.terminator_improvement import terminator_improvement
from tunesmith.visualization.figures.timeline import timeline


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_history_has_the_values_and_the_best_so_far(direction: str) -> None:
    data = optimization_history(conditional(direction))
    (series,) = data.series
    sign = 1 if direction == "minimize" else -1
    assert series.number.tolist() == list(range(6))
    assert (sign * series.value).tolist() == VALUES
    assert series.step_number.tolist() == [0, 1, 3, 7]
    assert (sign * series.step_value).tolist() == [5.0, 3.0, 2.0, 2.0]
    assert not len(series.failed)
    assert f"to the best, {2 * sign:g}, in trial 3" in data.summary
    assert direction[:-1] in data.summary


def test_a_value_of_nought_has_no_sign() -> None:
    study = tunesmith.create_study(direction="maximize", seed=0)
    study.add_trial(tunesmith.create_trial(value=0.0))
    assert "the best, 0, in" in optimization_history(study).summary


def test_pruned_failed_and_selected_trials_are_shown_if_asked() -> None:
    (series,) = optimization_history(conditional(), show_pruned=True, show_failed=True, selected=[1, 99]).series
    assert series.number.tolist() == list(range(7))
    assert series.value[6] == 8.0
    assert np.flatnonzero(series.pruned).tolist() == [6]
    assert np.flatnonzero(series.selected).tolist() == [1]
    assert series.failed.tolist() == [7]


def test_the_history_runs_by_number_time_or_cost_and_has_a_logarithmic_axis() -> None:
    study = tunesmith.create_study(seed=0)
    for number, (value, ended) in enumerate([(10.0, 90.0), (-1.0, 60.0), (100.0, 30.0), (1.0, 120.0)]):
        made = tunesmith.create_trial(value=value)
        study.add_trial(dataclasses.replace(made, started=1e9, finished=1e9 + ended, number=number))
    data = optimization_history(study, x="time")
    (series,) = data.series
    assert data.along == "time (minutes)"
    assert series.at.tolist() == pytest.approx([1.5, 1.0, 0.5, 2.0])
    with pytest.raises(NothingToDrawError, match="has a cost"):
        optimization_history(study, x="cost")
    timed = tunesmith.create_study(seed=0)
    timed.optimize(lambda trial: float(trial.number), n_trials=4)
    cost = optimization_history(timed, x="cost").series[0]
    assert cost.at.tolist() == pytest.approx(np.cumsum(timed.history.cost).tolist())
    best = optimization_history(study, best_only=True).series[0]
    assert best.number.tolist() == [0, 1]
    assert best.value.tolist() == [10.0, -1.0]
    logs = optimization_history(study, log=True, show_failed=True)
    assert logs.series[0].value.tolist() == [10.0, 100.0, 1.0]
    assert "1 values that are not positive left out" in logs.notes
    axis = logs.by_plotly()["layout"]["yaxis"]
    assert (axis["type"], [round(end, 1) for end in axis["range"]]) == ("log", [-0.1, 2.1])
    with pytest.raises(ValueError, match='"number" with error_bar=True'):
        optimization_history(study, x="time", error_bar=True)
    with pytest.raises(ValueError, match="x takes 'number' or 'time' or 'cost'"):
        optimization_history(study, x="day")


def test_several_studies_and_their_mean() -> None:
    one, two = conditional(), conditional(name="other")
    two.add_trial(tunesmith.create_trial(params={"z": 1.0}, distributions={"z": Float(0, 2)}, value=1.0))
    assert [s.name for s in optimization_history([one, two]).series] == ["small", "other"]
    assert [s.name for s in optimization_history([one, one]).series] == ["small", "small (2)"]
    assert [s.name for s in optimization_history({"a": one, "b": two}).series] == ["a", "b"]
    means = optimization_history({"a": one, "b": two}, error_bar=True).means
    assert means is not None
    assert means.number.tolist() == [0, 1, 2, 3, 4, 5, 8]
    assert means.mean.tolist() == [*VALUES, 1.0]
    assert means.best_mean.tolist() == [5.0, 3.0, 3.0, 2.0, 2.0, 2.0, 1.5]
    assert means.best_sd.tolist() == [0.0] * 6 + [0.5]


def test_a_target_is_an_attribute_or_a_function_or_an_objective() -> None:
    study = conditional()
    (series,) = optimization_history(study, target="user_attrs_seconds").series
    assert series.value.tolist() == [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]
    assert not len(series.step_number), "what is good is not known"
    data = optimization_history(study, target=lambda t: 2 * t.values[0], target_name="twice")
    assert data.series[0].value.tolist() == [2 * v for v in VALUES]
    assert data.target == "twice"
    two = many(20, m=2)
    assert optimization_history(two, target=1).target == "objective 1"
    with pytest.raises(ValueError, match=r"2 objectives .*target=0 to target=1"):
        optimization_history(two)
    with pytest.raises(ValueError, match="from 0 to 1"):
        optimization_history(two, target=2)
    with pytest.raises(ValueError, match="user_attrs_accuracy"):
        optimization_history(study, target="seconds")
    with pytest.raises(TypeError, match="a function of a trial"):
        optimization_history(study, target=[1])  # type: ignore[arg-type]


def test_of_very_many_trials_the_best_and_the_selected_ones_stay() -> None:
    study = many(20_000)
    data = optimization_history(study, selected=[777])
    (series,) = data.series
    assert data.notes == (f"{len(series.number):,} of 20,000 trials drawn",)
    assert len(series.number) <= 5000
    assert {777, study.best_trial.number, *series.step_number[:-1].tolist()} <= set(series.number.tolist())
    assert series.value.max() == study.history.y.max()


def test_learning_curves() -> None:
    data = intermediate_values(conditional("maximize"))
    assert [c.number for c in data.curves] == list(range(7))
    assert data.best == 3
    assert data.curves[6].step.tolist() == [1, 3]
    assert data.curves[6].value.tolist() == [-9.0, -8.0]
    assert [c.number for c in intermediate_values(conditional(), show_pruned=False).curves] == list(range(6))
    assert "7 trials (6 complete, 1 pruned)" in data.summary


def test_what_trials_logged_is_drawn_as_one_metric_of_all_or_all_of_some() -> None:
    study = logging(12)
    x = [t.params["x"] for t in study.trials]
    one = intermediate_values(study, metric="rate")
    assert [(c.number, c.value.tolist()) for c in one.curves] == [(k, [x[k] * s for s in range(4)]) for k in range(12)]
    assert (one.target, one.best) == ("rate", study.best_trial.number)
    compared = metrics(study, [5, 2])
    assert list(compared.panels) == ["<b>loss</b>", "rate"]
    assert [c.number for c in compared.panels["rate"]] == [5, 2]
    assert compared.panels["<b>loss</b>"][0].step.tolist() == [0, 2, 3], "NaN is left out"
    assert metrics(study).number.tolist() == np.argsort(x)[:8].tolist(), "the best ones"
    assert sorted(metrics(study.snapshot().only([3, 4])).number.tolist()) == [3, 4]
    with pytest.raises(ValueError, match="no trial logged the metric 'rates'; did you mean 'rate'"):
        metrics(study, names=["rates"])
    with pytest.raises(ValueError, match="at most 8 trials; got 9"):
        metrics(study, range(9))
    with pytest.raises(NothingToDrawError, match="none of these trials"):
        metrics(study, [99])
    with pytest.raises(NothingToDrawError, match=r"trial\.log"):
        intermediate_values(conditional(), metric="rate")


def test_of_very_many_curves_the_best_the_running_and_the_selected_ones_stay() -> None:
    study = tunesmith.create_study(seed=0, sampler="random")

    def objective(trial: tunesmith.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        for step in range(3):
            trial.report(x + 1 / (step + 1), step)
        return x

    study.optimize(objective, n_trials=400)
    running = study.ask()
    running.report(0.5, 0)
    data = intermediate_values(study, selected=[123])
    numbers = {c.number for c in data.curves}
    assert {123, running.number, study.best_trial.number} <= numbers
    assert len(numbers) == 300
    assert data.notes == ("300 of 401 curves drawn",)


def test_a_sentence_says_what_is_missing() -> None:
    study = tunesmith.create_study(study_name="empty")
    with pytest.raises(NothingToDrawError, match=r"no trial of 'empty' is complete .* it has no trials"):
        optimization_history(study)
    study.add_trial(tunesmith.create_trial(state=TrialState.FAIL))
    with pytest.raises(NothingToDrawError, match="it has 1 failed"):
        optimization_history(study)
    with pytest.raises(NothingToDrawError, match=r"trial\.report"):
        intermediate_values(study)
    with pytest.raises(TypeError, match="expected a study"):
        optimization_history(3)
    with pytest.raises(ValueError, match="at least one study"):
        optimization_history([])


def timed() -> tunesmith.Study:
    study = conditional()
    study.add_trials(
        [
            record(POINTS[0], 1.0, started=1000.0, seconds=60.0),
            record(POINTS[1], None, TrialState.FAIL, started=1060.0, seconds=30.0, reason="out of memory"),
            record(POINTS[2], 2.0, TrialState.PRUNED, started=1060.0, seconds=120.0),
            record(POINTS[3], 2.0, started=1100.0, seconds=200.0, constraints={"size": 1.0}),
        ]
    )
    return study


def test_the_timeline() -> None:
    data = timeline(timed())
    assert data.unit == "minutes"
    assert data.number.tolist() == [8, 9, 10, 11]
    assert data.state == ("complete", "failed", "pruned", "infeasible")
    assert data.begin == pytest.approx([0.0, 1.0, 1.0, 100 / 60])
    assert data.end == pytest.approx([1.0, 1.5, 3.0, 5.0])
    assert data.reason[1] == "out of memory"
    assert data.notes == ("8 trials without a time",)
    assert timeline(timed(), 2).number.tolist() == [10, 11]
    assert timeline(timed(), show_failed=False, show_pruned=False).state == ("complete", "infeasible")
    with pytest.raises(NothingToDrawError, match="none of 8 trials of 'small' has a time"):
        timeline(conditional())
    with pytest.raises(ValueError, match="1 or more"):
        timeline(timed(), 0)


def test_a_running_trial_lasts_until_now(monkeypatch: pytest.MonkeyPatch) -> None:
    study = timed()
    running = study.ask()
    later = study.trials[running.number].started + 10.0
    monkeypatch.setattr(timeline_module.time, "time", lambda: later)
    data = timeline(study)
    assert data.state[-1] == "running"
    assert data.number[-1] == running.number
    assert data.end[-1] == data.end.max()


def test_what_is_left_to_gain() -> None:
    study = many(60, 2)
    data = terminator_improvement(study)
    assert data.number[0] == 20
    assert data.number[-1] == 60
    assert (data.gap >= 0).all()
    assert (data.noise > 0).all()
    assert data.gap[-1] < data.gap[0]
    with pytest.raises(NothingToDrawError, match=r"it takes 20 complete trials .* has 6"):
        terminator_improvement(conditional())
    with pytest.raises(ValueError, match=r"is for one objective; .* has 2"):
        terminator_improvement(many(20, 2, m=2))


def test_a_study_that_grows_while_it_is_drawn() -> None:
    """Another thread tells results, with parameters that are new, between any two steps of making a figure."""
    study = tunesmith.create_study(seed=0, sampler="random")

    def objective(trial: tunesmith.Trial) -> float:
        x = trial.suggest_float(f"x{trial.number // 40}", 0, 1)
        trial.report(x, 0)
        return x

    study.optimize(objective, n_trials=40)
    worker = threading.Thread(target=study.optimize, args=(objective, 400))
    worker.start()
    while worker.is_alive():
        for make in (optimization_history, slices, intermediate_values, timeline, edf):
            make(study)
    worker.join()
    assert len(optimization_history(study).series[0].number) == 440
