"""What executors of engines have in common: each trial is handed over as a task, which runs `run_task` of ``task.py``.

An executor of an engine says how a task is handed over and taken back, how a word gets to it, and how to wait for what
tasks say. The words are `ANSWER` and `CANCEL`, see ``task.py``.
"""

from __future__ import annotations

import uuid
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from tunesmith.errors import ObjectiveError
from tunesmith.executors.base import Event, Objective
from tunesmith.executors.relay import RelayExecutor
from tunesmith.executors.supervisor import Job
from tunesmith.executors.task import ANSWER, CANCEL
from tunesmith.foundation.states import FailureKind
from tunesmith.trial import Channel, Trial

LOOK_SECONDS = 1.0  # seconds between two looks at the size of a cluster, and at whether the engine is still there


@dataclass(slots=True)
class Sent:
    """A trial that was handed to the engine.

    Attributes:
        number: of the trial.
        name: of the task, which no other one has.
        future: what the engine returned for the task.
        heard: whether the task has said anything.
        told: whether its last message has arrived, though it may not be read yet.
        line: what carries messages, where each task has one of its own.
    """

    number: int
    name: str
    future: Any = None
    heard: bool = False
    told: bool = False
    line: Any = None


class EngineExecutor(RelayExecutor):
    """An executor whose trials are tasks of an engine; see the module's docstring."""

    kills: ClassVar[bool] = True
    streams: ClassVar[bool] = True
    notices_loss: ClassVar[bool] = True
    queues: ClassVar[bool] = True

    def open(self, objective: Objective, channel: Channel | None) -> None:
        """Pickle the objective, once for all trials."""
        super().open(objective, channel)
        self._sent: dict[str, Sent] = {}  # by name
        self._names: dict[int, str] = {}  # of the trials under way
        self._slots, self._looked = 0, -LOOK_SECONDS

    # -- what an engine does in its own way ----------------------------------------------------------------------

    @abstractmethod
    def _hand_over(self, job: Job, sent: Sent) -> Any:
        """Hand a task to the engine; return its future."""

    @abstractmethod
    def _take_back(self, sent: Sent) -> bool:
        """Take a task back of which nothing was heard; tell whether that is done."""

    @abstractmethod
    def _tell(self, sent: Sent, word: str, value: Any) -> None:
        """Send a word to a task."""

    @abstractmethod
    def _read(self, timeout: float) -> bool:
        """Wait for messages and ends of tasks, and give them to `_hear` and `_end`; return False if there were none."""

    @abstractmethod
    def _count_slots(self) -> int:
        """Return how many trials the engine has room for."""

    # -- what is the same ----------------------------------------------------------------------------------------

    @property
    def capacity(self) -> int:
        """The number of jobs; without one, what the engine has room for at the moment."""
        if self.jobs is not None:
            return self.jobs
        if self.clock() - self._looked >= LOOK_SECONDS:
            self._looked, self._slots = self.clock(), self._count_slots()
        return self._slots

    def submit(self, trial: Trial, deadline: float | None = None) -> None:
        """Hand the trial to the engine.

        Raises:
            Exception: what the engine raises: a pool that is closed, say.
        """
        job = self._begin(trial, deadline)
        sent = Sent(job.number, f"tunesmith-trial-{job.number}-{uuid.uuid4().hex}")
        self._sent[sent.name], self._names[sent.number] = sent, sent.name
        try:
            sent.future = self._hand_over(job, sent)
        except BaseException:
            del self._sent[sent.name], self._names[sent.number]
            raise

    def poll(self, timeout: float | None = None) -> list[Event]:
        """Read what tasks and the engine say, answer it, and return what happened.

        Raises:
            ObjectiveError: the objective, or tunesmith itself, cannot be loaded where tasks run.
            WorkerDiedError: the engine is gone for good.
        """
        for number, answer in self._read_held():
            self._answer(number, answer)
        end = None if timeout is None else self.clock() + timeout
        while not self._events and (self._sent or not self.capacity):
            left = LOOK_SECONDS if end is None else max(0.0, min(LOOK_SECONDS, end - self.clock()))
            if not self._read(left) and end is not None and self.clock() >= end:
                break
        return self._take_events()

    def drain(self) -> list[Event]:
        """Return what happened already."""
        while self._read(0.0):
            pass
        return self._take_events()

    def cancel(self, number: int, grace: float | None = None) -> None:
        """Ask the process that runs a trial to end; a trial that has not begun is taken back from the engine."""
        sent = self._sent.get(self._names.get(number, ""))
        if sent is None:
            return
        if not sent.heard and self._take_back(sent):
            self._lose(number, FailureKind.KILLED, "the trial was cancelled before it began")
            self._forget_ended(sent)
        else:
            self._tell(sent, CANCEL, self.grace if grace is None else grace)

    def _hear(self, name: str, message: bytes) -> None:
        """Act on a message of a task, unless the task was given up."""
        if sent := self._sent.get(name):
            sent.heard = True
            self._answer(sent.number, self._receive(sent.number, message))
            self._forget_ended(sent)

    def _end(self, sent: Sent, last: bytes) -> None:
        """Act on the result of a task: its last message, which may have been heard already."""
        if sent.name in self._sent:
            self._receive_last(sent.number, last)
            self._forget_ended(sent)

    def _give_up(self, sent: Sent, kind: FailureKind | None, words: str) -> None:
        """End a trial whose task ended without a last message."""
        self._lose(sent.number, kind, words)
        self._forget_ended(sent)

    def _answer(self, number: int, answer: bytes | None) -> None:
        if answer is not None and (name := self._names.get(number)):
            self._tell(self._sent[name], ANSWER, answer)

    def _forget_ended(self, sent: Sent) -> None:
        """Forget a task if its trial is under way no more."""
        if sent.name in self._sent and not self._is_under_way(sent.number):
            del self._sent[sent.name], self._names[sent.number]
            self._hang_up(sent)

    def _hang_up(self, sent: Sent) -> None:
        """Give back what carried the messages of a task."""


def refuse_without_tunesmith(error: BaseException | None, where: str) -> None:
    """Raise ObjectiveError if a task failed since tunesmith is not installed where it ran.

    Args:
        error: what the task failed with.
        where: in words.
    """
    if isinstance(error, ModuleNotFoundError) and str(error.name).partition(".")[0] == "tunesmith":
        raise ObjectiveError(f"tunesmith is not installed {where}: install it there") from None
