"""Successive halving and Hyperband: rungs, who goes on, brackets, and studies with both kinds."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tunesmith as ts
from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.history.curves import Curves, Rung
from tunesmith.pruners import Decision, HyperbandPruner, Pruner, SuccessiveHalvingPruner
from tunesmith.pruners.halving import Halving, steps_before, steps_of
from tunesmith.pruners.hyperband import Bracket, bracket_of
from tunesmith.space import Float, Space
from tunesmith.testing.histories import Course, courses, curves_of

CONTINUE, PAUSE, STOP = Decision.CONTINUE, Decision.PAUSE, Decision.STOP
PAUSED, COMPLETE, PRUNED = TrialState.PAUSED, TrialState.COMPLETE, TrialState.PRUNED
NAN, INF = math.nan, math.inf
SPACE = Space(x=Float(0, 1))


def at_rung(*values: float, step: int = 1) -> Curves:
    """Trials 0, 1, ... that reported one value each, at a step."""
    made = Curves()
    for number, value in enumerate(values):
        made.append(number, step, value)
    return made


# ---------------------------------------------------------------------------------------------------------------- rungs


def test_rungs_by_the_first_one_and_by_the_end() -> None:
    assert steps_of(1, 81, 3, 0) == (1, 3, 9, 27)
    assert steps_of(2, 20, 4, 1) == (8,)
    assert len(steps_of(1, None, 2, 0)) == 63
    assert steps_before(81, 3) == (1, 3, 9, 27)
    assert steps_before(1000, 3) == (12, 37, 111, 333)
    assert steps_before(29, 3) == (1, 3, 10), "the last is not near the end"
    assert steps_before(1, 3) == steps_before(0, 3) == ()
    assert steps_before(2, 2) == (1,)


@given(found=courses(), step=st.integers(0, 7), data=st.data())
def test_a_rung_is_the_same_however_reports_come(found: dict[int, Course], step: int, data: st.DataObject) -> None:
    """Kept up to date, and gathered at the end; with trials that begin anew."""
    reports = [(n, s, v) for n, c in found.items() for s, v in c.reports]
    curves = Curves()
    kept = curves.rung(step)
    for number, s, value in data.draw(st.permutations(reports)):
        curves.append(number, s, value)
    for number in data.draw(st.sets(st.sampled_from(sorted(found)))) if found else ():
        curves.drop(number)
        found.pop(number)
    fresh = Rung(step, None, {n: dict(c.reports) for n, c in found.items()})
    assert kept.best(99) == fresh.best(99)
    assert [kept.value(n) for n in kept.best(99)] == [fresh.value(n) for n in fresh.best(99)]
    for number, course in found.items():
        there = [s for s, _ in course.reports if s >= step]
        assert (number in kept) == bool(there)
        if there:
            value = dict(course.reports)[min(there)]
            assert kept.value(number) == (INF if math.isnan(value) else value)


def test_rungs_that_nobody_asks_for_any_more_do_not_pile_up() -> None:
    curves = at_rung(1.0)
    for step in range(1000):
        assert len(curves.rung(step)) == (step <= 1)
    assert len(curves._rungs) < 200


def test_a_rung_is_gathered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of trials cost a decision no walk through their reports."""
    curves = Curves()
    rng = np.random.default_rng(0)
    for number in range(3000):
        for step in range(1, 10):
            curves.append(number, step, float(rng.random()))
        curves.close(number, COMPLETE)
    gathered: list[int] = []
    made = Rung.__init__
    monkeypatch.setattr(Rung, "__init__", lambda self, *given: (gathered.append(given[0]), made(self, *given))[0])
    pruner, bands = SuccessiveHalvingPruner(1, 3, promotion=False), HyperbandPruner(promotion=False)
    for number in range(3000, 3100):
        for step in range(1, 10):
            curves.append(number, step, float(rng.random()))
            pruner.decide(curves, number, step)
            bands.decide(curves, number, step)
    # Two brackets with the rungs 1 and 3, and 3; and without max_resource a rung at 9, the last step.
    assert sorted(gathered) == [1, 1, 3, 3, 3, 9]


# ------------------------------------------------------------------------------------------------------------- stopping


