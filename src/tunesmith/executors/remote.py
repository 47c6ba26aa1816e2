"""The program of a worker process: loads the objective once, then runs it on one trial after another."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from tunesmith.errors import TrialInterrupted, is_pruned
from tunesmith.executors import wire
from tunesmith.executors.base import Objective, end_fork, flush, refuse_fork
from tunesmith.executors.completion import UNFINISHED, Completion
from tunesmith.executors.launch import END_AT_ONCE
from tunesmith.executors.remote_pointers import RemotePointers
from tunesmith.foundation.preemption import NOTICE_SIGNALS, PREEMPTION, Terminated
from tunesmith.foundation.system import end_own_group
from tunesmith.history.curves import Reported
from tunesmith.trial import Proposals, Trial
from tunesmith.trial.metrics import Metrics
from tunesmith.trial.record import Fence

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

TERMINATED = 128 + signal.SIGTERM  # the exit code, as a shell would tell it


def main(handle: int) -> None:
    """Serve the driver until it closes the pipe.

    Args:
        handle: this end of the pipe, inherited from the driver: a file descriptor, on Windows a handle.
    """
    _live_as_long_as_the_driver()
    # A handler that does nothing, and not SIG_IGN: programs that the objective starts would inherit that one.
    signal.signal(signal.SIGINT, lambda *_: None)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True)  # what is printed shows at once, and survives a kill
    faulthandler.enable()  # a crash in a library says where
    with contextlib.suppress(EOFError, OSError):  # the driver closed the pipe: no more to do
        _serve(_open(handle))


class RemoteChannel:
    """Sends reports and user attributes of the running trial to the driver, and gets the pruner's answer.

    It also takes SIGTERM, since a message that is being sent must not be cut in two.
    """

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._connection = connection
        self._lock = threading.Lock()  # an objective may report from its own threads
        self._turn = threading.Lock()  # and ask from them: each answer is for one
        self._sender = self._asking = 0  # the thread that sends, and the one that waits for an answer
        self._terminable = self._idle = self._asked = False
        self._pointers = RemotePointers(lambda what, arguments: self._ask(wire.POINTERS, what, arguments))
        self.run = int.from_bytes(os.urandom(7)) << 8  # the number of the run; no other process draws the same
        self.pid = os.getpid()
        self._reported: list[int] = []  # steps
        self._heard = 0  # how many of them the driver's copy of the trial has, by its last answer

    def report(self, number: int, fence: Fence, step: int, value: Reported, cost: float, given: bool) -> bool:
        """Send a report without waiting for the driver, which keeps what it cannot store."""
        self._reported.append(step)
        self.send(wire.REPORT, step, value, cost, given)
        return True

    def note(self, number: int, fence: Fence, key: str, value: Any) -> bool:
        """Send a user attribute, like a report."""
        self.send(wire.NOTE, key, value)
        return True

    def log(self, number: int, fence: Fence, metrics: Metrics) -> bool:
        """Send metrics, like a report."""
        columns = [column.tobytes() for name in metrics for column in metrics[name]]
        self.send(wire.LOG, list(metrics), parts=columns)
        return True

    def should_prune(self, number: int, step: int) -> bool:
        """Ask the driver and wait for its answer.

        Raises:
            Exception: what went wrong in the driver, with this question or with a report before it.
        """
        reported = len(self._reported)
        stops, heard = self._ask(wire.ASK, *([] if reported else [step]))
        if heard == reported:  # else one was lost on the way, and all that follow come with the end
            self._heard = heard
        return bool(stops)

    def heard(self) -> list[int]:
        """Return the steps of the reports that need not come with the end."""
        return self._reported[: self._heard]

    def pointers(self, number: int, fence: Fence) -> RemotePointers:
        """Return what has the driver publish the trial's artifacts."""
        return self._pointers

    def _ask(self, word: bytes, *rest: Any) -> Any:
        """Send a question and wait for its answer, which SIGTERM must not leave in the pipe: the next one is not it."""
        refuse_fork(self.pid)
        with self._turn:
            self._asking = threading.get_ident()
            try:
                self.send(word, *rest)
                answer, fault = wire.load_answer(self._connection.recv_bytes())
            finally:
                self._asking = 0
        self._raise_if_terminated()
        if fault is not None:
            raise wire.load_fault(fault)
        return answer

    # -- for the loop below ----------------------------------------------------------------------------------------

    def send(self, word: bytes, *rest: Any, parts: Sequence[bytes] = ()) -> None:
        """Send a message about this run."""
        self.send_bytes(wire.pack(word, self.run, *rest, parts=parts))

    def send_bytes(self, message: bytes) -> None:
        """Send a message as it is.

        Raises:
            RuntimeError: this process was forked by the objective, and is not the one that runs the trial.
        """
        refuse_fork(self.pid)  # before the lock, which a thread of the parent may have held
        with self._lock:
            self._sender = threading.get_ident()
            try:
                self._connection.send_bytes(message)
            finally:
                self._sender = 0
        self._raise_if_terminated()

    def next_job(self) -> tuple[bytes, bytes | None]:
        """Wait for a trial and, where they are new, its proposals."""
        self._idle = True
        if self._asked:
            leave()
        job: tuple[bytes, bytes | None] = pickle.loads(self._connection.recv_bytes())
        self._idle = False
        self.run += 1
        self._reported, self._heard = [], 0
        return job

    @contextlib.contextmanager
    def terminable(self) -> Iterator[None]:
        """Let SIGTERM raise `Terminated` in the block, once."""
        self._terminable = True
        try:
            if self._asked and not PREEMPTION.asked:
                self._raise()
            yield
        finally:
            self._terminable = False

    def listen(self) -> None:
        """Take the signals by which this process is asked to end."""
        for number in NOTICE_SIGNALS:
            signal.signal(number, self.on_sigterm)

    def on_sigterm(self, number: int, frame: Any) -> None:
        """End the objective, or the process if there is none; a message on its way out first."""
        self._asked = True
        if self._idle:
            leave()
        if not PREEMPTION.waits():
            PREEMPTION.reset()
            self._raise_if_terminated()

    def _raise_if_terminated(self) -> None:
        if self._asked and self._terminable and not PREEMPTION.asked:
            here = threading.get_ident()
            if here == threading.main_thread().ident and here not in (self._sender, self._asking):
                self._raise()

    def _raise(self) -> None:
        self._terminable = False  # a second signal does not disturb the clean-up after the first
        raise Terminated


