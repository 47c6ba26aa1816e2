"""The socket to which tasks of a cluster connect: what others who share its machines and its files can do there."""

from __future__ import annotations

import hmac
import os
import pickle
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

import tunesmith
from tunesmith import Trial
from tunesmith.errors import KeyFileError
from tunesmith.executors import mailbox, sealed, wire
from tunesmith.executors.base import Finished
from tunesmith.executors.futures import FuturesExecutor
from tunesmith.executors.mailbox import Mailbox
from tunesmith.executors.sealed import KeyFile, read_key
from tunesmith.testing.executors import Recorder, a_trial, opened, run_all, until
from tunesmith.testing.objectives import learn

posix = pytest.mark.skipif(os.name == "nt", reason="files have no mode there")


@pytest.fixture
def box() -> Iterator[Mailbox]:
    box = Mailbox()
    yield box
    box.close()


class Evil:
    """What runs code where it is unpickled."""

    def __init__(self, touched: Path) -> None:
        self.touched = touched

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.touched,)


# -- what goes through -------------------------------------------------------------------------------------------------


def test_messages_to_a_task_wait_until_it_connects(box: Mailbox) -> None:
    box.send(7, b"before")
    call = mailbox._Call(box.address, 7)
    heard: list[bytes] = []
    until(lambda: heard.extend(call.receive(0.05)) or heard == [b"before"])
    call.send(b"late")
    call.end()
    assert box.rest_of(7) == [(7, b"late")]
    call.close()
    box.close()
    box.close()
    with pytest.raises(KeyFileError, match="cannot be read"):
        mailbox._Call(box.address, 7)


@pytest.mark.parametrize("size", [0, 1, 5_000_000])
def test_messages_come_whole_and_in_order(box: Mailbox, size: int) -> None:
    call = mailbox._Call(box.address, 1)
    sent = [bytes([k]) * size for k in range(5)]
    for message in sent:
        call.send(message)
        box.send(1, message)
    heard: list[bytes] = []
    until(lambda: heard.extend(call.receive(0.05)) or len(heard) == 5)
    call.end()
    assert heard == sent
    assert box.rest_of(1) == [(1, message) for message in sent]
    call.close()


def test_a_message_that_is_too_large_comes_with_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "LARGEST", 1000)

    def objective(trial: Trial) -> float:
        trial.set_user_attr("large", "x" * 2000)
        trial.report(1.0, 1)
        return 2.0

    study = tunesmith.create_study(seed=0)
    study.optimize(objective, n_trials=1, executor="futures", n_jobs=1)
    assert study.trials[0].user_attrs == {"large": "x" * 2000}
    assert study.trials[0].intermediate_values == {1: 1.0}


# -- who does not know the key -----------------------------------------------------------------------------------------