def test_one_in_eta_goes_on() -> None:
    pruner = SuccessiveHalvingPruner(1, 3, promotion=False)
    curves = at_rung(3.0, 1.0, 2.0, 5.0, 4.0, 0.5)
    found = [pruner.decide(curves, n, 1) for n in range(6)]
    assert found == [STOP, CONTINUE, STOP, STOP, STOP, CONTINUE]


def test_the_first_goes_on_and_then_only_what_is_better() -> None:
    pruner = SuccessiveHalvingPruner(1, 4, promotion=False)
    found = []
    curves = Curves()
    for number, value in enumerate([3.0, 4.0, 2.0, NAN, 2.0]):
        curves.append(number, 1, value)
        found.append(pruner.decide(curves, number, 1))
    assert found == [CONTINUE, STOP, CONTINUE, STOP, CONTINUE]


def test_between_rungs_everything_goes_on() -> None:
    pruner = SuccessiveHalvingPruner(2, 2, promotion=False, max_resource=9)
    curves = Curves()
    for step in range(10):
        curves.append(0, step, 0.0)
    found = []
    for step in range(10):
        curves.append(1, step, 1.0)
        found.append(pruner.decide(curves, 1, step))
    assert [s for s, d in enumerate(found) if d is STOP] == [2, 4, 8]


def test_a_report_that_skips_rungs_is_judged_at_each() -> None:
    curves = Curves()
    for number in range(2):
        curves.append(number, 1, 0.0)
    curves.append(2, 9, 5.0)
    assert SuccessiveHalvingPruner(9, 3, promotion=False).decide(curves, 2, 9) is CONTINUE
    assert SuccessiveHalvingPruner(1, 3, promotion=False).decide(curves, 2, 9) is STOP


def test_auto_waits_for_the_first_complete_trial_and_never_judges_a_first_report() -> None:
    pruner = SuccessiveHalvingPruner(promotion=False)
    for first in (0, 1, 5):
        steps = range(first, 82, 1 if first < 5 else 5)
        curves = Curves()
        for number in range(3):
            for step in steps:
                curves.append(number, step, float(number))
                assert pruner.decide(curves, number, step) is CONTINUE
        curves.close(0, COMPLETE)
        judged = []
        for step in steps:
            curves.append(9, step, 9.0)
            if pruner.decide(curves, 9, step) is STOP:
                judged.append(step)
        assert judged == {0: [1, 3, 9, 27], 1: [3, 9, 27], 5: [10, 30]}[first]


def test_bootstrap() -> None:
    for promotion, said in ((False, STOP), (True, PAUSE)):
        pruner = SuccessiveHalvingPruner(1, 2, 0, 4, promotion=promotion, max_resource=9)
        assert pruner.decide(at_rung(3.0, 2.0, 4.0, 1.0), 3, 1) is said
        assert pruner.decide(at_rung(3.0, 2.0, 4.0, 5.0, 1.0), 4, 1) is CONTINUE


