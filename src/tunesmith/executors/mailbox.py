"""Messages between the driver and tasks of an engine that has no way of its own: a socket to which tasks connect.

The driver makes a `Mailbox`; its `Address` travels with each task, which runs its trial by `run_connected`. Who
connects must know a key that the driver drew. A task that cannot reach the driver runs its trial all the same, and the
driver gets all that it missed with the trial's end.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import struct
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tunesmith.executors.supervisor import Job, Setup
from tunesmith.executors.task import Task

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

LOCAL = "127.0.0.1"
ANSWER, CANCEL = b"a", b"c"  # what a message to a task begins with; after CANCEL comes the grace
LOOK = 1.0  # seconds between two looks whether the driver is there
REACH = 5.0  # seconds that a task tries to reach an address of the driver


@dataclass(frozen=True)
class Address:
    """Where a driver listens.

    Attributes:
        hosts: names and addresses of its machine, to be tried in turn.
        port: the port.
        key: what a task shows, so that nobody else is listened to.
        pid: of the driver.
    """

    hosts: tuple[str, ...]
    port: int
    key: bytes
    pid: int


class Mailbox:
    """The driver's end.

    Args:
        local: whether all tasks run on this machine; else it listens to the network.
    """

    def __init__(self, local: bool) -> None:
        from multiprocessing.connection import Pipe

        key = secrets.token_bytes(32)
        self._listener = socket.create_server((LOCAL if local else "", 0), backlog=128)
        port = int(self._listener.getsockname()[1])
        hosts = (LOCAL,) if local else (socket.getfqdn(), *_addresses(), LOCAL)
        self.address = Address(tuple(dict.fromkeys(hosts)), port, key, os.getpid())
        self._connections: dict[Any, int | None] = {}  # each with the trial of the task, once it has said it
        self._cut_off: Any = None  # the connection that is read: after an interrupt, what comes next has no meaning
        self._outbox: dict[int, list[bytes]] = {}  # messages to tasks that are not connected yet
        self._woken, self._wake = Pipe(duplex=False)
        self._lock = threading.Lock()
        self._closed = False
        threading.Thread(target=self._accept, name="tunesmith-mailbox", daemon=True).start()

    def wake(self) -> None:
        """Let `receive` return; from any thread."""
        with self._lock, contextlib.suppress(OSError):
            if not self._closed:
                self._wake.send_bytes(b"")

    def receive(self, timeout: float | None) -> list[tuple[int, bytes]]:
        """Wait for messages, at most `timeout` seconds, or until `wake`; return each with the trial that it is of."""
        from multiprocessing.connection import wait

        with self._lock:
            known = [c for c in self._connections if c is not self._cut_off]
        found = []
        for ready in wait([*known, self._woken], timeout):
            if ready is self._woken:
                with contextlib.suppress(EOFError, OSError):
                    while self._woken.poll():
                        self._woken.recv_bytes()
            elif (message := self._read(ready)) is not None:
                found.append(message)
        return found

    def rest_of(self, number: int) -> list[tuple[int, bytes]]:
        """Return what the ended task of a trial has sent; it closed the connection before it ended."""
        with self._lock:
            mine = [c for c, of in self._connections.items() if of == number]
            self._outbox.pop(number, None)
        found = []
        for connection in mine:
            while connection in self._connections and connection is not self._cut_off and connection.poll(REACH):
                if (message := self._read(connection)) is not None:
                    found.append(message)
        return found

    def send(self, number: int, message: bytes) -> None:
        """Send a message to the task of a trial, now or when it connects."""
        with self._lock:
            mine = [c for c, of in self._connections.items() if of == number]
            if not mine:
                self._outbox.setdefault(number, []).append(message)
        for connection in mine:
            with contextlib.suppress(OSError):
                connection.send_bytes(message)

    def close(self) -> None:
        """Close all connections: tasks that still run end their trials."""
        with self._lock:
            self._closed = True
            for end in (*self._connections, self._wake, self._woken):
                end.close()
            self._connections.clear()
        with contextlib.suppress(OSError):  # ends the thread that accepts
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _read(self, connection: Any) -> tuple[int, bytes] | None:
        """Read a message; None: it was the first one, which says the trial, or the last."""
        self._cut_off = connection
        try:
            message = connection.recv_bytes()
            self._cut_off = None
        except (EOFError, OSError):
            self._cut_off = None
            with self._lock:
                self._connections.pop(connection, None)
            connection.close()
            return None
        number = self._connections.get(connection)
        if number is None:
            with self._lock:
                self._connections[connection] = number = int(message)
                waiting = self._outbox.pop(number, [])
            for kept in waiting:
                with contextlib.suppress(OSError):
                    connection.send_bytes(kept)
            return None
        return number, message

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                there, _ = self._listener.accept()
                # Beside this thread: who connects and says nothing keeps nobody else waiting.
                threading.Thread(target=self._admit, args=(there,), name="tunesmith-mailbox", daemon=True).start()

    def _admit(self, there: socket.socket) -> None:
        connection = _checked(there, self.address.key, first=True)
        if connection is None:
            return
        with self._lock:
            if self._closed:
                connection.close()
            else:
                self._connections[connection] = None
        self.wake()


def _checked(there: socket.socket, key: bytes, first: bool) -> Connection[Any, Any] | None:
    """Return a connection whose two ends have shown that they know the key; None: the other one does not."""
    from multiprocessing import AuthenticationError
    from multiprocessing.connection import Connection, answer_challenge, deliver_challenge

    if sys.platform != "win32":  # there the time is in another form
        there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", int(REACH), 0))
    there.setblocking(True)
    connection: Connection[Any, Any] = Connection(there.detach())
    try:
        if first:
            deliver_challenge(connection, key)
            answer_challenge(connection, key)
        else:
            answer_challenge(connection, key)
            deliver_challenge(connection, key)
        with socket.socket(fileno=os.dup(connection.fileno())) as same:
            if sys.platform != "win32":
                same.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 0))
            same.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            same.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except (OSError, EOFError, AuthenticationError):
        connection.close()
        return None
    return connection


def _addresses() -> list[str]:
    with contextlib.suppress(OSError):
        return [str(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    return []


# -- in the task -------------------------------------------------------------------------------------------------------


def run_connected(setup: Setup, job: Job, address: Address) -> bytes:
    """Run a trial in a task of an engine; return the last message for the driver.

    Args:
        setup: what all jobs have in common.
        job: the trial.
        address: where the driver listens.

    Returns:
        The bytes that are the task's result.
    """
    connection = _connect(address)

    def send(message: bytes) -> None:
        if connection is None:
            raise ConnectionError("the driver cannot be reached from here")
        connection.send_bytes(message)

    task = Task(setup, job, send)
    if connection is None:
        return task.run()
    over = threading.Event()
    connection.send_bytes(str(job.number).encode())
    listener = threading.Thread(target=_listen, args=(task, connection, address, over), daemon=True)
    listener.start()
    try:
        return task.run()
    finally:
        over.set()
        listener.join()
        connection.close()


def _connect(address: Address) -> Connection[Any, Any] | None:
    for host in address.hosts:
        with contextlib.suppress(OSError):
            there = socket.create_connection((host, address.port), REACH)
            if (connection := _checked(there, address.key, first=False)) is not None:
                return connection
    return None


def _listen(task: Task, connection: Connection[Any, Any], address: Address, over: threading.Event) -> None:
    """Give the task what the driver sends; end its trial when the driver is gone."""
    here = _is_here(address.pid)
    while not over.is_set():
        try:
            if connection.poll(0.05 if not here else LOOK / 5):
                message = connection.recv_bytes()
                if message[:1] == ANSWER:
                    task.answer(message[1:])
                else:
                    task.cancel(float(message[1:]))
            elif here and not _is_here(address.pid):  # a process that it forked may hold the connection open
                task.cancel(0.0)
                return
        except (EOFError, OSError):
            if not over.is_set():
                task.cancel(0.0)
            return


def _is_here(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
