"""Messages between the driver and tasks of a pool that carries none: files in a folder that both reach.

The driver makes a folder of its own, and in it two files for each task: ``.up`` for what the task says, ``.down`` for
what it is told. Each file has one writer, which appends a line for each message, and one reader, which opens it anew
for each look, since a file system over the network shows only then what is new. A line that a killed task left
unfinished is no message, and is passed over.

The file ``driver`` is touched while the driver lives; the folder goes when it has ended.
"""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunesmith.executors.supervisor import Job, Setup
from tunesmith.executors.task import ANSWER, Order, Task, run_and_listen
from tunesmith.foundation.text import name_and_message
from tunesmith.foundation.threads import watch
from tunesmith.foundation.worker_names import current_worker, is_dead

BEAT_SECONDS = 10.0  # seconds between two touches of the file of the driver
SILENCE_SECONDS = 120.0  # seconds without one after which a task on another machine takes the driver for dead
LEFT_SECONDS = 86_400.0  # seconds without one after which the folder is removed by the next driver
DRIVER_LOOK_SECONDS = 1.0  # seconds between two looks of a task at whether the driver lives
FIRST_PAUSE = 0.001  # seconds until the next look after a message; each look that finds nothing doubles them


def append(path: Path, message: bytes) -> None:
    """Write a message to a file that is there.

    Raises:
        OSError: the folder is gone, or cannot be reached.
    """
    with open(path, "ab", opener=lambda name, flags: os.open(name, flags & ~os.O_CREAT)) as file:
        file.write(b"\n" + base64.b64encode(message) + b"\n")  # the first one ends what was left unfinished


class Reader:
    """Reads the messages of a file.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._at = path, 0

    def read(self) -> list[bytes]:
        """Return the messages since the last look.

        Raises:
            OSError: the folder is gone, or cannot be reached.
        """
        with open(self._path, "rb") as file:
            file.seek(self._at)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        found = []
        for line in filter(None, whole.split(b"\n")):
            with suppress(ValueError):
                found.append(base64.b64decode(line, validate=True))
        return found


@dataclass(frozen=True)
class Address:
    """Where a task finds its driver.

    Attributes:
        folder: the folder of the driver.
        driver: the name of its process.
        pause: seconds between two looks, at most.
    """

    folder: Path
    driver: str
    pause: float

    def up(self, name: str) -> Path:
        """Return the file of what a task says."""
        return self.folder / f"{name}.up"

    def down(self, name: str) -> Path:
        """Return the file of what a task is told."""
        return self.folder / f"{name}.down"

    @property
    def beats(self) -> Path:
        """The file that is touched while the driver lives."""
        return self.folder / "driver"


class DriversFolder:
    """The driver's end.

    Args:
        parent: where the folder is made.
        pause: seconds between two looks, at most.

    Raises:
        OSError: no folder can be made there.
    """

    def __init__(self, parent: Path, pause: float) -> None:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_left(parent)
        folder = Path(tempfile.mkdtemp(prefix="tunesmith-tasks-", dir=parent))  # this user's alone
        self.address = Address(folder, current_worker(), pause)
        self.address.beats.touch()
        self._over = threading.Event()
        self._thread = watch(self._beat, "tunesmith-beats", "tasks on other machines take this process for dead")

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            with suppress(OSError):  # the disk is away for a while
                os.utime(self.address.beats)

    def expect(self, name: str) -> Reader:
        """Make the files of a task; return what reads its messages."""
        self.address.down(name).touch()
        self.address.up(name).touch()
        return Reader(self.address.up(name))

    def tell(self, name: str, word: str, value: Any) -> None:
        """Send a word to a task: an answer, or the seconds after which it is ended."""
        with suppress(OSError):  # the disk is away, or the task's files are gone since it has ended
            append(self.address.down(name), word.encode() + (value if word == ANSWER else str(value).encode()))

    def forget(self, name: str) -> None:
        """Remove the files of a task that ended."""
        for path in (self.address.down(name), self.address.up(name)):
            with suppress(OSError):
                path.unlink()

    def close(self) -> None:
        """Remove the folder: tasks that still run end their trials."""
        self._over.set()
        self._thread.join()
        shutil.rmtree(self.address.folder, ignore_errors=True)


def _remove_left(parent: Path) -> None:
    """Remove folders that drivers which were killed have left."""
    for beats in parent.glob("tunesmith-tasks-*/driver"):
        with suppress(OSError):  # another user's, or removed by now
            if time.time() - beats.stat().st_mtime > LEFT_SECONDS:
                shutil.rmtree(beats.parent, ignore_errors=True)


# -- in the task -------------------------------------------------------------------------------------------------------


class TasksFolder:
    """The task's end.

    Args:
        address: where the driver is.
        name: of the task.

    Raises:
        OSError: the folder cannot be reached.
    """

    def __init__(self, address: Address, name: str) -> None:
        self._address = address
        self._up, self._down = address.up(name), Reader(address.down(name))
        self._up.stat()
        # The answers are for an earlier run of the task, if the pool runs it again.
        self._orders = [order for order in map(_order_in, self._down.read()) if order[0] != ANSWER]
        self._sent = threading.Event()
        self._pause, self._looked = FIRST_PAUSE, 0.0
        self._beat, self._beat_at = 0, 0.0

    def send(self, message: bytes) -> None:
        """Send a message.

        Raises:
            OSError: the folder cannot be reached.
        """
        append(self._up, message)
        self._sent.set()  # there may be an answer soon

    def next_order(self) -> Order | None:
        """Wait a moment for a word; None: there was none.

        Raises:
            OSError: the driver has ended, or is taken for dead.
        """
        if not self._orders:
            if self._sent.wait(self._pause):
                self._sent.clear()
                self._pause = FIRST_PAUSE
            self._orders = list(map(_order_in, self._down.read()))
            self._pause = FIRST_PAUSE if self._orders else min(2 * self._pause, self._address.pause)
            self._look_for_the_driver()
        return self._orders.pop(0) if self._orders else None

    def _look_for_the_driver(self) -> None:
        now = time.monotonic()
        if now < self._looked + DRIVER_LOOK_SECONDS:
            return
        self._looked = now
        with open(self._address.beats, "rb") as file:  # opened, so that a network's file system asks its server
            beat = os.fstat(file.fileno()).st_mtime_ns
        if beat != self._beat:
            self._beat, self._beat_at = beat, now
        if is_dead(self._address.driver) or now > self._beat_at + SILENCE_SECONDS:
            raise ConnectionError("the driver is dead")


def _order_in(message: bytes) -> Order:
    word, value = message[:1].decode(), message[1:]
    return word, value if word == ANSWER else float(value)


def run_in_pool(setup: Setup, job: Job, address: Address, name: str) -> tuple[bytes, str]:
    """Run a trial in a task of a pool.

    Returns:
        The last message for the driver, and why the task could not reach its folder, empty if it could: the task's
        result.
    """
    try:
        folder = TasksFolder(address, name)
    except OSError as error:
        return Task(setup, job, _nobody).run(), name_and_message(error)
    return run_and_listen(Task(setup, job, folder.send), folder.next_order), ""


def _nobody(message: bytes) -> None:
    raise ConnectionError("the driver cannot be reached from here")