@settings(max_examples=max(10, settings().max_examples // 4), deadline=None)
@given(found=courses(max_trials=7, max_steps=9), eta=st.integers(2, 4), least=st.integers(1, 3), rate=st.integers(0, 1))
def test_as_optuna_decides(found: dict[int, Course], eta: int, least: int, rate: int) -> None:
    """Trial after trial and step after step: the same decisions.

    Except for NaN, which counts as a trial that reached the rung here, and for steps that skip a rung at which the
    trial is stopped: here its value counts at the further ones too.
    """
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study()
    theirs = optuna.pruners.SuccessiveHalvingPruner(least, eta, rate)
    ours = SuccessiveHalvingPruner(least, eta, rate, promotion=False)
    curves = Curves()
    for number, course in found.items():
        trial = study.ask()
        for step, value in enumerate(v for _, v in course.reports if v == v):
            trial.report(value, step)
            curves.append(number, step, value)
            record = study._storage.get_trial(trial._trial_id)
            stops = theirs.prune(study, record)
            assert (ours.decide(curves, number, step) is STOP) == stops
            if stops:
                break


# ------------------------------------------------------------------------------------------------------------ promotion


def history_of(curves: dict[int, dict[int, float]], paused: set[int], complete: set[int] = frozenset()) -> History:  # type: ignore[assignment]
    history = History(SPACE)
    for number, reports in curves.items():
        history.begin(number, SPACE, [0.5])
        for step, value in reports.items():
            history.curves.append(number, step, value)
        if number in paused:
            history.pause(number, SPACE, [0.5])
        elif number in complete:
            history.append(number, COMPLETE, SPACE, [0.5], [0.0])
    return history


def resumed(pruner: Pruner, history: History) -> int | None:
    return pruner.resume(history, np.random.default_rng(0), True)


def test_each_pauses_and_the_best_go_on_when_enough_have_come() -> None:
    pruner = SuccessiveHalvingPruner(1, 3, promotion=True, max_resource=9)
    curves: dict[int, dict[int, float]] = {}
    for number, value in enumerate([2.0, 3.0]):
        curves[number] = {1: value}
        assert pruner.decide(history_of(curves, set()).curves, number, 1) is PAUSE
        assert resumed(pruner, history_of(curves, set(curves))) is None
    curves[2] = {1: 4.0}
    assert pruner.decide(history_of(curves, {0, 1}).curves, 2, 1) is PAUSE
    assert resumed(pruner, history_of(curves, {0, 1, 2})) == 0
    assert pruner.decide(history_of({**curves, 3: {1: 1.0}}, {0, 1, 2}).curves, 3, 1) is CONTINUE, "no need to pause"
    assert pruner.decide(history_of({**curves, 3: {1: NAN}}, {0, 1, 2}).curves, 3, 1) is STOP
    curves[0][3] = 2.0
    assert pruner.decide(history_of(curves, {1, 2}).curves, 0, 3) is PAUSE
    assert resumed(pruner, history_of(curves, {0, 1, 2})) is None


def test_the_highest_rung_comes_first() -> None:
    curves = {n: {1: float(n), 3: float(n)} for n in range(3)} | {n: {1: n / 10} for n in range(3, 9)}
    pruner = SuccessiveHalvingPruner(1, 3, promotion=True, max_resource=9)
    assert resumed(pruner, history_of(curves, set(curves))) == 0
    curves[0][9] = 0.0
    assert resumed(pruner, history_of(curves, set(curves) - {0}, {0})) == 3


def test_who_paused_below_all_rungs_goes_on() -> None:
    """As it may be after another pruner, or when a longer trial moved the rungs."""
    curves = {0: {1: 5.0}, 1: {5: 0.0}}
    assert resumed(SuccessiveHalvingPruner(3, 3, promotion=True, max_resource=99), history_of(curves, {0})) == 0


def test_without_checkpoints_trials_are_stopped() -> None:
    curves = at_rung(1.0, 2.0)
    pruner = SuccessiveHalvingPruner(1, 3, max_resource=9)
    assert pruner.decide(curves, 1, 1) is STOP
    curves.can_resume = True
    assert pruner.decide(curves, 1, 1) is PAUSE


# ------------------------------------------------------------------------------------------------------------ hyperband


@given(budgets=st.lists(st.integers(1, 60), min_size=1, max_size=6).map(tuple), start=st.integers(0, 10**6))
def test_any_stretch_of_numbers_is_shared_out_as_the_budgets_say(budgets: tuple[int, ...], start: int) -> None:
    n = 200
    found = Counter(bracket_of(k, budgets) for k in range(start, start + n))
    for index, budget in enumerate(budgets):
        assert abs(found[index] - n * budget / sum(budgets)) <= 8
    assert all((k in Bracket(bracket_of(k, budgets), budgets)) for k in range(start, start + 9))


def test_budgets_are_those_of_the_paper() -> None:
    assert HyperbandPruner(1, 81, 3).budgets(Curves()) == (81, 34, 15, 8, 5)
    assert HyperbandPruner(1, 81, 4).budgets(Curves())[-1] == 4
    assert HyperbandPruner(9, 5).budgets(Curves()) == ()
    assert HyperbandPruner().budgets(Curves()) == (), "nobody knows how long a trial is"


def test_trials_are_compared_in_their_bracket_alone() -> None:
    pruner = HyperbandPruner(1, 9, 3, promotion=False)
    budgets = pruner.budgets(Curves())
    of = [bracket_of(n, budgets) for n in range(60)]
    curves = Curves()
    for number, bracket in enumerate(of):
        for step in range(1, 4):
            curves.append(number, step, {0: 9.0, 1: 5.0, 2: 1.0}[bracket] + number / 1000)
    for number, bracket in enumerate(of):
        first = of.index(bracket) == number
        steps = {s for s in (1, 3) if Halving((s,), 3, Bracket(bracket, budgets)).decide(curves, number, 3, False)}
        said = pruner.decide(curves, number, 3)
        assert said is (STOP if bracket < 2 and not first and 3 in steps else CONTINUE)


# ----------------------------------------------------------------------------------------------------------- in studies


def train(trial: ts.Trial) -> float:
    """27 steps, saved at each."""
    x = trial.suggest_float("x", 0, 1)
    state = trial.checkpoint_dir / "state.json"
    done = trial.resumed_from_step or 0
    assert not done or json.loads(state.read_text()) == done
    for step in range(done + 1, 28):
        state.write_text(json.dumps(step))
        trial.report(x + 1 / step, step, cost=1.0)
        if trial.should_prune():
            raise ts.TrialPruned
    return x + 1 / 27


PRUNERS = {
    "halving": lambda **given: SuccessiveHalvingPruner(1, 3, max_resource=27, **given),
    "halving-auto": SuccessiveHalvingPruner,
    "hyperband": HyperbandPruner,
}


@pytest.mark.parametrize("name", PRUNERS)
@pytest.mark.parametrize(("promotion", "stored"), [(None, True), (True, False), (False, False)])
def test_a_study(name: str, promotion: bool | None, stored: bool, tmp_path: Path) -> None:
    pruner: Any = PRUNERS[name](promotion=promotion)
    study = ts.create_study(sampler="random", pruner=pruner, seed=0, storage=tmp_path / "tune.db" if stored else None)
    study.optimize(train, n_trials=30)
    states = Counter(t.state for t in study.trials)
    assert states[COMPLETE] >= 1
    if promotion is False:
        assert not states[PAUSED]
        assert states[PRUNED] >= 10
    else:
        assert states[PAUSED] >= 10
        assert not states[PRUNED]
    spent = sum(len(t.intermediate_values) for t in study.trials)
    assert spent < 0.6 * 30 * 27
    assert study.best_trial.params["x"] <= sorted(t.params["x"] for t in study.trials)[3]
    for t in study.trials:
        assert list(t.intermediate_values) == list(range(1, len(t.intermediate_values) + 1))


def test_arguments() -> None:
    for make in (SuccessiveHalvingPruner, HyperbandPruner):
        with pytest.raises(ValueError, match="reduction_factor must be at least 2; got 1"):
            make(reduction_factor=1)
        with pytest.raises(ValueError, match="min_resource must be at least 1; got 0"):
            make(min_resource=0)
        with pytest.raises(TypeError, match="promotion must be True, False or None; got 'yes'"):
            make(promotion="yes")  # type: ignore[arg-type]  # that is the mistake
    with pytest.raises(ValueError, match=r"min_resource must be a whole number or \"auto\"; got 'some'"):
        SuccessiveHalvingPruner("some")  # type: ignore[arg-type]  # that is the mistake
    with pytest.raises(ValueError, match="max_resource"):
        HyperbandPruner(max_resource=0)
    with pytest.raises(TypeError, match="max_resource"):
        SuccessiveHalvingPruner(max_resource=2.5)  # type: ignore[arg-type]  # that is the mistake


@given(found=courses(max_steps=9))
def test_pausing_and_stopping_agree_on_who_is_best(found: dict[int, Course]) -> None:
    """Who goes on with promotion would go on without."""
    curves = curves_of(found)
    for number, course in found.items():
        for step, _ in course.reports:
            paused = SuccessiveHalvingPruner(1, 2, promotion=True, max_resource=9).decide(curves, number, step)
            stopped = SuccessiveHalvingPruner(1, 2, promotion=False, max_resource=9).decide(curves, number, step)
            assert (paused is STOP) <= (stopped is STOP)
            assert (paused is CONTINUE) <= (stopped is CONTINUE)
