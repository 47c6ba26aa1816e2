"""The laws of executors, as a pytest class to derive from."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import pytest

from tunesmith.errors import TrialPruned
from tunesmith.executors.base import Executor, Failed, Finished
from tunesmith.space import Categorical, Float, Space
from tunesmith.trial import Channel, Proposals, Trial

LIMIT = 120.0  # seconds after which an executor is taken to hang, also on a busy machine


class MakeExecutor(Protocol):
    """Makes an executor that may run up to `jobs` objectives at once."""

    def __call__(self, objective: Callable[[Trial], Any], channel: Channel, jobs: int) -> Executor:
        """Return a new executor."""


class Recorder:
    """The study's side of the channel: records what is reported, and prunes from a step on."""

    def __init__(self, prune_from: int | None = None) -> None:
        self.prune_from = prune_from
        self.reports: list[tuple[int, int, float]] = []
        self.notes: list[tuple[int, int, str, Any]] = []
        self.asked: list[tuple[int, int]] = []
        self.threads: set[int] = set()

    def note(self, number: int, attempt: int, key: str, value: Any) -> bool:
        """Record a user attribute."""
        self.threads.add(threading.get_ident())
        self.notes.append((number, attempt, key, value))
        return True

    def report(self, number: int, attempt: int, step: int, value: float) -> bool:
        """Record a report; NaN raises, to see whether an error gets through."""
        self.threads.add(threading.get_ident())
        if math.isnan(value):
            raise RuntimeError(f"NaN at step {step}")
        self.reports.append((number, step, value))
        return True

    def should_prune(self, number: int, step: int) -> bool:
        """Say yes from the step `prune_from` on."""
        self.threads.add(threading.get_ident())
        self.asked.append((number, step))
        return self.prune_from is not None and step >= self.prune_from


# Objectives stand at the top of this module, so that any executor can send them to wherever it runs them.


def suggest(trial: Trial) -> float:
    """Use a proposal, a name that was not proposed, and attributes of every kind."""
    x = trial.suggest_float("x", 0, 1)
    kind = trial.suggest_categorical("kind", ["a", None, 1])
    new = trial.suggest_int("new", 1, 9)
    trial.set_user_attr("kind", str(kind))
    trial.set_constraint("c", new - 5)
    return x + new


def learn(trial: Trial) -> float:
    """Report ten steps, unless pruned."""
    for step in range(10):
        trial.report(step / 2, step)
        if trial.should_prune():
            raise TrialPruned(f"at {step}")
    return 9.0


def report_nan(trial: Trial) -> float:
    """Report what the recorder refuses, and never ask whether to prune."""
    trial.report(math.nan, 3)
    return 1.0


def fail(trial: Trial) -> float:
    """Raise."""
    raise LookupError(f"nothing for {trial.number}")


def leave(trial: Trial) -> float:
    """Raise an exception that is no `Exception`."""
    raise SystemExit(trial.number)


def echo(trial: Trial) -> Any:
    """Return results that are no values, by number; the study checks them."""
    return [None, "text", math.nan, (1.0, 2.0), {"loss": 1.0}, True][trial.number]


def wait_for_file(trial: Trial) -> float:
    """Run until the file appears whose name the trial notes."""
    path = str(trial.user_attrs["path"])
    end = time.monotonic() + LIMIT
    while not os.path.exists(path) and time.monotonic() < end:
        time.sleep(0.01)
    return 1.0


