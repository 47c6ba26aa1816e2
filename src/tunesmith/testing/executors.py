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

from tunesmith.artifacts.scratch import Scratch
from tunesmith.errors import TrialPruned, WorkerDiedError
from tunesmith.executors.base import Began, End, Event, Executor, Failed, Finished, Notice, Report
from tunesmith.foundation.states import FailureKind
from tunesmith.history.curves import Reported
from tunesmith.space import Categorical, Float, Space
from tunesmith.testing.conformance import Conformance
from tunesmith.testing.objectives import (
    HANG_SECONDS,
    be_terminated,
    compute_in_c,
    die,
    fail,
    fork,
    generate,
    generate_and_return,
    keep,
    learn,
    learn_two,
    log_metrics,
    report_nan,
    return_odd_results,
    suggest,
    take_memory,
    wait_and_generate,
    wait_and_learn,
    wait_for_ever,
    wait_for_file,
)
from tunesmith.trial import Channel, Proposals, Trial
from tunesmith.trial.metrics import Metrics
from tunesmith.trial.record import Fence


class MakeExecutor(Protocol):
    """Makes an executor: its class, or a function that gives that a client or a fake."""

    def __call__(
        self, *, jobs: int, time_limit: float | None = None, memory_limit: int | None = None, grace: float = 1.0
    ) -> Executor:
        """Return a new executor that is not open yet."""


class Recorder:
    """The study's side of the channel: records what is reported, and prunes from a step on."""

    def __init__(self, prune_from: int | None = None) -> None:
        self.prune_from = prune_from
        self.reports: list[tuple[int, int, Reported]] = []
        self.notes: list[tuple[int, int, str, Any]] = []
        self.metrics: list[tuple[int, str, int, float]] = []
        self.asked: list[tuple[int, int]] = []
        self.artifacts = Scratch()
        self.threads: set[int] = set()

    def note(self, number: int, fence: Fence, key: str, value: Any) -> bool:
        """Record a user attribute."""
        self.threads.add(threading.get_ident())
        self.notes.append((number, fence.attempt, key, value))
        return True

    def report(self, number: int, fence: Fence, step: int, value: Reported, cost: float, given: bool) -> bool:
        """Record a report; NaN raises, to see whether an error gets through."""
        self.threads.add(threading.get_ident())
        if value != value:
            raise RuntimeError(f"NaN at step {step}")
        self.reports.append((number, step, value))
        return True

    def log(self, number: int, fence: Fence, metrics: Metrics) -> bool:
        """Record metrics, each value for itself."""
        self.threads.add(threading.get_ident())
        for name, (steps, values) in metrics.items():
            self.metrics += [(number, name, *pair) for pair in zip(steps.tolist(), values.tolist(), strict=True)]
        return True

    def should_prune(self, number: int, step: int) -> bool:
        """Say yes from the step `prune_from` on."""
        self.threads.add(threading.get_ident())
        self.asked.append((number, step))
        return self.prune_from is not None and step >= self.prune_from

    def pointers(self, number: int, fence: Fence) -> Scratch:
        """Return what keeps the artifacts of all trials."""
        self.threads.add(threading.get_ident())
        return self.artifacts