MAC = 32 * b"\0"
FORGED = {
    "nothing": b"",
    "garbage": bytes(range(256)) * 4,
    "a request": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "another version": b"tunesmith-1\n" + 68 * b"\0",
    "a guess": sealed.MAGIC + 32 * b"a" + struct.pack(">q", 0) + MAC,
    "a guess, and then a pickle": sealed.MAGIC + 32 * b"a" + struct.pack(">q", 0) + MAC + pickle.dumps(print),
    "a length of 4 GB": sealed.MAGIC + 32 * b"a" + struct.pack(">q", 0) + MAC + b"\xff\xff\xff\xff" + MAC,
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_who_does_not_know_the_key_is_dropped(box: Mailbox, forged: bytes) -> None:
    call = mailbox._Call(box.address, 0)
    with socket.create_connection((box.address.hosts[0], box.address.port), 10) as there:
        there.sendall(forged)
        if len(forged) < sealed.HELLO:
            there.shutdown(socket.SHUT_WR)
        heard = b""
        try:
            while data := there.recv(4096):
                heard += data
        except ConnectionResetError:
            pass
    # At most its own random bytes and a tag that it can do nothing with.
    assert len(heard) in (0, sealed.WELCOME)
    call.send(b"mine")
    call.end()
    assert box.rest_of(0) == [(0, b"mine")]
    call.close()


def test_a_task_with_another_key_and_a_driver_with_another_key_are_refused(box: Mailbox, tmp_path: Path) -> None:
    other = KeyFile(tmp_path).path
    with pytest.raises((sealed.RefusedError, OSError, EOFError)):
        mailbox._Call(replace(box.address, key_file=other), 0)
    assert box.receive(0.0) == []


def _handshake(key: bytes, number: int = 5) -> tuple[sealed.Sender, sealed.Receiver, sealed.Sender, sealed.Receiver]:
    caller, called = sealed.Caller(key, number), sealed.Called(key)
    proof, task_sends, task_hears = caller.prove(called.welcome(caller.hello()))
    found, driver_sends, driver_hears = called.admit(proof)
    assert found == number
    return task_sends, task_hears, driver_sends, driver_hears


KEY = bytes(range(32))


def test_a_message_is_heard_once_in_its_place_and_by_the_other_end_alone() -> None:
    sends, hears_back, sends_back, hears = _handshake(KEY)
    first, second = sends.seal(b"one"), sends.seal(b"two")
    assert list(hears.feed(first)) == [b"one"]
    for wrong in (
        first,  # again
        sends.seal(b"three"),  # the second is left out
        sends_back.seal(b"one"),  # what the driver itself says, sent back
        bytes([*second[:-1], second[-1] ^ 1]),  # changed
        second[:3] + bytes([second[3] ^ 1]) + second[4:],
        _handshake(KEY)[0].seal(b"one"),  # of another connection
    ):
        again = sealed.Receiver(hears._key)
        list(again.feed(first))
        with pytest.raises(sealed.RefusedError):
            list(again.feed(wrong))
    with pytest.raises(sealed.RefusedError):
        list(hears_back.feed(sealed.Sender(sends._key).seal(b"one")))
    assert list(hears.feed(second)) == [b"two"]


def test_a_handshake_cannot_be_repeated_or_reflected() -> None:
    caller, called = sealed.Caller(KEY, 5), sealed.Called(KEY)
    welcome = called.welcome(caller.hello())
    proof, *_ = caller.prove(welcome)
    later = sealed.Called(KEY)
    later.welcome(caller.hello())
    with pytest.raises(sealed.RefusedError):
        later.admit(proof)  # heard on the way, and sent again
    with pytest.raises(sealed.RefusedError):
        called.admit(struct.pack(">q", 6) + proof[8:])  # for another trial
    # The driver's own words, sent back to it, and the task's to the task.
    with pytest.raises(sealed.RefusedError):
        called.admit(struct.pack(">q", 5) + welcome[32:])
    with pytest.raises(sealed.RefusedError):
        sealed.Caller(KEY, 5).prove(proof[-32:] + proof[-32:])


def test_a_length_is_believed_only_with_its_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    *_, hears = _handshake(KEY)
    with pytest.raises(sealed.RefusedError):
        list(hears.feed(b"\xff\xff\xff\xff" + MAC))  # and no byte of the rest is waited for
    sends, _, _, hears = _handshake(KEY)
    head = struct.pack(">I", 2**31)
    true_tag = hmac.digest(sends._key, b"length" + struct.pack(">q", 0) + head, "sha256")
    with pytest.raises(sealed.RefusedError, match=r"2,147,483,648 bytes; 67,108,864 are the most"):
        list(hears.feed(head + true_tag))
    with pytest.raises(ValueError, match="the most"):
        sends.seal(bytes(sealed.LARGEST + 1))


def test_silent_connections_keep_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some say nothing, some a byte at a time; more than are kept at once."""
    with opened(FuturesExecutor(jobs=1), learn, Recorder()) as executor:
        box = executor._mailbox  # type: ignore[attr-defined]  # of the executor above
        where = (box.address.hosts[0], box.address.port)
        silent = [socket.create_connection(where) for _ in range(2 * mailbox.MOST_UNKNOWN)]
        for there in silent[::2]:
            there.send(sealed.MAGIC[:1])
        (event,) = run_all(executor, [a_trial(0)])
        assert len(box._unknown) <= mailbox.MOST_UNKNOWN
        for there in silent:
            there.close()
    assert isinstance(event, Finished)


def test_a_connection_that_says_nothing_is_closed(monkeypatch: pytest.MonkeyPatch, box: Mailbox) -> None:
    monkeypatch.setattr(mailbox, "REACH", 0.05)
    with socket.create_connection((box.address.hosts[0], box.address.port), 30) as there:
        assert there.recv(1) == b""


def test_a_driver_that_is_none_gets_nothing_but_random_bytes(box: Mailbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as false, ThreadPoolExecutor(1) as pool:
        port = false.getsockname()[1]
        trial = pool.submit(mailbox._Call, replace(box.address, port=port), 3)
        there, _ = false.accept()
        assert there.recv(100)[: len(sealed.MAGIC)] == sealed.MAGIC
        there.sendall(64 * b"x")
        with pytest.raises(sealed.RefusedError):
            trial.result()
        assert there.recv(100) == b""
        there.close()


# -- what travels ------------------------------------------------------------------------------------------------------


def test_messages_are_data(tmp_path: Path) -> None:
    """Nothing that comes from the mailbox is unpickled, not even from who knows the key."""
    touched = tmp_path / "touched"
    with opened(FuturesExecutor(jobs=1), learn, Recorder()) as executor:
        executor._begin(a_trial(4), None)  # type: ignore[attr-defined]  # of the executor above
        call = mailbox._Call(executor._mailbox.address, 4)  # type: ignore[attr-defined]  # of the executor above
        evil = pickle.dumps(Evil(touched))
        call.send(wire.pack(wire.BEGUN, 1))
        call.send(wire.pack(wire.END, 1, None, parts=[evil, evil, b"", b""]))
        call.send(wire.pack(wire.PRINTED, "", parts=[wire.pack(wire.END, 1, None, parts=[evil, evil, b"", b""])]))
        call.send(wire.pack(wire.UNUSABLE, "x", "y"))
        call.send(wire.pack(wire.REPORT, 1, 0, 0.5, 1.0, False))
        call.end()
        executor._read(executor._mailbox.rest_of(4))  # type: ignore[attr-defined]  # of the executor above
        events = executor._take_events()  # type: ignore[attr-defined]  # of the executor above
        executor._runs.clear()  # type: ignore[attr-defined]  # of the executor above
        call.close()
    assert [type(event).__name__ for event in events] == ["Began", "Report"]
    assert not touched.exists()


def test_what_is_no_message_is_an_error() -> None:
    for wrong in (b"", b"v", b"v123", b"v" + b"\xff" * 8, b"v" + struct.pack(">Q", 2) + b"{}", pickle.dumps(1)):
        with pytest.raises(ValueError, match="a message"):
            wire.unpack(wrong)
    assert wire.unpack(wire.pack(b"v", 2**70, None, [1.5, "é\ud800"], parts=[b"", b"\0"])) == (
        2**70, None, [1.5, "é\ud800"], b"", b"\0",
    )  # fmt: skip


# -- the key -----------------------------------------------------------------------------------------------------------


class SharedFolderCluster:
    """Submits as submitit does: a job is a file in a folder of all, which its process reads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.futures: list[Future[Any]] = []
        self._pool = ThreadPoolExecutor(1)

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        file = self.folder / f"{len(self.futures)}_submitted.pkl"
        file.write_bytes(cloudpickle.dumps((function, arguments)))
        file.chmod(0o644)
        self.futures.append(self._pool.submit(self._run, file))
        return self.futures[-1]

    @staticmethod
    def _run(file: Path) -> Any:
        function, arguments = pickle.loads(file.read_bytes())
        return function(*arguments)


def test_a_job_file_holds_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    keys: list[bytes] = []
    files: list[Path] = []

    def objective(trial: Trial) -> float:
        trial.report(1.0, 1)
        trial.should_prune()
        return 1.0

    cluster = SharedFolderCluster(tmp_path)
    executor = FuturesExecutor(cluster, jobs=1, listen="127.0.0.1")
    recorder = Recorder()
    with opened(executor, objective, recorder):
        files += (tmp_path / "state" / "tunesmith" / "keys").iterdir()
        keys += [file.read_bytes() for file in files]
        if os.name != "nt":
            assert [file.stat().st_mode & 0o777 for file in (*files, files[0].parent)] == [0o600, 0o700]
        (event,) = run_all(executor, [a_trial(0)])
    assert isinstance(event, Finished)
    assert recorder.reports == [(0, 1, 1.0)]
    (key,) = keys
    jobs = list(tmp_path.glob("*_submitted.pkl"))
    assert len(jobs) == 1
    for form in (key, key.hex().encode()):
        assert not any(form in job.read_bytes() for job in jobs)
    assert not files[0].exists()  # the run is over


@posix
def test_a_key_file_that_others_may_know_is_refused(tmp_path: Path) -> None:
    written = KeyFile(tmp_path / "new" / "keys")
    key, path = written.key, written.path
    assert read_key(path) == key
    link = tmp_path / "link"
    link.symlink_to(path)
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "short").write_bytes(key[:-1])
    (tmp_path / "short").chmod(0o600)
    for wrong in (link, tmp_path / "pipe", tmp_path / "short", tmp_path / "none", tmp_path):
        with pytest.raises(KeyFileError):
            read_key(wrong)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match=r"others can read or write the key file .*mode 0640"):
        read_key(path)