class ExecutorConformance:
    """Derive from it and give the fixture `make_executor`; each test is one law.

    Example::

        class TestMyExecutor(ExecutorConformance):
            @pytest.fixture
            def make_executor(self):
                return MyExecutor  # called with (objective, channel, jobs)
    """

    @pytest.fixture
    def make_executor(self) -> MakeExecutor:
        """Return a function of (objective, channel, jobs) that makes the executor under test."""
        raise NotImplementedError("give the fixture make_executor, a function that makes the executor under test")

    def test_a_value_is_returned_with_all_that_the_trial_recorded(self, make_executor: MakeExecutor) -> None:
        """The trial that is returned has all parameters, attributes and constraints."""
        with closing(make_executor(suggest, Recorder(), 2)) as executor:
            for number in range(5):  # more than fit in at once
                (event,) = run_all(executor, [a_trial(number)])
                assert isinstance(event, Finished)
                trial = event.trial
                assert trial.number == number
                assert trial.params["x"] == 0.25
                assert trial.params["kind"] is None
                assert event.value == trial.params["x"] + trial.params["new"]
                assert trial.user_attrs == {"kind": "None"}
                assert trial.constraints == {"c": trial.params["new"] - 5}
                space, x = trial.point()
                assert space is not None
                assert space.decode_row(x) == trial.params

    def test_what_is_drawn_does_not_depend_on_where_the_trial_runs(self, make_executor: MakeExecutor) -> None:
        """A name that was not proposed is drawn from the study's seed, the trial's number and the name."""
        here = a_trial(3)
        suggest(here)
        with closing(make_executor(suggest, Recorder(), 1)) as executor:
            (event,) = run_all(executor, [a_trial(3)])
        assert event.trial.params == here.params

    def test_every_trial_ends_once(self, make_executor: MakeExecutor) -> None:
        """Trials run up to the capacity at once; after the last one there are no more events."""
        with closing(make_executor(suggest, Recorder(), 3)) as executor:
            assert 1 <= executor.capacity <= 3
            events = run_all(executor, [a_trial(k) for k in range(20)])
            assert sorted(e.trial.number for e in events) == list(range(20))
            assert all(isinstance(e, Finished) for e in events)
            assert executor.poll(0.0) == []
            assert executor.drain() == []

    def test_poll_returns_at_once_if_nothing_runs(self, make_executor: MakeExecutor) -> None:
        """With any timeout."""
        with closing(make_executor(suggest, Recorder(), 2)) as executor:
            assert executor.poll() == []
            assert executor.poll(0.0) == []

    def test_reports_reach_the_handler_in_order_and_in_its_thread(self, make_executor: MakeExecutor) -> None:
        """Each report arrives before the question that follows it; the returned trial has them, too."""
        channel = Recorder()
        with closing(make_executor(learn, channel, 2)) as executor:
            events = run_all(executor, [a_trial(0), a_trial(1)])
        for event in events:
            own = [(step, value) for number, step, value in channel.reports if number == event.trial.number]
            assert own == [(step, step / 2) for step in range(10)]
            assert [s for n, s in channel.asked if n == event.trial.number] == list(range(10))
            assert event.trial.reports == dict(own)
        assert channel.threads == {threading.get_ident()}

    def test_the_handlers_answer_reaches_the_objective(self, make_executor: MakeExecutor) -> None:
        """A pruned trial ends as Failed with TrialPruned."""
        with closing(make_executor(learn, Recorder(prune_from=4), 1)) as executor:
            (event,) = run_all(executor, [a_trial(7)])
        assert isinstance(event, Failed)
        assert isinstance(event.error, TrialPruned)
        assert str(event.error) == "at 4"
        assert event.trial.reports is not None
        assert list(event.trial.reports) == [0, 1, 2, 3, 4]

    def test_what_the_handler_raises_ends_the_trial(self, make_executor: MakeExecutor) -> None:
        """The trial fails, although the objective need not wait for the answer to its report."""
        with closing(make_executor(report_nan, Recorder(), 1)) as executor:
            (event,) = run_all(executor, [a_trial(0)])
        assert isinstance(event, Failed)
        assert isinstance(event.error, RuntimeError)
        assert "NaN at step 3" in str(event.error)

    def test_an_error_is_returned_with_its_traceback(self, make_executor: MakeExecutor) -> None:
        """Class, message and the function that raised it are kept."""
        with closing(make_executor(fail, Recorder(), 1)) as executor:
            events = run_all(executor, [a_trial(0), a_trial(1)])
        for event in events:
            assert isinstance(event, Failed)
            assert type(event.error) is LookupError
            assert event.error.args == (f"nothing for {event.trial.number}",)
            assert "in fail" in event.traceback

    def test_any_result_of_an_objective_is_returned(self, make_executor: MakeExecutor) -> None:
        """None, texts and others are returned unchanged."""
        with closing(make_executor(echo, Recorder(), 2)) as executor:
            events = run_all(executor, [a_trial(k) for k in range(6)])
        by_number = {e.trial.number: e.value for e in events if isinstance(e, Finished)}
        assert math.isnan(by_number.pop(2))
        assert by_number == {0: None, 1: "text", 3: (1.0, 2.0), 4: {"loss": 1.0}, 5: True}

    def test_cancel_and_close_come_to_an_end(self, make_executor: MakeExecutor, tmp_path: Any) -> None:
        """A cancelled trial has an event; unknown numbers are ignored; closing twice is allowed."""
        path = tmp_path / "go"
        executor = make_executor(wait_for_file, Recorder(), 2)
        with closing(executor):
            executor.cancel(5)
            executor.submit(a_trial(0, path=str(path)))
            if executor.capacity == 1:  # it may run in this thread, and cannot be cancelled then
                path.touch()
            executor.cancel(0)
            (event,) = wait_for(executor, 1)
            assert event.trial.number == 0
            executor.submit(a_trial(1, path=str(path)))
        executor.close()

    def test_the_clock_is_monotonic(self, make_executor: MakeExecutor) -> None:
        """The clock never goes back."""
        with closing(make_executor(suggest, Recorder(), 1)) as executor:
            times = [executor.clock() for _ in range(100)]
        assert times == sorted(times)


def a_trial(number: int, **notes: Any) -> Trial:
    """A trial with a proposal for x = 0.25 and kind = None."""
    space = Space({"x": Float(0, 1), "kind": Categorical(["a", None, 1])})
    return Trial(number, 11, Proposals(space), [0.25, 1.0], user=notes)


def run_all(executor: Executor, trials: list[Trial]) -> list[Finished | Failed]:
    """Run trials as the study's loop does; return their events."""
    events: list[Finished | Failed] = []
    submitted = 0
    while len(events) < len(trials):
        while submitted < len(trials) and submitted - len(events) < executor.capacity:
            executor.submit(trials[submitted])
            submitted += 1
        events += wait_for(executor, 1)
    return events


def wait_for(executor: Executor, n: int) -> list[Finished | Failed]:
    """Poll until at least n trials have ended; fail after LIMIT seconds."""
    events: list[Finished | Failed] = []
    end = time.monotonic() + LIMIT
    while len(events) < n:
        events += executor.poll(1.0)
        if time.monotonic() > end:
            pytest.fail(f"only {len(events)} of {n} trials ended within {LIMIT:.0f} s")
    return events


@contextmanager
def closing(executor: Executor) -> Iterator[Executor]:
    """Close an executor at the end, also after an error."""
    try:
        yield executor
    finally:
        executor.close()