class ExecutorConformance(Conformance):
    """Derive from it and give the fixture `make_executor`; each test is one law.

    Example::

        class TestMyExecutor(ExecutorConformance):
            @pytest.fixture
            def make_executor(self):
                return MyExecutor  # called with jobs=..., and time_limit=, memory_limit=, grace=
    """

    @pytest.fixture
    def make_executor(self) -> MakeExecutor:
        """Return what makes the executor under test, by the options of `Executor`."""
        raise NotImplementedError("give the fixture make_executor, a function that makes the executor under test")

    def test_a_value_is_returned_with_all_that_the_trial_recorded(self, make_executor: MakeExecutor) -> None:
        """The trial that is returned has all parameters, attributes and constraints."""
        with opened(make_executor(jobs=2), suggest, Recorder()) as executor:
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
                space, x = trial.answers.point()
                assert space is not None
                assert space.decode_row(x) == trial.params

    def test_what_is_drawn_does_not_depend_on_where_the_trial_runs(self, make_executor: MakeExecutor) -> None:
        """A name that was not proposed is drawn from the study's seed, the trial's number and the name."""
        here = a_trial(3)
        suggest(here)
        with opened(make_executor(jobs=1), suggest, Recorder()) as executor:
            (event,) = run_all(executor, [a_trial(3)])
        assert event.trial.params == here.params

    def test_every_trial_ends_once(self, make_executor: MakeExecutor) -> None:
        """Trials run up to the capacity at once; after the last one there are no more events."""
        with opened(make_executor(jobs=3), suggest, Recorder()) as executor:
            assert 1 <= executor.capacity <= 3
            events = run_all(executor, [a_trial(k) for k in range(20)])
            assert sorted(e.trial.number for e in events) == list(range(20))
            assert all(isinstance(e, Finished) for e in events)
            assert executor.poll(0.0) == []
            assert executor.drain() == []

    def test_poll_returns_at_once_if_nothing_runs(self, make_executor: MakeExecutor) -> None:
        """With any timeout."""
        with opened(make_executor(jobs=2), suggest, Recorder()) as executor:
            assert executor.poll() == []
            assert executor.poll(0.0) == []

    def test_reports_reach_the_handler_in_order_and_in_its_thread(self, make_executor: MakeExecutor) -> None:
        """Each report arrives before the question that follows it; the returned trial has them, too."""
        channel = Recorder()
        with opened(make_executor(jobs=2), learn, channel) as executor:
            events = run_all(executor, [a_trial(0), a_trial(1)])
        for event in events:
            own = [(step, value) for number, step, value in channel.reports if number == event.trial.number]
            assert own == [(step, step / 2) for step in range(10)]
            assert [s for n, s in channel.asked if n == event.trial.number] == list(range(10))
            assert event.trial.reports == dict(own)
        assert channel.threads == {threading.get_ident()}

    def test_metrics_arrive_or_come_with_the_end(self, make_executor: MakeExecutor) -> None:
        """Each value is sent once or is in the trial that comes back."""
        channel = Recorder()
        with opened(make_executor(jobs=1), log_metrics, channel) as executor:
            for event in run_all(executor, [a_trial(0), a_trial(1)]):
                assert isinstance(event, Finished)
                number = event.trial.number
                channel.log(number, event.trial.link.fence, event.trial.link.unsent_metrics() or {})
        for number in range(2):
            own = [row[1:] for row in channel.metrics if row[0] == number]
            assert [(s, v) for n, s, v in own if n == "acc"] == [(0, 1.0), (1, 0.5), (2, 0.0)]
            assert sorted((s, v) for n, s, v in own if n == "loss") == [(s, s / 2) for s in (0, 0, 1, 1, 2, 2)]
            assert [repr(v) for n, _, v in own if n == "größe"] == [f"{number}.0", "nan", f"{number}.0"]

    def test_reports_of_several_objectives_arrive_whole(self, make_executor: MakeExecutor) -> None:
        """Each as a tuple, NaN included; anything else reported is an error in the objective."""
        channel = Recorder()
        with opened(make_executor(jobs=1), learn_two, channel) as executor:
            first, second = run_all(executor, [a_trial(0, objectives=2), a_trial(1, objectives=3)])
        assert isinstance(first, Finished)
        assert [report for report in channel.reports if report[0] == 0] == [(0, s, (s / 2, -1.0 * s)) for s in range(3)]
        assert first.trial.reports == {s: (s / 2, -1.0 * s) for s in range(3)}
        assert isinstance(second, Failed)
        assert "takes 3 numbers" in str(second.error)

    def test_the_handlers_answer_reaches_the_objective(self, make_executor: MakeExecutor) -> None:
        """A pruned trial ends as Failed with TrialPruned."""
        with opened(make_executor(jobs=1), learn, Recorder(prune_from=4)) as executor:
            (event,) = run_all(executor, [a_trial(7)])
        assert isinstance(event, Failed)
        assert isinstance(event.error, TrialPruned)
        assert str(event.error) == "at 4"
        assert event.trial.reports is not None
        assert list(event.trial.reports) == [0, 1, 2, 3, 4]

    @pytest.mark.parametrize("objective", [generate, wait_and_generate, wait_and_learn])
    def test_generators_and_coroutines_run_to_their_ends(
        self, make_executor: MakeExecutor, objective: Callable[[Trial], Any]
    ) -> None:
        """What is yielded is reported, its step counted from 0; the last value is the result."""
        channel = Recorder()
        with opened(make_executor(jobs=2), objective, channel) as executor:
            events = run_all(executor, [a_trial(k) for k in range(3)])
        for event in events:
            assert isinstance(event, Finished)
            assert event.value == (9.0 if objective is wait_and_learn else 4.5)
            own = [(step, value) for number, step, value in channel.reports if number == event.trial.number]
            assert own == [(step, step / 2) for step in range(10)]
            assert event.trial.reports == dict(own)
        assert channel.threads == {threading.get_ident()}

    @pytest.mark.parametrize("objective", [generate, wait_and_generate, wait_and_learn])
    def test_a_generator_that_is_to_stop_is_closed(
        self, make_executor: MakeExecutor, objective: Callable[[Trial], Any]
    ) -> None:
        """Its trial ends with TrialPruned, though it raises nothing itself; its ``finally`` is heard."""
        with opened(make_executor(jobs=1), objective, Recorder(prune_from=4)) as executor:
            (event,) = run_all(executor, [a_trial(7)])
        assert isinstance(event, Failed)
        assert isinstance(event.error, TrialPruned)
        assert list(event.trial.reports or ()) == [0, 1, 2, 3, 4]
        assert objective is wait_and_learn or event.trial.user_attrs["closed"] is True

    def test_a_generator_names_steps_and_metrics_and_returns_a_value(self, make_executor: MakeExecutor) -> None:
        """A report without a step has the one after the last."""
        channel = Recorder()
        with opened(make_executor(jobs=1), generate_and_return, channel) as executor:
            (event,) = run_all(executor, [a_trial(0)])
        assert isinstance(event, Finished)
        assert event.value == 9.0
        assert channel.reports == [(0, 0, 0.25), (0, 5, 0.5), (0, 6, 0.25)]

    @pytest.mark.parametrize("way", ["limit", "cancel"])
    def test_a_coroutine_that_waits_for_ever_is_ended(self, make_executor: MakeExecutor, way: str) -> None:
        """By a limit of time or by cancel, when its grace is over at the latest; the next trial runs."""
        if not make_executor(jobs=1).cancels:
            pytest.skip("it does not say that it ends what waits")
        made = make_executor(jobs=1, time_limit=0.2 if way == "limit" else None, grace=0.5)
        with opened(made, wait_for_ever, Recorder()) as executor:
            executor.submit(a_trial(0))
            if way == "cancel":
                executor.poll(0.0)
                executor.cancel(0)
            (first,) = wait_for(executor, 1)
            (second,) = run_all(executor, [a_trial(1)])
        assert isinstance(first, Failed)
        assert first.kind is (FailureKind.TIMEOUT if way == "limit" else FailureKind.KILLED)
        assert isinstance(second, Finished)

    def test_artifacts_are_published_by_the_handler(self, make_executor: MakeExecutor) -> None:
        """In its thread; errors of it come back as what they are."""
        channel = Recorder()
        with opened(make_executor(jobs=1), keep, channel) as executor:
            if not executor.streams:
                pytest.skip("it does not say that questions are answered while a trial runs")
            (event,) = run_all(executor, [a_trial(3)])
        assert isinstance(event, Finished)
        assert event.value == 2000.0
        assert sorted(artifact.name for artifact in channel.artifacts.all(3)) == ["copy", "model"]
        assert channel.threads == {threading.get_ident()}

    def test_what_the_handler_raises_ends_the_trial(self, make_executor: MakeExecutor) -> None:
        """The trial fails, although the objective need not wait for the answer to its report."""
        with opened(make_executor(jobs=1), report_nan, Recorder()) as executor:
            (event,) = run_all(executor, [a_trial(0)])
        assert isinstance(event, Failed)
        assert isinstance(event.error, RuntimeError)
        assert "NaN at step 3" in str(event.error)

    def test_an_error_is_returned_with_its_traceback(self, make_executor: MakeExecutor) -> None:
        """Class, message and the function that raised it are kept."""
        with opened(make_executor(jobs=1), fail, Recorder()) as executor:
            events = run_all(executor, [a_trial(0), a_trial(1)])
        for event in events:
            assert isinstance(event, Failed)
            assert type(event.error) is LookupError
            assert event.error.args == (f"nothing for {event.trial.number}",)
            assert "in fail" in event.traceback

    def test_any_result_of_an_objective_is_returned(self, make_executor: MakeExecutor) -> None:
        """None, texts and others are returned unchanged."""
        with opened(make_executor(jobs=2), return_odd_results, Recorder()) as executor:
            events = run_all(executor, [a_trial(k) for k in range(6)])
        by_number = {e.trial.number: e.value for e in events if isinstance(e, Finished)}
        assert math.isnan(by_number.pop(2))
        assert by_number == {0: None, 1: "text", 3: (1.0, 2.0), 4: {"loss": 1.0}, 5: True}

    def test_cancel_and_close_come_to_an_end(self, make_executor: MakeExecutor, tmp_path: Any) -> None:
        """A cancelled trial has an event; unknown numbers are ignored; closing twice is allowed."""
        path = tmp_path / "go"
        executor = make_executor(jobs=2)
        with opened(executor, wait_for_file, Recorder()):
            executor.cancel(5)
            executor.submit(a_trial(0, path=str(path)))
            if not executor.kills:
                path.touch()
            executor.cancel(0)
            (event,) = wait_for(executor, 1)
            assert event.trial.number == 0
            if executor.kills:
                assert isinstance(event, Failed)
                assert event.kind is FailureKind.KILLED
            executor.submit(a_trial(1, path=str(path)))
        executor.close()

    def test_it_can_be_opened_again(self, make_executor: MakeExecutor) -> None:
        """With another objective; nothing of the first call is left."""
        executor = make_executor(jobs=1)
        for objective in (learn, suggest, learn):
            with opened(executor, objective, Recorder()):
                (event,) = run_all(executor, [a_trial(0)])
            assert isinstance(event, Finished)
            assert (event.value == 9.0) is (objective is learn)

    def test_a_trial_begins_once_before_all_else(self, make_executor: MakeExecutor) -> None:
        """An executor that runs trials elsewhere says when each begins; observers get the reports, in order."""
        events: list[Event] = []
        with opened(make_executor(jobs=1), learn, Recorder()) as executor:
            executor.submit(a_trial(0))
            while not events or isinstance(events[-1], Notice):
                events += executor.poll(1.0)
        if len(events) > 1:
            assert isinstance(events[0], Began)
            assert [e.step for e in events[1:-1] if isinstance(e, Report)] == list(range(10))

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
    def test_a_process_that_the_objective_forks_never_speaks_for_it(self, make_executor: MakeExecutor) -> None:
        """A child that returns from the objective, raises in it or reports is not taken for a worker or a driver."""
        recorder = Recorder()
        with opened(make_executor(jobs=1), fork, recorder) as executor:
            for end in run_all(executor, [a_trial(0), a_trial(1)]):
                assert isinstance(end, Finished)
                assert (end.value, end.trial.reports) == (1.0, {1: 1.0})
                assert end.trial.user_attrs["codes"] == [0, 1, 7, 1]
        assert recorder.reports == [(0, 1, 1.0), (1, 1, 1.0)]

    def test_the_death_of_a_process_is_a_loss_of_its_trial(self, make_executor: MakeExecutor) -> None:
        """What it reported before is kept, and the next trial runs."""
        if not make_executor(jobs=1).notices_loss:
            pytest.skip("it does not say that it notices losses")
        with opened(make_executor(jobs=1), die, Recorder()) as executor:
            first, second = run_all(executor, [a_trial(0), a_trial(1)])
        assert isinstance(first, Failed)
        assert isinstance(first.error, WorkerDiedError)
        assert first.kind is FailureKind.LOST
        if executor.streams:
            assert first.trial.reports == {1: 5.0}
        assert isinstance(second, Finished)

    def test_a_process_that_is_asked_to_end_is_nobodys_fault(self, make_executor: MakeExecutor) -> None:
        """SIGTERM, as cluster managers send it: the trial has no kind of failure, and can be run again."""
        if not make_executor(jobs=1).notices_loss or os.name == "nt":
            pytest.skip("it does not say that it notices losses, or there is no SIGTERM")
        with opened(make_executor(jobs=1), be_terminated, Recorder()) as executor:
            first, second = run_all(executor, [a_trial(0), a_trial(1)])
        assert isinstance(first, Failed)
        assert first.kind is None
        assert first.trial.user_attrs["checkpoint"] == "after 1"
        assert isinstance(second, Finished)

    def test_a_limit_of_time_ends_a_trial_and_all_that_it_started(
        self, make_executor: MakeExecutor, tmp_path: Any
    ) -> None:
        """Though it holds the interpreter's lock in C code, and what it started ignores SIGTERM."""
        if not make_executor(jobs=1).kills or os.name == "nt":
            pytest.skip("it does not say that it can end a trial, or there are no process groups")
        pids = tmp_path / "pids"
        with opened(make_executor(jobs=1, time_limit=1.0, grace=0.5), compute_in_c, Recorder()) as executor:
            (first,) = run_all(executor, [a_trial(0, path=str(pids))])
            assert isinstance(first, Failed)
            assert first.kind is FailureKind.TIMEOUT
            until(lambda: not any(process_runs(int(pid)) for pid in pids.read_text().split()))
            (second,) = run_all(executor, [a_trial(1)])  # its place is free again
        assert isinstance(second, Finished)

    def test_a_trial_is_cancelled_with_all_that_it_started(self, make_executor: MakeExecutor, tmp_path: Any) -> None:
        """As by a limit of time."""
        if not make_executor(jobs=1).kills or os.name == "nt":
            pytest.skip("it does not say that it can end a trial, or there are no process groups")
        pids = tmp_path / "pids"
        with opened(make_executor(jobs=1), compute_in_c, Recorder()) as executor:
            executor.submit(a_trial(0, path=str(pids)))
            while not pids.exists():
                executor.poll(0.05)
            executor.cancel(0, 0.5)
            (first,) = wait_for(executor, 1)
            assert isinstance(first, Failed)
            assert first.kind is FailureKind.KILLED
            until(lambda: not any(process_runs(int(pid)) for pid in pids.read_text().split()))
            (second,) = run_all(executor, [a_trial(1)])
        assert isinstance(second, Finished)

    def test_a_limit_of_memory_counts_all_that_a_trial_started(self, make_executor: MakeExecutor) -> None:
        """The trial ends as OOM, and the next one runs."""
        if not make_executor(jobs=1).kills or not os.path.exists("/proc/self/status"):
            pytest.skip("it does not say that it can end a trial, or the system does not tell of groups")
        with opened(make_executor(jobs=1, memory_limit=400_000_000), take_memory, Recorder()) as executor:
            first, second = run_all(executor, [a_trial(0), a_trial(1)])
        assert isinstance(first, Failed)
        assert first.kind is FailureKind.OOM
        assert isinstance(second, Finished)

    def test_the_clock_is_monotonic(self, make_executor: MakeExecutor) -> None:
        """The clock never goes back."""
        with opened(make_executor(jobs=1), suggest, Recorder()) as executor:
            times = [executor.clock() for _ in range(100)]
        assert times == sorted(times)


