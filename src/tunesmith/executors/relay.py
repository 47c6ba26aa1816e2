"""The driver's side of runs in other processes, whatever carries the messages.

An executor of an engine derives from `RelayExecutor` and only moves bytes: ``submit`` makes a `Job` with `_begin` and
sends it to where `tunesmith.executors.task` runs it; each message that comes back goes to `_receive`, whose answer, if
there is one, is sent to the run; a job that the engine lost goes to `_lose`. ``poll`` returns what `_take_events` has.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tunesmith.errors import ObjectiveError, WorkerDiedError
from tunesmith.executors import remote_pointers, wire
from tunesmith.executors.base import Began, End, Event, Executor, Failed, Finished, Objective, Report
from tunesmith.executors.resources import cpu_count
from tunesmith.executors.supervisor import Job, Setup
from tunesmith.executors.wire import SharedArrays, find_unpicklable
from tunesmith.foundation.states import FailureKind
from tunesmith.foundation.text import name_and_message
from tunesmith.trial import Channel, Proposals, Trial


class RelayExecutor(Executor):
    """An executor whose objectives run in other processes; see the module's docstring.

    Attributes:
        setup: what all jobs have in common, once it is open.
    """

    setup: Setup

    def open(self, objective: Objective, channel: Channel | None) -> None:
        """Pickle the objective, once for all trials."""
        self._channel = channel
        self._runs: dict[int, _Run] = {}
        self._events: list[Event] = []
        self._held: list[tuple[int, bytes]] = []  # messages that wait until a new attempt is made
        self._replaced = False  # whether a run waits for one
        self._pickled: tuple[Proposals | None, bytes] = (None, b"")
        self.setup = Setup(pickled(objective, "the objective", self._shared()), self._threads())

    def _shared(self) -> SharedArrays | None:
        """Return what takes the large arrays of the objective; None: they are sent along."""
        return None

    def _threads(self) -> int:
        """Return how many threads a trial's numeric libraries may use: what it asks for, or its share of the cores."""
        return int(self.resources.get("cpus", max(1, cpu_count() // (self.jobs or cpu_count()))))

    @property
    def shielded(self) -> Sequence[Callable[..., Any]]:
        """Acting on a message: a report, or the end of a trial, that is half taken in would be lost."""
        return (self._receive,)

    # -- for the executors that derive from this -------------------------------------------------------------------

    def _begin(self, trial: Trial, deadline: float | None) -> Job:
        """Take a trial that is submitted; return the job to be sent."""
        trial.link.connect(None)
        data, proposals = wire.dump_trial(trial)
        if proposals is not self._pickled[0] or not self._pickled[1]:
            self._pickled = (proposals, pickled(proposals, "the space"))
        trial.link.connect(self._channel)
        self._runs[trial.number] = _Run(trial, proposals)
        left = None if deadline is None else max(0.0, deadline - self.clock())
        return Job(trial.number, data, self._pickled[1], self.time_limit, left, self.memory_limit, self.grace)

    def _is_under_way(self, number: int) -> bool:
        return number in self._runs

    def _receive(self, number: int, message: bytes) -> bytes | None:
        """Act on a message of a run; return the answer that the run waits for, if it does.

        Messages of a run that ended, or that another run of the same trial replaced, are dropped.

        Raises:
            ObjectiveError: the objective cannot be loaded where it should run.
        """
        run = self._runs.get(number)
        if run is not None and run.replaced:
            self._held.append((number, message))
            return None
        word, printed = message[:1], ""
        if word == wire.PRINTED:
            printed, message = wire.unpack(message)
            word = message[:1]
        if word == wire.UNUSABLE:
            raise _unusable(*wire.unpack(message))
        if run is None:
            return None
        if word == wire.DIED:
            kind, words = wire.unpack(message)
            self._lose(number, None if kind is None else FailureKind(kind), words, printed)
            return None
        drawn, *rest = wire.unpack(message)
        if word == wire.BEGUN:
            self._events.append(run.begin(drawn))
            self._replaced = self._replaced or run.replaced
        elif drawn != run.drawn:
            return None
        elif word == wire.REPORT:
            step, value, cost, given = rest
            value = tuple(value) if isinstance(value, list) else value  # JSON has no tuples
            run.trial.link.costs_given |= given
            if run.keep(lambda: run.trial.link.take_report(value, step, cost)):
                self._events.append(Report(run.trial, step, value))
        elif word == wire.NOTE:
            key, value = rest
            run.keep(lambda: run.trial.set_user_attr(key, value))
        elif word == wire.LOG:
            names, *columns = rest
            steps = [np.frombuffer(column, np.int64) for column in columns[::2]]
            values = [np.frombuffer(column, np.float64) for column in columns[1::2]]
            metrics = dict(zip(names, zip(steps, values, strict=True), strict=True))
            run.keep(lambda: run.trial.link.send_metrics(metrics))
        elif word == wire.ASK:
            return run.answer(lambda trial: [_stops(trial, *rest), len(trial.reports or ())])
        elif word == wire.POINTERS:
            return run.answer(lambda trial: remote_pointers.answer_about_artifacts(trial, *rest))
        elif word in (wire.END, wire.FAULT):
            del self._runs[number]
            trial_bytes, value_bytes, fault_bytes = rest
            self._events.append(run.end(trial_bytes, value_bytes, fault_bytes, printed))
        return None

    def _receive_last(self, number: int, message: bytes) -> None:
        """Act on the last message of a run, which the engine returned as the result of its task.

        If no message got through before, the run is heard of only now.
        """
        run = self._runs.get(number)
        inner = wire.unpack(message)[1] if message[:1] == wire.PRINTED else message
        if run is not None and inner[:1] in (wire.END, wire.FAULT) and run.drawn != (drawn := wire.unpack(inner)[0]):
            self._receive(number, wire.pack(wire.BEGUN, drawn))
        self._receive(number, message)

    def _lose(self, number: int, kind: FailureKind | None, words: str, printed: str = "") -> None:
        """End a trial whose process, or whose place in the engine, is gone.

        Args:
            number: the trial's number; ignored if it is not under way.
            kind: the kind of failure; None: it was asked to end.
            words: what happened.
            printed: the end of what it printed.
        """
        run = self._runs.pop(number, None)
        if run is not None:
            run.trial.answers.take_whole()  # what it did use of its proposal is not known
            self._events.append(Failed(run.trial, WorkerDiedError(words), kind, output=printed))

    def _take_events(self) -> list[Event]:
        """Return what happened since the last call, and read on where a new attempt was waited for."""
        events, self._events = self._events, []
        return events

    def _read_held(self) -> list[tuple[int, bytes | None]]:
        """Act on messages of runs whose new attempt the study has made by now; to be called when ``poll`` begins.

        Returns:
            The answers, each with the number of the trial that waits for it.
        """
        if self._replaced:
            for run in self._runs.values():
                run.replaced = False
            self._replaced = False
        held, self._held = self._held, []
        return [(number, self._receive(number, message)) for number, message in held]


def _stops(trial: Trial, step: int | None = None) -> bool:
    """Ask whether a trial is to stop: after its last report, or at a step of an attempt before."""
    if step is None or trial.link.channel is None:
        return trial.should_prune()
    return trial.link.channel.should_prune(trial.number, step)


class _Run:
    """The driver's side of one trial under way."""

    def __init__(self, trial: Trial, proposals: Proposals | None) -> None:
        self.trial = trial  # the driver's copy; the reports go through it
        self.drawn: int | None = None  # the number of the run that is heard
        self.replaced = False  # whether another run began, and its attempt is not made yet
        self._proposals = proposals
        self._fault: BaseException | None = None  # what went wrong with a report

    def begin(self, drawn: int) -> Began:
        """Listen to a run from now on."""
        if self.drawn is not None:
            self.replaced = True
            self._fault = None
            self.trial.link.forget_reports()
        self.drawn = drawn
        return Began(self.trial, drawn)

    def keep(self, store: Any) -> bool:
        """Keep a report or a note. The objective does not wait, so it gets an error with its next answer."""
        try:
            store()
        except Exception as error:
            self._fault = self._fault or error
            return False
        return True

    def answer(self, question: Callable[[Trial], Any]) -> bytes:
        """Return the bytes that tell the run what the driver's copy of its trial says to a question."""
        answer: Any = None
        try:
            if self._fault is not None:
                raise self._fault
            answer = question(self.trial)
            fault = None
        except Exception as error:
            self._fault, fault = None, wire.dump_fault(error, "")
        return wire.dump_answer(answer, fault)

    def end(self, trial_bytes: bytes, value_bytes: bytes, fault_bytes: bytes, printed: str) -> End:
        """Take the trial back."""
        own = self.trial
        try:
            trial = wire.load_trial(trial_bytes, self._proposals) if trial_bytes else own
            if not trial_bytes:
                own.answers.take_whole()
            trial.link.take_unsent(own.link)
            value = pickle.loads(value_bytes)
        except Exception as error:
            own.answers.take_whole()
            words = f"trial {own.number}: what came back from the worker cannot be loaded here: {error!r}"
            return Failed(own, ObjectiveError(words))
        fault: wire.Fault | None = pickle.loads(fault_bytes)
        if fault is not None:
            return Failed(trial, wire.load_fault(fault), traceback=fault[-1], output=printed)
        if self._fault is not None:
            return Failed(trial, self._fault)
        return Finished(trial, value)


def pickled(thing: Any, what: str, shared: SharedArrays | None = None) -> bytes:
    """Pickle a thing that workers need.

    Args:
        what: words for it.
        shared: takes the large arrays in it.

    Raises:
        ObjectiveError: it cannot be pickled; the error names the variable.
    """
    try:
        return wire.dump(thing, shared)
    except Exception as error:
        culprit = find_unpicklable(thing, lambda part: wire.try_dump(part) is not None)
        why = f"{culprit} ({name_and_message(error)})" if culprit else name_and_message(error)
        raise ObjectiveError(
            f"{what} cannot be sent to worker processes: {why}. It, and all that it refers to, must be picklable, "
            "which open files, locks, connections and studies in memory are not: make these inside of the objective, "
            "or use n_jobs=1"
        ) from error


def _unusable(reason: str, trace: str) -> ObjectiveError:
    error = ObjectiveError(
        f"the objective cannot be loaded in a worker process: {reason}; a worker imports the modules that the "
        "objective comes from: put it into a module that can be imported, or use n_jobs=1"
    )
    error.add_note(f"In the worker process:\n{trace}")
    return error
