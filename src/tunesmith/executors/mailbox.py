"""Messages between the driver and tasks of an engine that has no way of its own: a socket to which tasks connect.

The driver makes a `Mailbox`; its `Address` travels with each task, which runs its trial by `run_connected`. The address
holds no secret, since engines write what they run to files that others may read: it names a file with a key that the
user alone can read. Each end shows the other that it knows the key, and reads nothing else, see
`tunesmith.executors.sealed`. A task that cannot reach the driver runs its trial all the same, and the driver gets all
that it missed with the trial's end.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import queue
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tunesmith.executors import sealed
from tunesmith.executors.sealed import KeyFile, read_key
from tunesmith.executors.supervisor import Job, Setup
from tunesmith.executors.task import Task
from tunesmith.foundation.text import name_and_message
from tunesmith.foundation.threads import raise_what_died, watch
from tunesmith.foundation.worker_names import exists

LOCAL = "127.0.0.1"
READY, ANSWER, CANCEL = b"r", b"a", b"c"  # what a message to a task begins with; after CANCEL comes the grace
LOOK = 1.0  # seconds between two looks whether the driver is there
REACH = 10.0  # seconds that a task tries to reach an address of the driver, and that a connection may say nothing
MOST_UNKNOWN = 64  # connections that have not shown that they know the key; the oldest makes room for the next one
CHUNK = 256 * 1024


@dataclass(frozen=True)
class Address:
    """Where a driver listens.

    Attributes:
        hosts: addresses of its machine, to be tried in turn.
        port: the port.
        key_file: the file with the key.
        pid: of the driver.
        machine: the name of its machine.
    """

    hosts: tuple[str, ...]
    port: int
    key_file: Path
    pid: int
    machine: str

    def __str__(self) -> str:
        return " or ".join(f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}" for host in self.hosts)


class Mailbox:
    """The driver's end. A thread of its own listens and reads.

    Args:
        host: the address or the name of this machine's at which it listens.
        key_folder: where the key is; None: this machine's folder for temporary files.

    Raises:
        KeyFileError: the key cannot be written there.
        ValueError: this machine has no such address.
    """

    def __init__(self, host: str = LOCAL, key_folder: Path | None = None) -> None:
        self._socket = _listening(host)
        try:
            self._key_file = KeyFile(key_folder)
        except BaseException:
            self._socket.close()
            raise
        at, port = self._socket.getsockname()[:2]
        hosts = own_addresses() if ipaddress.ip_address(at).is_unspecified else (at,)
        self.address = Address(hosts, port, self._key_file.path, os.getpid(), socket.gethostname())
        self._inbox: queue.SimpleQueue[tuple[int, bytes] | None] = queue.SimpleQueue()
        self._closed = False
        # From here on, of the thread alone.
        self._unknown: dict[asyncio.StreamWriter, None] = {}  # the oldest first
        self._links: dict[int, list[_Link]] = {}  # by trial; an engine may run a task twice
        self._outbox: dict[int, list[bytes]] = {}  # messages to tasks that are not connected yet
        self._over = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = watch(self._run, "tunesmith-mailbox", "what trials report is not heard")

    def wake(self) -> None:
        """Let `receive` return; from any thread."""
        self._inbox.put(None)

    def receive(self, timeout: float | None) -> list[tuple[int, bytes]]:
        """Wait for messages, at most `timeout` seconds, or until `wake`; return each with the trial that it is of."""
        found = []
        with contextlib.suppress(queue.Empty):
            item = self._inbox.get(timeout=timeout) if timeout is None or timeout > 0 else self._inbox.get_nowait()
            while True:
                if item is not None:
                    found.append(item)
                item = self._inbox.get_nowait()
        return found

    def rest_of(self, number: int) -> list[tuple[int, bytes]]:
        """Return what has come when the ended task of a trial, which closed its connection, has said all."""
        if not self._thread.is_alive():
            raise_what_died()
            return self.receive(0.0)
        asyncio.run_coroutine_threadsafe(self._end_of(number), self._loop).result()
        return self.receive(0.0)

    def send(self, number: int, message: bytes) -> None:
        """Send a message to the task of a trial, now or when it connects."""
        if not self._closed and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._send, number, message)

    def close(self) -> None:
        """Close all connections: tasks that still run end their trials."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._thread.is_alive():
                self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join()
        finally:
            self._key_file.remove()

    # -- in the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()
            self._socket.close()

    async def _serve(self) -> None:
        self._talks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._talk, sock=self._socket)
        await self._over.wait()
        with contextlib.suppress(OSError):  # a process that was forked may hold it open
            self._socket.shutdown(socket.SHUT_RDWR)
        server.close()
        talks = list(self._talks)
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await server.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one connection to its end, whoever made it."""
        talk = asyncio.current_task()
        if talk is None:
            raise RuntimeError("a connection is read outside of a task")
        self._talks.add(talk)
        try:
            number, link, receiver = await self._admit(reader, writer, talk)
            with link.listed(self._links, number):
                link.send(READY)
                for message in self._outbox.pop(number, ()):
                    link.send(message)
                while data := await reader.read(CHUNK):
                    for message in receiver.feed(data):
                        self._inbox.put((number, message))
        except (OSError, EOFError, sealed.RefusedError):
            pass  # it is gone, was too slow, or is none of ours
        finally:
            self._talks.discard(talk)
            with contextlib.suppress(OSError):  # a process that was forked may hold it open
                writer.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
            writer.transport.abort()

    async def _admit(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, talk: asyncio.Task[None]
    ) -> tuple[int, _Link, sealed.Receiver]:
        """Let the other end show that it knows the key, and say its trial."""
        self._unknown[writer] = None
        if len(self._unknown) > MOST_UNKNOWN:
            oldest = next(iter(self._unknown))
            del self._unknown[oldest]
            oldest.transport.abort()
        try:
            async with asyncio.timeout(REACH):
                called = sealed.Called(self._key_file.key)
                writer.write(called.welcome(await reader.readexactly(sealed.HELLO)))
                number, sender, receiver = called.admit(await reader.readexactly(sealed.PROOF))
        finally:
            self._unknown.pop(writer, None)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return number, _Link(writer, sender, talk), receiver

    def _send(self, number: int, message: bytes) -> None:
        links = self._links.get(number)
        if not links:
            self._outbox.setdefault(number, []).append(message)
        for link in links or ():
            link.send(message)

    async def _end_of(self, number: int) -> None:
        self._outbox.pop(number, None)
        if talks := [link.talk for link in self._links.get(number, ())]:
            await asyncio.wait(talks, timeout=REACH)


@dataclass(eq=False)
class _Link:
    """A connection to a task that knows the key."""

    writer: asyncio.StreamWriter
    sender: sealed.Sender
    talk: asyncio.Task[None]

    def send(self, message: bytes) -> None:
        if not self.writer.is_closing():
            self.writer.write(self.sender.seal(message))

    @contextlib.contextmanager
    def listed(self, links: dict[int, list[_Link]], number: int) -> Iterator[None]:
        links.setdefault(number, []).append(self)
        try:
            yield
        finally:
            links[number].remove(self)
            if not links[number]:
                del links[number]


def _listening(host: str) -> socket.socket:
    """Return a socket that listens at an address of this machine, at a port that is free."""
    try:
        family, *_, where = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server((str(where[0]), 0), family=family, backlog=128)
    except (OSError, UnicodeError) as error:
        raise ValueError(
            f"listen={host!r}: this machine cannot listen there ({name_and_message(error)}); give one of its "
            "addresses or names, or 0.0.0.0 for all of them"
        ) from error


def own_addresses() -> tuple[str, ...]:
    """Return the addresses by which other machines may reach this one: those of its name, then that of its way out.

    Only where there is none, the one that this machine alone can reach.
    """
    found = []
    with contextlib.suppress(OSError):
        found += [str(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), 0, type=socket.SOCK_STREAM)]
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.connect(("192.0.2.1", 9))  # sends nothing, and tells from which address it would be sent
        found.append(str(way.getsockname()[0]))
    outside = [a for a in found if "%" not in a and not ipaddress.ip_address(a).is_loopback]
    return tuple(dict.fromkeys(outside)) or (LOCAL,)


# -- in the task -------------------------------------------------------------------------------------------------------


def run_connected(setup: Setup, job: Job, address: Address) -> tuple[bytes, str]:
    """Run a trial in a task of an engine.

    Returns:
        The last message for the driver, and why the task could not connect to it, empty if it could: the task's result.
    """
    try:
        call = _Call(address, job.number)
    except (OSError, EOFError, sealed.RefusedError) as error:
        return Task(setup, job, _nobody).run(), name_and_message(error)
    task = Task(setup, job, call.send)
    over = threading.Event()
    listener = watch(partial(_listen, task, call, address, over), "tunesmith-listens", "the driver is not heard")
    try:
        return task.run(), ""
    finally:
        over.set()
        call.end()
        listener.join()
        call.close()


def _nobody(message: bytes) -> None:
    raise ConnectionError("the driver cannot be reached from here")


class _Call:
    """A task's connection to the driver.

    Raises:
        OSError, EOFError, RefusedError: the driver cannot be reached, or the key file not be read.
    """

    def __init__(self, address: Address, number: int) -> None:
        key = read_key(address.key_file)
        for i, host in enumerate(address.hosts):
            try:
                self._socket = socket.create_connection((host, address.port), REACH)
                break
            except OSError:
                if i == len(address.hosts) - 1:
                    raise
        self._early: list[bytes] = []  # what came with the last step of the handshake
        try:
            self._shake_hands(sealed.Caller(key, number))
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            self._socket.close()
            raise

    def _shake_hands(self, caller: sealed.Caller) -> None:
        end = time.monotonic() + REACH
        self._socket.sendall(caller.hello())
        welcome = b""
        while len(welcome) < sealed.WELCOME:
            welcome += self._some(sealed.WELCOME - len(welcome), end)
        proof, self._sender, self._receiver = caller.prove(welcome)
        self._socket.sendall(proof)
        while not self._early:  # so that the driver knows this task before it may end
            self._early += self._receiver.feed(self._some(CHUNK, end))
        del self._early[0]
        self._socket.settimeout(None)

    def _some(self, most: int, end: float) -> bytes:
        self._socket.settimeout(max(0.001, end - time.monotonic()))
        if data := self._socket.recv(most):
            return data
        raise EOFError("the other end closed the connection")

    def send(self, message: bytes) -> None:
        """Send a message.

        Raises:
            OSError: the driver is gone.
            ValueError: it is too large; it comes with the trial's end.
        """
        self._socket.sendall(self._sender.seal(message))

    def receive(self, timeout: float) -> list[bytes]:
        """Wait for messages at most so many seconds.

        Raises:
            OSError, EOFError, RefusedError: the driver is gone.
        """
        from multiprocessing.connection import wait

        early, self._early = self._early, []
        if early or not wait([self._socket], timeout):
            return early
        if data := self._socket.recv(CHUNK):
            return list(self._receiver.feed(data))
        raise EOFError("the driver closed the connection")

    def end(self) -> None:
        """Say that this is all; `receive` returns at once from now on."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def _listen(task: Task, call: _Call, address: Address, over: threading.Event) -> None:
    """Give the task what the driver sends; end its trial when the driver is gone."""
    here = address.machine == socket.gethostname() and exists(address.pid)
    while not over.is_set():
        try:
            messages = call.receive(LOOK / 5)
        except (OSError, EOFError, sealed.RefusedError):
            if not over.is_set():
                task.cancel(0.0)
            return
        for message in messages:
            if message[:1] == ANSWER:
                task.answer(message[1:])
            elif message[:1] == CANCEL:
                task.cancel(float(message[1:]))
        if not messages and here and not exists(address.pid):  # a process that it forked may hold the connection open
            task.cancel(0.0)
            return
