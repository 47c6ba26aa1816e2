"""The program of a worker process: loads the objective once, then runs it on one trial after another."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any

from tunesmith.executors import wire
from tunesmith.executors.base import Objective
from tunesmith.trial import Proposals, Trial

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

BEGUN = pickle.dumps((wire.BEGUN,))


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
    connection = _open(handle)
    with contextlib.suppress(EOFError, OSError):  # the driver closed the pipe: no more to do
        _serve(connection)


def _serve(connection: Connection[Any, Any]) -> None:
    connection.send_bytes(pickle.dumps((wire.READY,)))
    payload = connection.recv_bytes()
    try:
        objective: Objective = pickle.loads(payload)
    except BaseException as error:
        reason = f"{type(error).__name__}: {error}"
        connection.send_bytes(pickle.dumps((wire.UNUSABLE, reason, traceback.format_exc())))
        return
    del payload
    connection.send_bytes(pickle.dumps((wire.LOADED,)))
    proposals: Proposals | None = None
    while True:
        trial_bytes, new = pickle.loads(connection.recv_bytes())
        if new is not None:
            proposals = pickle.loads(new)
        trial = wire.load_trial(trial_bytes, proposals)
        connection.send_bytes(BEGUN)
        connection.send_bytes(_run(objective, trial, connection))
        del trial  # what it holds need not live until the next one comes


def _run(objective: Objective, trial: Trial, connection: Connection[Any, Any]) -> bytes:
    """Run the objective; return the message that tells the driver how it ended."""
    trial.connect(RemoteChannel(connection))
    value: Any = None
    fault: wire.Fault | None = None
    try:
        value = objective(trial)
    except BaseException as error:
        fault = wire.dump_fault(error, traceback.format_exc())
    trial.connect(None)
    return wire.dump_end(trial, value, fault)


class RemoteChannel:
    """Sends reports and user attributes of the running trial to the driver, and gets the pruner's answer."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._connection = connection
        self._lock = threading.Lock()  # an objective may report from its own threads

    def report(self, number: int, attempt: int, step: int, value: float) -> bool:
        """Send a report without waiting for the driver, which keeps what it cannot store."""
        with self._lock:
            self._connection.send_bytes(pickle.dumps((wire.REPORT, step, value)))
        return True

    def note(self, number: int, attempt: int, key: str, value: Any) -> bool:
        """Send a user attribute, like a report."""
        with self._lock:
            self._connection.send_bytes(pickle.dumps((wire.NOTE, key, value)))
        return True

    def should_prune(self, number: int, step: int) -> bool:
        """Ask the driver and wait for its answer.

        Raises:
            Exception: what went wrong in the driver, with this question or with a report before it.
        """
        with self._lock:
            self._connection.send_bytes(pickle.dumps((wire.ASK,)))
            answer, fault = pickle.loads(self._connection.recv_bytes())
        if fault is not None:
            raise wire.load_fault(fault)
        return bool(answer)


def _open(handle: int) -> Connection[Any, Any]:
    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection

        return PipeConnection(handle)
    from multiprocessing.connection import Connection

    return Connection(handle)


def _live_as_long_as_the_driver() -> None:
    """End this process, and what the objective started, when the driver is gone, however it ended.

    The driver holds the other end of standard input and never writes to it again, so that it reads as ended when the
    driver is no more. The objective finds an empty standard input.
    """
    lifeline = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def follow() -> None:
        os.read(lifeline, 1)
        if sys.platform != "win32" and os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=follow, name="tunesmith-lifeline", daemon=True).start()
