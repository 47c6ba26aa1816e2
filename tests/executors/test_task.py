"""An engine that only moves bytes: threads in the place of a cluster's workers, each running a `Task`."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import pytest

import tunesmith
from tunesmith import Trial
from tunesmith.executors import task, wire
from tunesmith.executors.base import Began, Event, Failed, Finished, Objective, Report
from tunesmith.executors.relay import RelayExecutor
from tunesmith.executors.task import Task
from tunesmith.foundation.states import TrialState
from tunesmith.testing.executors import Recorder, a_trial, opened, run_all, suggest
from tunesmith.trial import Channel


class Threads(RelayExecutor):
    """Runs each trial as a `Task` in a thread of this process."""

    name: ClassVar[str] = "threads"
    kills: ClassVar[bool] = True
    streams: ClassVar[bool] = True
    notices_loss: ClassVar[bool] = True
    again: ClassVar[bool] = False  # whether each task is run a second time, as an engine may do after it lost a result

    def open(self, objective: Objective, channel: Channel | None) -> None:
        super().open(objective, channel)
        self._pool = ThreadPoolExecutor(self.capacity)
        self._inbox: queue.SimpleQueue[tuple[int, bytes, Task]] = queue.SimpleQueue()
        self._tasks: dict[int, Task] = {}

    @property
    def capacity(self) -> int:
        return self.jobs or 2

    def submit(self, trial: Trial, deadline: float | None = None) -> None:
        job = self._begin(trial, deadline)
        made: list[Task] = []
        made.append(Task(self.setup, job, lambda data: self._inbox.put((job.number, data, made[0]))))
        self._tasks[job.number] = made[0]
        self._pool.submit(self._run, job.number, made[0])

    def _run(self, number: int, made: Task) -> None:
        last = made.run()
        if self.again:
            last = made.run()
        self._inbox.put((number, last, made))

    def poll(self, timeout: float | None = None) -> list[Event]:
        for number, answer in self._read_held():
            if answer is not None:
                self._tasks[number].answer(answer)
        while not self._events and self._runs:
            try:
                number, data, made = self._inbox.get(timeout=timeout)
            except queue.Empty:
                break
            answer = self._receive(number, data)
            if answer is not None:
                made.answer(answer)
        return self._take_events()

    def cancel(self, number: int, grace: float | None = None) -> None:
        if number in self._runs:
            self._tasks[number].cancel(self.grace if grace is None else grace)

    def close(self) -> None:
        for number in list(self._runs):
            self._tasks[number].cancel(0.0)
        self._pool.shutdown()


@pytest.fixture(autouse=True)
def _short_lives(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(task, "KEPT_SECONDS", 0.5)
    before = set(threading.enumerate())  # one of an earlier test may keep a worker for long
    yield
    for thread in set(threading.enumerate()) - before:
        if thread.name == "tunesmith-workers":
            thread.join()


class Twice(Threads):
    again: ClassVar[bool] = True


def test_a_second_run_of_a_task_begins_anew_and_its_reports_are_those_that_count() -> None:
    def objective(trial: Trial) -> float:
        trial.report(0.5, 0)
        return 1.0

    recorder = Recorder()
    executor = Twice(jobs=1)
    with opened(executor, objective, recorder):
        executor.submit(a_trial(0))
        events: list[Event] = []
        while not events or not isinstance(events[-1], Finished | Failed):
            events += executor.poll(1.0)
    kinds = [type(e) for e in events]
    assert kinds in ([Began, Report, Began, Report, Finished], [Began, Report, Finished])
    first, *others = [e.run for e in events if isinstance(e, Began)]
    assert first not in others


def test_a_second_run_is_a_new_attempt_of_the_trial_and_what_the_first_reported_is_kept(tmp_path: Path) -> None:
    def objective(trial: Trial) -> float:
        first = not (tmp_path / "ran").exists()
        (tmp_path / "ran").touch()
        trial.report(1.0 if first else 2.0, 0)
        trial.should_prune()  # so that the driver has read it before this run ends
        return 1.0 if first else 2.0

    executor = Twice(jobs=1)
    study = tunesmith.create_study(storage=str(tmp_path / "s.db"))
    study.optimize(objective, n_trials=1, executor=executor)
    (trial,) = study.get_trials(states=[TrialState.COMPLETE])
    assert (trial.attempt, trial.value, trial.reports) == (2, 2.0, {0: 2.0})
    assert [a.reports for a in trial.previous_attempts] == [{0: 1.0}]


def test_a_new_attempt_takes_no_other_trial_that_waits() -> None:
    study = tunesmith.create_study()
    study.ask()
    second = study.ask()
    study.engine.release([0])
    assert study.engine.restart(second)
    assert (second.attempt, study.trials[1].attempt, study.trials[0].state) == (2, 2, TrialState.WAITING)
    study.tell(second, 1.0)
    assert study.trials[1].value == 1.0
    assert not study.engine.restart(second)  # it has ended


def test_no_message_of_a_run_that_was_replaced_is_taken() -> None:
    executor = Threads(jobs=1)
    recorder = Recorder()
    with opened(executor, suggest, recorder):
        trial = a_trial(0)
        executor._begin(trial, None)
        executor._receive(0, wire.pack(wire.BEGUN, 1))
        executor._receive(0, wire.pack(wire.REPORT, 1, 0, 0.5, 1.0, False))
        executor._receive(0, wire.pack(wire.BEGUN, 2))  # the engine runs it again
        executor._receive(0, wire.pack(wire.REPORT, 2, 0, 0.75, 1.0, False))
        assert [(type(e), getattr(e, "run", None)) for e in executor._take_events()] == [
            (Began, 1),
            (Report, None),
            (Began, 2),
        ]
        assert recorder.reports == [(0, 0, 0.5)]
        trial.link.attempt = 2  # what the study makes of it
        executor._read_held()
        executor._receive(0, wire.pack(wire.REPORT, 1, 1, 9.0, 1.0, False))  # late
        executor._receive(0, wire.dump_end(1, a_trial(0), 9.0, None))
        assert recorder.reports == [(0, 0, 0.5), (0, 0, 0.75)]
        executor._receive(0, wire.dump_end(2, a_trial(0), 1.0, None))
        *_, end = executor._take_events()
        assert isinstance(end, Finished)
        assert (end.value, end.trial.attempt) == (1.0, 2)
        assert executor._receive(0, wire.pack(wire.ASK, 2)) is None  # it ended


def test_worker_processes_are_kept_for_the_next_trial_of_the_same_objective_and_then_ended() -> None:
    import os

    def objective(trial: Trial) -> int:
        return os.getpid()

    with opened(Threads(jobs=1), objective, Recorder()) as executor:
        ends = run_all(executor, [a_trial(0), a_trial(1)])
    assert len({e.value for e in ends if isinstance(e, Finished)}) == 1
    with opened(Threads(jobs=1), objective, Recorder()) as executor:
        (other,) = run_all(executor, [a_trial(0)])
    assert isinstance(other, Finished)
    assert other.value != ends[0].value  # type: ignore[union-attr]  # asserted above


def test_a_trial_goes_on_when_its_messages_no_longer_get_through() -> None:
    def objective(trial: Trial) -> float:
        trial.report(0.5, 0)
        return float(trial.should_prune())

    def lost(data: bytes) -> None:
        raise ConnectionError("the driver is away")

    executor = Threads(jobs=1)
    recorder = Recorder()
    with opened(executor, objective, recorder):
        job = executor._begin(a_trial(0), None)
        last = Task(executor.setup, job, lost).run()
        drawn = wire.unpack(last)[0]
        executor._receive(0, wire.pack(wire.BEGUN, drawn))
        executor._receive(0, last)
        *_, end = executor._take_events()
    assert isinstance(end, Finished)
    assert end.value == 0.0
    assert end.trial.link.unsent() == (None, {0: 0.5})  # stored with the end of the trial