def a_trial(number: int, objectives: int = 1, **notes: Any) -> Trial:
    """A trial with a proposal for x = 0.25 and kind = None."""
    space = Space({"x": Float(0, 1), "kind": Categorical(["a", None, 1])})
    return Trial(number, 11, Proposals(space), [0.25, 1.0], user=notes, objectives=objectives)


def run_all(executor: Executor, trials: list[Trial]) -> list[End]:
    """Run trials as the study's loop does; return their ends."""
    ends: list[End] = []
    submitted = 0
    while len(ends) < len(trials):
        while submitted < len(trials) and submitted - len(ends) < executor.capacity:
            executor.submit(trials[submitted])
            submitted += 1
        ends += wait_for(executor, 1)
    return ends


def wait_for(executor: Executor, n: int) -> list[End]:
    """Poll until at least n trials have ended; fail after LIMIT seconds."""
    ends: list[End] = []
    end = time.monotonic() + HANG_SECONDS
    while len(ends) < n:
        ends += [e for e in executor.poll(1.0) if isinstance(e, Finished | Failed)]
        if time.monotonic() > end:
            pytest.fail(f"only {len(ends)} of {n} trials ended within {HANG_SECONDS:.0f} s")
    return ends


def until(condition: Callable[[], Any]) -> None:
    """Wait until a condition holds; fail after LIMIT seconds."""
    end = time.monotonic() + HANG_SECONDS
    while not condition():
        if time.monotonic() > end:
            pytest.fail("it did not happen")
        time.sleep(0.02)


def process_runs(pid: int) -> bool:
    """Tell whether a process runs; one that ended and that nobody has waited for yet does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return os.name != "posix" or not os.path.isdir("/proc/self")


@contextmanager
def opened(executor: Executor, objective: Callable[[Trial], Any], channel: Channel) -> Iterator[Executor]:
    """Open an executor, and close it at the end, also after an error."""
    executor.open(objective, channel)
    try:
        yield executor
    finally:
        executor.close()
