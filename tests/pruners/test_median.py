"""The median rule, by example, against Optuna's, and in a study."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tunesmith as ts
from tunesmith import TrialState
from tunesmith.history.curves import Curves
from tunesmith.pruners import MedianPruner, NopPruner
from tunesmith.pruners.base import Decision
from tunesmith.testing.histories import Course, courses, curves_of

STOP, CONTINUE = Decision.STOP, Decision.CONTINUE
NAN, INF = math.nan, math.inf


def curves(*complete: list[float], state: TrialState = TrialState.COMPLETE) -> Curves:
    """Curves of finished trials with values at the steps 0, 1, ...; numbers from 0."""
    made = Curves()
    for number, values in enumerate(complete):
        for step, value in enumerate(values):
            made.append(number, step, value)
        made.close(number, state)
    return made


def decide(pruner: MedianPruner, made: Curves, *values: float, steps: list[int] | None = None) -> Decision:
    """Let a new trial report some values; the decision after the last one."""
    steps = list(range(len(values))) if steps is None else steps
    for step, value in zip(steps, values, strict=True):
        made.append(99, step, value)
    return pruner.decide(made, 99, steps[-1])


# ---------------------------------------------------------------------------------------------------------- by example


def test_worse_than_the_median_stops() -> None:
    pruner = MedianPruner(0)
    assert decide(pruner, curves([1], [2], [3]), 2.5) is STOP
    assert decide(pruner, curves([1], [2], [3]), 2.0) is CONTINUE
    assert decide(pruner, curves([1], [2], [3], [4]), 2.6) is STOP
    assert decide(pruner, curves([1], [2], [3], [4]), 2.5) is CONTINUE


def test_the_best_value_so_far_counts_and_the_others_values_at_that_step() -> None:
    pruner = MedianPruner(0)
    assert decide(pruner, curves([9, 2], [9, 3]), 1.0, 50.0) is CONTINUE
    assert decide(pruner, curves([0, 9], [0, 9]), 5.0, 8.0) is CONTINUE
    assert decide(pruner, curves([9, 2], [9, 3]), 5.0, 4.0) is STOP


def test_only_complete_trials_count() -> None:
    for state in (TrialState.PRUNED, TrialState.FAIL):
        made = curves([1], [1], [1], state=state)
        assert decide(MedianPruner(0), made, 9.0) is CONTINUE
    made = Curves()
    made.append(0, 0, 1.0)  # still running
    assert decide(MedianPruner(0), made, 9.0) is CONTINUE


def test_startup() -> None:
    assert decide(MedianPruner(3), curves([1], [1]), 9.0) is CONTINUE
    assert decide(MedianPruner(3), curves([1], [1], [1]), 9.0) is STOP
    assert decide(MedianPruner(), curves(*[[1]] * 4), 9.0) is CONTINUE
    assert decide(MedianPruner(), curves(*[[1]] * 5), 9.0) is STOP


def test_warmup() -> None:
    made = curves([1, 1, 1, 1])
    pruner = MedianPruner(0, 2)
    assert [decide(pruner, made, 9.0, steps=[s]) for s in range(4)] == [CONTINUE, CONTINUE, STOP, STOP]


def test_interval() -> None:
    made = curves([1] * 12)
    pruner = MedianPruner(0, 1, 3)
    found = [decide(pruner, made, 9.0, steps=[s]) for s in range(12)]
    assert [s for s, d in enumerate(found) if d is STOP] == [1, 4, 7, 10]


def test_an_interval_whose_first_step_has_no_report_is_looked_at_later() -> None:
    made = curves([1] * 12)
    pruner = MedianPruner(0, 0, 4)
    found = {s: decide(pruner, made, 9.0, steps=[s]) for s in (0, 1, 6, 7, 9)}
    assert [s for s, d in found.items() if d is STOP] == [0, 6, 9]


def test_enough_trials_at_the_step() -> None:
    made = curves([1, 1, 1], [1, 1], [1])
    assert decide(MedianPruner(0, n_min_trials=2), made, 9.0, steps=[1]) is STOP
    assert decide(MedianPruner(0, n_min_trials=2), made, 9.0, steps=[2]) is CONTINUE
    assert decide(MedianPruner(0), made, 9.0, steps=[7]) is CONTINUE


def test_nan() -> None:
    assert decide(MedianPruner(0), curves([1], [1]), NAN) is STOP
    assert decide(MedianPruner(5), curves([1], [1]), NAN) is CONTINUE
    assert decide(MedianPruner(0), curves([1, 1], [1, 1]), NAN, 0.5) is CONTINUE
    assert decide(MedianPruner(0), curves([NAN], [NAN]), 5.0) is CONTINUE
    assert decide(MedianPruner(0), curves([NAN], [1], [NAN]), 5.0) is STOP
    assert decide(MedianPruner(0, n_min_trials=2), curves([NAN], [1], [NAN]), 5.0) is CONTINUE


def test_infinities() -> None:
    assert decide(MedianPruner(0), curves([INF], [INF]), 1e300) is CONTINUE
    assert decide(MedianPruner(0), curves([1.0], [2.0]), INF) is STOP
    assert decide(MedianPruner(0), curves([-INF], [INF]), 0.0) is CONTINUE
    assert decide(MedianPruner(0), curves([1.5e308], [1.7e308]), 1.65e308) is STOP


def test_reports_that_are_read_after_the_end_count() -> None:
    made = Curves()
    made.append(0, 0, 1.0)
    made.close(0, TrialState.COMPLETE)
    made.append(0, 1, 2.0)
    made.append(0, 1, 9.0)
    made.close(0, TrialState.COMPLETE)
    assert (list(made.complete_at(0)), list(made.complete_at(1)), made.n_complete) == ([1.0], [2.0], 1)


def test_a_trial_that_is_run_again_begins_without_reports() -> None:
    made = curves([1])
    made.append(1, 0, 5.0)
    made.drop(1)
    assert made.numbers == [0]
    made.drop(0)
    assert made.numbers == [0], "what is finished stays"


def test_arguments() -> None:
    with pytest.raises(ValueError, match="n_startup_trials must be at least 0; got -1"):
        MedianPruner(-1)
    with pytest.raises(ValueError, match="interval_steps must be at least 1; got 0"):
        MedianPruner(interval_steps=0)
    with pytest.raises(ValueError, match="n_min_trials must be at least 1"):
        MedianPruner(n_min_trials=0)
    with pytest.raises(TypeError, match=r"n_warmup_steps must be a whole number; got 2\.5"):
        MedianPruner(n_warmup_steps=2.5)  # type: ignore[arg-type]  # that is the mistake


def test_no_pruner_never_stops() -> None:
    made = curves([1], [1], [1])
    made.append(99, 0, NAN)
    assert NopPruner().decide(made, 99, 0) is CONTINUE


# ------------------------------------------------------------------------------------------------------ against Optuna


@given(
    found=courses(max_trials=7, max_steps=5),
    startup=st.integers(0, 3),
    warmup=st.integers(0, 3),
    interval=st.integers(1, 3),
)
def test_as_optuna_decides(found: dict[int, Course], startup: int, warmup: int, interval: int) -> None:
    """The same decision on the same curves; infinities left out, which Optuna takes the mean of, and so for NaN."""
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    found = {
        n: Course(tuple((s, v) for s, v in c.reports if not math.isinf(v)), c.state, 0)
        for n, c in found.items()
        if not all(math.isinf(v) for _, v in c.reports)
    }
    states = {
        TrialState.COMPLETE: optuna.trial.TrialState.COMPLETE,
        TrialState.PRUNED: optuna.trial.TrialState.PRUNED,
        TrialState.FAIL: optuna.trial.TrialState.FAIL,
        TrialState.RUNNING: optuna.trial.TrialState.RUNNING,
    }
    study = optuna.create_study()
    theirs = {}
    for number, course in found.items():
        complete = course.state is TrialState.COMPLETE
        theirs[number] = optuna.trial.create_trial(
            state=states[course.state], value=0.0 if complete else None, intermediate_values=dict(course.reports)
        )
        study.add_trial(theirs[number])
    ours = MedianPruner(startup, warmup, interval)
    peer = optuna.pruners.MedianPruner(startup, warmup, interval)
    made = curves_of(found)
    for number, course in found.items():
        last = max(step for step, _ in course.reports)  # Optuna judges the highest step
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy's, about slices of NaN
            expected = peer.prune(study, theirs[number])
        assert (ours.decide(made, number, last) is STOP) == expected


# ---------------------------------------------------------------------------------------------------------- in a study


def history_of_pruning(direction: str) -> list[tuple[str, int]]:
    sign = 1.0 if direction == "minimize" else -1.0

    def objective(trial: ts.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        for step in range(10):
            trial.report(sign * (x + 1 / (step + 1)), step)
            if trial.should_prune():
                raise ts.TrialPruned
        return sign * x

    study = ts.create_study(direction=direction, sampler="random", pruner=MedianPruner(3), seed=1)
    study.optimize(objective, n_trials=40)
    return [(t.state.name, len(t.intermediate_values)) for t in study.trials]


def test_both_directions_prune_alike_and_only_what_is_worse() -> None:
    found = history_of_pruning("minimize")
    assert found == history_of_pruning("maximize")
    assert all(state == "COMPLETE" for state, _ in found[:3])
    pruned = sum(state == "PRUNED" for state, _ in found)
    assert 10 <= pruned <= 35


def test_ten_thousand_trials_cost_a_decision_no_walk_through_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the trial's own curve is gathered; the others' values at the step stand in order already."""
    made = Curves()
    rng = np.random.default_rng(0)
    for number in range(10_000):
        for step in range(5):
            made.append(number, step, float(rng.random()))
        made.close(number, TrialState.COMPLETE)
    gathered: list[int] = []
    of = Curves.of
    monkeypatch.setattr(Curves, "of", lambda self, number: (gathered.append(number), of(self, number))[1])
    made.append(10_000, 0, 0.51)
    assert MedianPruner().decide(made, 10_000, 0) is STOP
    made.append(10_001, 0, 0.49)
    assert MedianPruner().decide(made, 10_001, 0) is CONTINUE
    assert gathered == [10_000, 10_001]
