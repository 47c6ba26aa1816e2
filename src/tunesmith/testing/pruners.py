"""The laws of pruners, as a pytest class to derive from."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from contextlib import suppress
from operator import le
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.history.costs import START, CostClass
from tunesmith.history.curves import Curves
from tunesmith.pruners.base import Decision, Pruner
from tunesmith.space import Float, Space
from tunesmith.study import create_study
from tunesmith.testing.conformance import Conformance
from tunesmith.testing.histories import Course, courses, curves_of


def _dense() -> st.SearchStrategy[dict[int, Course]]:
    """Curves of two objectives that report each step from 0 on, so that trials are compared at the same one."""
    value = st.integers(0, 4).map(float)
    course = st.builds(
        Course,
        reports=st.lists(st.tuples(value, value), min_size=1, max_size=6).map(lambda v: tuple(enumerate(v))),
        state=st.sampled_from([TrialState.COMPLETE, TrialState.COMPLETE, TrialState.RUNNING, TrialState.PRUNED]),
        late=st.just(0),
    )
    return st.lists(course, min_size=1, max_size=12).map(lambda found: dict(enumerate(found)))


# Each law runs for every pruner; the fixtures only hand out a function, so it does no harm that examples share them.
laws = settings(
    max_examples=max(10, settings().max_examples // 2),
    suppress_health_check=[*HealthCheck],
)


class PrunerConformance(Conformance):
    """Derive from it and give the fixture `make_pruner`; each test is one law.

    Example::

        class TestMyPruner(PrunerConformance):
            @pytest.fixture
            def make_pruner(self):
                return MyPruner
    """

    @pytest.fixture
    def make_pruner(self) -> Callable[[], Pruner]:
        """Return a function that makes a new pruner; all that it makes are alike."""
        raise NotImplementedError("give the fixture make_pruner, a function that makes the pruner under test")

    @pytest.fixture
    def compares(self) -> bool:
        """Return whether it stops a trial for others that are better; override it where the rule is another one."""
        return True

    def test_it_says_continue_where_nothing_is_known(self, make_pruner: Callable[[], Pruner]) -> None:
        """No curves, no stop."""
        pruner = make_pruner()
        for row, step in [(0, 0), (3, 17)]:
            for objectives in _objectives(pruner):
                decision = pruner.decide(Curves(objectives), row, step)
                assert decision is Decision.CONTINUE, f"without any curve it says {decision}"

    def test_it_says_for_how_many_objectives_it_is(self, make_pruner: Callable[[], Pruner]) -> None:
        """A study takes it or refuses it, before any trial."""
        able = _objectives(make_pruner())
        assert able, "`check_objectives` refuses one objective and two"
        for m in (1, 2):
            if m in able:
                create_study(directions=["minimize"] * m, pruner=make_pruner())
            else:
                with pytest.raises(ValueError, match="objective"):
                    create_study(directions=["minimize"] * m, pruner=make_pruner())

    @laws
    @given(found=_dense())
    def test_it_stops_no_trial_on_the_front(
        self, make_pruner: Callable[[], Pruner], compares: bool, found: dict[int, Course]
    ) -> None:
        """With several objectives, a trial that no other one dominates at its step goes on, or may later."""
        if not compares or 2 not in _objectives(make_pruner()):
            return
        curves = curves_of(found)
        for row, step in _last_reports(found):
            own = _reports_of(found[row])[step]
            others = [there[step] for n, course in found.items() if n != row and step in (there := _reports_of(course))]
            if not any(all(map(le, other, own)) and other != own for other in others):
                decision = make_pruner().decide(curves, row, step)
                assert decision is not Decision.STOP, f"trial {row} was stopped, and no other one dominates it"

    @laws
    @given(data=st.data())
    def test_it_is_pure(self, make_pruner: Callable[[], Pruner], data: st.DataObject) -> None:
        """The same curves give the same decision, by any object, and are not changed; nothing makes it raise."""
        found = _drawn_courses(data, make_pruner())
        curves = curves_of(found)
        before = _curves_digest(curves)
        pruner = make_pruner()
        for row, step in _last_reports(found):
            decision = pruner.decide(curves, row, step)
            assert isinstance(decision, Decision), f"a decision is a Decision; got {decision!r}"
            for asked in (pruner, make_pruner(), pickle.loads(pickle.dumps(pruner))):
                again = asked.decide(curves, row, step)
                assert again is decision, f"trial {row} at step {step}: {decision}, and then {again}"
        assert _curves_digest(curves) == before, "it changed the curves"

    @laws
    @given(data=st.data())
    def test_the_order_of_trials_makes_no_difference(
        self, make_pruner: Callable[[], Pruner], data: st.DataObject
    ) -> None:
        """Which trial's reports are read first depends on the workers; the decision must not."""
        found = _drawn_courses(data, make_pruner())
        order = data.draw(st.permutations(sorted(found)))
        for row, step in _last_reports(found):
            decision = make_pruner().decide(curves_of(found), row, step)
            again = make_pruner().decide(curves_of(found, order), row, step)
            assert again is decision, f"trial {row}: {decision}, and {again} where trials are read in another order"

    @laws
    @given(data=st.data(), steps=st.integers(0, 9), seed=st.integers(0, 2**32))
    def test_what_goes_on_is_paused(
        self, make_pruner: Callable[[], Pruner], data: st.DataObject, steps: int, seed: int
    ) -> None:
        """``resume`` returns a paused trial or none, the same for the same history, and changes nothing."""
        found = _drawn_courses(data, make_pruner())
        m = curves_of(found).objectives
        space = Space(x=Float(0, 1))
        history = History(space, m)
        for number, course in found.items():
            x = [number / (1 + len(found))]
            history.begin(number, space, x)
            for step, value in course.reports:
                history.curves.append(number, step, value, 1.0)
            if course.state is TrialState.RUNNING and number % 3:
                history.pause(number, space, x)
            elif course.state is not TrialState.RUNNING:
                complete = course.state is TrialState.COMPLETE
                history.append(number, course.state, space, x, [float(number)] * m if complete else None)
        history.curves.can_resume = bool(steps % 2)
        before = _curves_digest(history.curves)
        for may_begin in (True, False):
            chosen = make_pruner().resume(history, np.random.default_rng(seed), may_begin)
            assert chosen is None or chosen in history.paused, f"trial {chosen} is to go on, and is not paused"
            again = make_pruner().resume(history, np.random.default_rng(seed), may_begin)
            assert again == chosen, f"with one history it lets trial {chosen} go on, and then trial {again}"
        assert _curves_digest(history.curves) == before, "it changed the curves"

    @laws
    @given(data=st.data(), start=st.sampled_from([None, *CostClass]), seconds=st.floats(0.0, 1e6))
    def test_measured_seconds_make_no_difference(
        self, make_pruner: Callable[[], Pruner], data: st.DataObject, start: CostClass | None, seconds: float
    ) -> None:
        """What was measured differs from run to run; of it a pruner knows what the study found out once."""
        found = _drawn_courses(data, make_pruner())
        m = curves_of(found).objectives
        space = Space(x=Float(0, 1))
        decisions: list[list[Any]] = []
        for cost in (1.0, seconds):
            history = History(space, m)
            history.classes = {} if start is None else {START: start}
            for number, course in found.items():
                history.begin(number, space, [number / (1 + len(found))])
                for k, (step, value) in enumerate(course.reports):
                    history.curves.append(number, step, value, cost * (1 + k % 3))
                if course.state is TrialState.RUNNING and number % 3:
                    history.pause(number, space, [number / (1 + len(found))])
                elif course.state is not TrialState.RUNNING:
                    complete = course.state is TrialState.COMPLETE
                    y = [float(number)] * m if complete else None
                    history.append(number, course.state, space, [number / (1 + len(found))], y, cost=cost)
            history.curves.can_resume = True
            pruner, rng = make_pruner(), np.random.default_rng(0)
            decisions.append([pruner.resume(history, rng, may_begin) for may_begin in (True, False)])
            for number, step in _last_reports(found):
                decision = pruner.decide(history.curves, number, step)
                goes_on = decision is Decision.PAUSE and number in history.running and pruner.goes_on(history, number)
                decisions[-1] += [decision, goes_on]
        assert decisions[0] == decisions[1], "decisions differ with the measured seconds of steps"


def _objectives(pruner: Pruner) -> list[int]:
    """Return for how many objectives it is tested: one, two or both."""
    able = []
    for m in (1, 2):
        with suppress(ValueError):
            pruner.check_objectives(m)
            able.append(m)
    return able


def _drawn_courses(data: st.DataObject, pruner: Pruner) -> dict[int, Course]:
    return data.draw(st.sampled_from(_objectives(pruner)).flatmap(lambda m: courses(objectives=m)))


def _reports_of(course: Course) -> dict[int, Any]:
    return dict(course.reports)


def _last_reports(found: dict[int, Course]) -> list[tuple[int, int]]:
    return [(number, course.reports[-1][0]) for number, course in found.items() if course.reports]


def _curves_digest(curves: Curves) -> list[Any]:
    states = [(number, curves.state(number)) for number in curves.numbers]
    reports = [a.tobytes() for number in curves.numbers for a in curves.of(number)]
    return [reports, states, len(curves), curves.n_complete]
