"""The rules that look at one trial, or at it beside a few others: percentile, patience, thresholds, the paired test."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tunesmith as ts
from tunesmith.foundation.states import TrialState
from tunesmith.history.curves import Curves
from tunesmith.pruners import (
    Decision,
    MedianPruner,
    PatientPruner,
    PercentilePruner,
    Pruner,
    SuccessiveHalvingPruner,
    ThresholdPruner,
    WilcoxonPruner,
)
from tunesmith.testing.histories import Course, courses, curves_of

STOP, CONTINUE = Decision.STOP, Decision.CONTINUE
NAN, INF = math.nan, math.inf
few = settings(max_examples=max(10, settings().max_examples // 4), deadline=None)


def curves(*complete: list[float]) -> Curves:
    """Curves of complete trials with values at the steps 0, 1, ...; numbers from 0."""
    made = Curves()
    for number, values in enumerate(complete):
        for step, value in enumerate(values):
            made.append(number, step, value)
        made.close(number, TrialState.COMPLETE)
    return made


def after(pruner: Pruner, made: Curves, *values: float) -> Decision:
    """Let a new trial report values at the steps 0, 1, ...; the decision after the last one."""
    number = 1 + max(made.numbers, default=-1)
    for step, value in enumerate(values):
        made.append(number, step, value)
    return pruner.decide(made, number, len(values) - 1)


# --------------------------------------------------------------------------------------------------------- percentile


def test_so_many_percent_of_the_best_go_on() -> None:
    made = curves(*[[float(k)] for k in range(101)])
    for percent in (0, 10, 25, 50, 99.5, 100):
        pruner = PercentilePruner(percent)
        assert after(pruner, made, float(percent)) is CONTINUE
        assert after(pruner, made, percent + 0.01) is (STOP if percent < 100 else CONTINUE) or percent == 100


@given(found=courses())
def test_the_median_is_the_half_and_a_lower_percentile_stops_more(found: dict[int, Course]) -> None:
    made = curves_of(found)
    for number, course in found.items():
        for step, _ in course.reports:
            said = [PercentilePruner(p, 0).decide(made, number, step) for p in (0, 30, 50, 80, 100)]
            assert said == sorted(said, reverse=True)
            assert said[2] is MedianPruner(0).decide(made, number, step)


def test_the_percentile_of_infinities() -> None:
    assert after(PercentilePruner(25, 0), curves([-INF], [INF]), 5.0) is CONTINUE
    assert after(PercentilePruner(25, 0), curves([-INF], [-INF], [INF]), 5.0) is STOP
    assert after(PercentilePruner(75, 0), curves([1.5e308], [1.7e308]), 1.69e308) is STOP


# ----------------------------------------------------------------------------------------------------------- patience


def test_a_trial_that_becomes_no_better_is_stopped() -> None:
    for patience in (0, 1, 4):
        made = curves()
        said = [after(PatientPruner(None, patience), made, *[1.0, 0.5, *[0.7] * k]) for k in range(8)]
        assert [k for k, d in enumerate(said) if d is STOP] == list(range(patience + 1, 8))


def test_as_good_is_good_enough_and_so_is_a_little_worse() -> None:
    assert after(PatientPruner(None, 1), curves(), 1.0, 1.0, 1.0, 1.0) is CONTINUE
    assert after(PatientPruner(None, 0, 0.5), curves(), 1.0, 1.5) is CONTINUE
    assert after(PatientPruner(None, 0, 0.5), curves(), 1.0, 1.6) is STOP


def test_nan_is_never_good() -> None:
    assert after(PatientPruner(None, 1), curves(), 1.0, NAN, NAN) is STOP
    assert after(PatientPruner(None, 1), curves(), NAN, NAN, NAN) is STOP
    assert after(PatientPruner(None, 1), curves(), NAN, NAN, 5.0) is CONTINUE


def test_then_the_wrapped_pruner_decides() -> None:
    made = curves(*[[0.0] * 4] * 3)
    assert after(PatientPruner(MedianPruner(0), 1), made, 3.0, 2.0, 1.0) is CONTINUE
    assert after(PatientPruner(MedianPruner(0), 1), made, 1.0, 2.0, 3.0) is STOP
    assert after(PatientPruner(MedianPruner(9), 1), made, 1.0, 2.0, 3.0) is CONTINUE
    assert PatientPruner(SuccessiveHalvingPruner(), 1).resumes
    assert not PatientPruner(MedianPruner(), 1).resumes
    with pytest.raises(TypeError, match="wrapped_pruner must be a pruner or None; got 'median'"):
        PatientPruner("median", 1)  # type: ignore[arg-type]  # that is the mistake


# --------------------------------------------------------------------------------------------------------- thresholds


def test_limits() -> None:
    pruner = ThresholdPruner(-1.0, 2.0)
    said = [after(pruner, curves(), v) for v in (-1.1, -1.0, 0.0, 2.0, 2.1, NAN, INF, -INF)]
    assert said == [STOP, CONTINUE, CONTINUE, CONTINUE, STOP, STOP, STOP, STOP]
    assert [after(ThresholdPruner(), curves(), v) for v in (1e300, INF, NAN)] == [CONTINUE, CONTINUE, STOP]
    assert after(ThresholdPruner(upper=1.0, n_warmup_steps=1), curves(), 9.0) is CONTINUE
    assert after(ThresholdPruner(upper=1.0, n_warmup_steps=1), curves(), 9.0, 9.0) is STOP
    for wrong in ({"lower": 2.0, "upper": 1.0}, {"lower": NAN}):
        with pytest.raises(ValueError, match="lower must"):
            ThresholdPruner(**wrong)
    with pytest.raises(TypeError, match="upper must be a number"):
        ThresholdPruner(upper="1 GB")  # type: ignore[arg-type]  # that is the mistake


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_limits_are_those_of_the_objective_in_both_directions(direction: str, tmp_path: Any) -> None:
    def objective(trial: ts.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        for step in range(3):
            trial.report(x, step)
            if trial.should_prune():
                raise ts.TrialPruned
        return x

    pruner = ThresholdPruner(0.2, 0.7)
    study = ts.create_study(direction=direction, sampler="random", pruner=pruner, seed=0, storage=tmp_path / "t.db")
    study.optimize(objective, n_trials=10)
    again = ts.load_study(study_name=study.study_name, storage=tmp_path / "t.db", sampler="random", pruner=pruner)
    again.optimize(objective, n_trials=10)
    assert {t.state for t in again.trials} == {TrialState.PRUNED, TrialState.COMPLETE}
    for t in again.trials:
        assert (t.state is TrialState.COMPLETE) == (0.2 <= t.params["x"] <= 0.7)


# ----------------------------------------------------------------------------------------------------- the paired test


def test_worse_on_the_same_instances_stops_whatever_instances_are_like() -> None:
    hard = [float(10**k) for k in range(8)]
    pruner = WilcoxonPruner(0.1)
    made = curves(hard, [2 * v for v in hard])
    assert after(pruner, made, *[v + 0.1 for v in hard[:3]]) is CONTINUE, "too few to tell"
    assert after(pruner, made, *[v + 0.1 for v in hard[:4]]) is STOP
    assert after(pruner, made, *[v - 0.1 for v in hard]) is CONTINUE
    assert after(pruner, made, *hard) is CONTINUE
    assert after(WilcoxonPruner(0.1, 6), made, *[v + 0.1 for v in hard[:5]]) is CONTINUE
    assert after(pruner, curves(), *hard) is CONTINUE


def test_instances_without_a_finite_value_are_left_out() -> None:
    made = curves([1.0] * 8)
    assert after(WilcoxonPruner(0.1), made, *[NAN] * 8) is CONTINUE
    assert after(WilcoxonPruner(0.1), made, 2.0, NAN, 3.0, INF, 4.0, 5.0) is STOP


def test_one_that_is_better_on_average_goes_on() -> None:
    assert after(WilcoxonPruner(0.4), curves([1.0] * 8), *[1.1] * 7, -9.0) is CONTINUE


def test_the_best_is_known_without_a_walk_through_all() -> None:
    made = curves([5.0, 1.0], [2.0, 2.0], [NAN, 0.0], [INF, 0.0], [-INF, INF])
    assert made.ends.best_on_average == 1
    made.append(0, 2, -9.0)  # read after its end
    assert made.ends.best_on_average == 0
    assert (made.ends.first, made.ends.last, made.ends.numbers) == (0, 2, [0, 1, 2, 3, 4])


# ----------------------------------------------------------------------------------------------------- against Optuna


def _theirs(found: dict[int, Course], make: Callable[[Any], Any]) -> Callable[[int], bool]:
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study()
    records: dict[int, Any] = {}
    for number, course in found.items():
        complete = course.state is TrialState.COMPLETE
        records[number] = optuna.trial.create_trial(
            state=optuna.trial.TrialState[course.state.name],
            value=math.fsum(v for _, v in course.reports if math.isfinite(v)) / 8 if complete else None,
            intermediate_values=dict(course.reports),
        )
        study.add_trial(records[number])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        pruner = make(optuna.pruners)

    def stops(number: int) -> bool:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bool(pruner.prune(study, records[number]))

    return stops


def _only(found: dict[int, Course], good: Callable[[float], bool]) -> dict[int, Course]:
    kept = {n: Course(tuple(r for r in c.reports if good(r[1])), c.state, 0) for n, c in found.items()}
    return {n: c for n, c in kept.items() if c.reports}


@few
@given(found=courses(), percentile=st.sampled_from([0, 10, 25, 50, 90, 100]), least=st.integers(1, 3))
def test_percentile_as_in_optuna(found: dict[int, Course], percentile: int, least: int) -> None:
    found = _only(found, math.isfinite)
    stops = _theirs(found, lambda p: p.PercentilePruner(percentile, 1, 1, 2, n_min_trials=least))
    made = curves_of(found)
    for number, course in found.items():
        said = PercentilePruner(percentile, 1, 1, 2, n_min_trials=least).decide(made, number, max(dict(course.reports)))
        assert (said is STOP) == stops(number)


@few
@given(found=courses(), lower=st.floats(-5, 5), width=st.floats(0, 9))
def test_thresholds_as_in_optuna(found: dict[int, Course], lower: float, width: float) -> None:
    found = _only(found, lambda v: v == v)
    stops = _theirs(found, lambda p: p.ThresholdPruner(lower, lower + width, 1, 2))
    made = curves_of(found)
    for number, course in found.items():
        said = ThresholdPruner(lower, lower + width, 1, 2).decide(made, number, max(dict(course.reports)))
        assert (said is STOP) == stops(number)


@few
@given(found=courses(), patience=st.integers(0, 3), delta=st.sampled_from([0.0, 0.5]))
def test_patience_as_in_optuna(found: dict[int, Course], patience: int, delta: float) -> None:
    found = _only(found, math.isfinite)
    stops = _theirs(found, lambda p: p.PatientPruner(None, patience, delta))
    made = curves_of(found)
    for number, course in found.items():
        said = PatientPruner(None, patience, delta).decide(made, number, max(dict(course.reports)))
        assert (said is STOP) == stops(number)


@few
@given(
    means=st.lists(st.floats(0, 1), min_size=2, max_size=4, unique=True),
    noise=st.lists(st.floats(-1, 1), min_size=40, max_size=40),
    startup=st.integers(0, 4),
)
def test_the_paired_test_as_in_optuna(means: list[float], noise: list[float], startup: int) -> None:
    found = {}
    for number, mean in enumerate(means):
        last = number == len(means) - 1
        values = [mean + noise[8 * number + k] for k in range(5 if last else 8)]
        found[number] = Course(tuple(enumerate(values)), TrialState.RUNNING if last else TrialState.COMPLETE, 0)
    stops = _theirs(found, lambda p: p.WilcoxonPruner(p_threshold=0.2, n_startup_steps=startup))
    last = len(means) - 1
    made = curves_of(found)
    best = made.ends.best_on_average
    assert best is not None
    (_, mine), (_, theirs) = made.of(last), made.of(best)
    # Optuna lets a trial go on by its mean over some instances beside the best one's over all; here both are over some.
    if (np.mean(mine) > np.mean(theirs)) == (np.mean(mine) > np.mean(theirs[:5])):
        assert (WilcoxonPruner(0.2, startup).decide(made, last, 4) is STOP) == stops(last)