def _serve(connection: Connection[Any, Any]) -> None:
    """Load the objective and run it on what comes through the pipe until that is closed."""
    connection.send_bytes(wire.pack(wire.READY))
    payload = connection.recv_bytes()
    try:
        objective: Objective = pickle.loads(payload)
    except BaseException as error:
        reason = f"{type(error).__name__}: {error}"
        connection.send_bytes(wire.pack(wire.UNUSABLE, reason, traceback.format_exc()))
        return
    del payload
    channel = RemoteChannel(connection)
    channel.listen()
    connection.send_bytes(wire.pack(wire.LOADED))
    proposals: Proposals | None = None
    with contextlib.closing(Completion()) as completion:
        while True:
            trial_bytes, new = channel.next_job()
            if new is not None:
                proposals = pickle.loads(new)
            trial = wire.load_trial(trial_bytes, proposals)
            channel.listen()  # the objective before may have set a handler of its own
            channel.send(wire.BEGUN)
            channel.send_bytes(_run(objective, trial, channel, completion))
            del trial  # what it holds need not live until the next one comes


def _run(objective: Objective, trial: Trial, channel: RemoteChannel, completion: Completion) -> bytes:
    """Run the objective; return the message that tells the driver how it ended."""
    trial.link.connect(channel)
    value: Any = None
    fault: wire.Fault | None = None
    try:
        with channel.terminable():
            value = objective(trial)
            if isinstance(value, UNFINISHED):
                value = completion.complete(value, trial)
            trial.link.settle(False)
    except Terminated:
        with contextlib.suppress(Exception):  # the next attempt goes on from the checkpoint before
            trial.link.settle(False)  # what the objective was writing is not whole
        leave()
    except BaseException as error:
        if os.getpid() != channel.pid:
            end_fork(error)
        if PREEMPTION.asked and not is_pruned(error):  # a data loader that was asked to end as well, say
            with contextlib.suppress(Exception):
                trial.link.settle(isinstance(error, TrialInterrupted))
            leave()
        fault = wire.dump_fault(error, traceback.format_exc())
        with contextlib.suppress(Exception):
            trial.link.settle(is_pruned(error) or isinstance(error, TrialInterrupted))
        flush()
    if os.getpid() != channel.pid:
        end_fork()
    trial.link.connect(None)
    trial.link.leave_out(channel.heard())
    return wire.dump_end(channel.run, trial, value, fault)


def leave() -> NoReturn:
    """End this process as SIGTERM would, with all that was printed written out."""
    flush()
    os._exit(TERMINATED)


def _open(handle: int) -> Connection[Any, Any]:
    from multiprocessing import connection

    kind: Any = getattr(connection, "PipeConnection", connection.Connection)  # Windows has that, with the same methods
    opened: Connection[Any, Any] = kind(handle)
    return opened


def _live_as_long_as_the_driver() -> None:
    """End this process, and what the objective started, when the driver is gone, however it ended.

    The driver holds the other end of standard input, which reads as ended when the driver is no more. All that it
    writes there is that SIGTERM must not wait for a report. The objective finds an empty standard input.
    """
    lifeline = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def follow() -> None:
        while os.read(lifeline, 1) == END_AT_ONCE:
            PREEMPTION.end_at_once()
        end_own_group()
        os._exit(1)

    threading.Thread(target=follow, name="tunesmith-lifeline", daemon=True).start()