@posix
def test_a_folder_that_keeps_no_secret_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = os.fstat

    def as_on_a_share(file: int) -> os.stat_result:
        return os.stat_result((0o100777, *made(file)[1:]))

    monkeypatch.setattr(os, "fstat", as_on_a_share)
    with pytest.raises(KeyFileError, match=r"give key_folder= a folder whose file system keeps the mode 0600"):
        KeyFile(tmp_path)
    assert not list(tmp_path.iterdir())


@posix
def test_a_key_file_that_a_killed_process_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    script = f"""
import os, pathlib, signal
from tunesmith.executors.sealed import KeyFile
left = KeyFile(pathlib.Path({str(tmp_path)!r}))
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script], check=False)
    (left,) = tmp_path.iterdir()
    alive = KeyFile(tmp_path)
    assert left.exists(), "it may be one that is being made"
    for path in (left, alive.path):
        os.utime(path, (1e9, 1e9))
    another = KeyFile(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([alive.path, another.path])
    assert read_key(alive.path) == alive.key
    third = KeyFile(tmp_path)
    for written in (alive, another, third):
        written.remove()
    assert not list(tmp_path.iterdir())


# -- where it listens --------------------------------------------------------------------------------------------------


class Auto:
    """A pool of a cluster, by the name of its module and what it says of itself."""

    cluster = "slurm"

    def submit(self, *arguments: Any) -> Future[Any]:
        return Future()


Auto.__module__ = "submitit.auto.auto"


def test_it_listens_to_other_machines_only_where_tasks_are_there_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def listens(**arguments: Any) -> str:
        executor = FuturesExecutor(jobs=1, key_folder=tmp_path, **arguments)
        caplog.clear()
        with caplog.at_level("INFO", "tunesmith"), opened(executor, learn, None):
            found: str = executor._mailbox._socket.getsockname()[0]
            assert caplog.messages == [f"executor futures: listening for tasks at {executor._mailbox.address}"]
        return found

    monkeypatch.setattr("tunesmith.executors.futures.own_addresses", lambda: ("127.0.0.2",))
    local = Auto()
    local.cluster = "local"
    with ThreadPoolExecutor(1) as pool:
        assert listens() == listens(client=pool) == listens(client=local) == "127.0.0.1"
        assert listens(client=pool, listen="127.0.0.3") == "127.0.0.3"
    assert listens(client=Auto()) == "127.0.0.2"
    assert listens(client=Auto(), listen="localhost") in ("127.0.0.1", "::1")
    with pytest.raises(ValueError, match=r"listen='192.0.2.7': this machine cannot listen there .*give one of its"):
        listens(client=Auto(), listen="192.0.2.7")
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    assert mailbox.own_addresses()


def test_a_task_ends_with_its_driver_and_not_with_a_process_elsewhere(box: Mailbox) -> None:
    elsewhere = replace(box.address, machine="another", pid=2**22 + 1)  # no such process here
    call = mailbox._Call(elsewhere, 0)

    class Ending:
        def __init__(self) -> None:
            self.cancelled: list[float] = []

        def cancel(self, grace: float) -> None:
            self.cancelled.append(grace)

    over, task = mailbox.threading.Event(), Ending()
    with ThreadPoolExecutor(1) as pool:
        listening = pool.submit(mailbox._listen, task, call, elsewhere, over)  # type: ignore[arg-type]  # what it needs
        time.sleep(0.3)
        assert task.cancelled == []
        box.close()
        listening.result(30)
    assert task.cancelled == [0.0]
    call.close()
