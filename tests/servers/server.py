"""A database server of our own, to be thrown away: on a UNIX socket, with no port to be taken or open."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.servers.proxy import Proxy, dial_unix


def user_for(names: Sequence[str]) -> str | None:
    """The user to run a server as, which refuses root; None: this one."""
    if os.geteuid() != 0:
        return None
    import pwd

    for name in (*names, "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    pytest.skip(f"database servers refuse to run as root, and there is no user {' or '.join(names)} here")


def program(name: str, *folders: str) -> Path | None:
    """A program of the PATH, or of folders outside of it where Debian keeps some."""
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")))
    places = [Path(found)] if found else []
    for folder in folders:  # the newest version first
        places += sorted(Path("/").glob(f"{folder}/{name}".lstrip("/")), reverse=True)
    return places[0] if places else None


class Server(ABC):
    """A server that can be started, killed and started again; its data stay until it is removed.

    Attributes:
        home: its folder, with the socket, the data and the log.
    """

    name: str

    def __init__(self, user: str | None) -> None:
        self.user = user
        # Straight under the system's temporary folder: a socket's path may have about 100 characters only.
        self.home = Path(tempfile.mkdtemp(prefix="tunesmith-db-"))
        if user is not None:
            shutil.chown(self.home, user)
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[object]:
        """What starts it."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it takes a connection and answers."""

    @property
    @abstractmethod
    def socket(self) -> Path:
        """Where its UNIX socket is."""

    @abstractmethod
    def url(self, database: str, port: int | None = None) -> str:
        """The SQLAlchemy URL of a database, on the socket or through a proxy's port."""

    @abstractmethod
    def sql(self, database: str, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements past all proxies; return the rows of the last one."""

    def proxy(self) -> Proxy:
        """A new proxy before it."""
        return Proxy(dial_unix(str(self.socket)))

    def prepare(self, *command: object) -> None:
        """Run a program that makes the data, as the server's user; on a busy machine it may fail once."""
        for last in (False, True):
            done = subprocess.run(
                list(map(str, command)), user=self.user, cwd=self.home, capture_output=True, text=True, check=False
            )
            if done.returncode == 0:
                return
            if last:
                shutil.rmtree(self.home, ignore_errors=True)
                pytest.fail(f"{self.name}: {command[0]} failed:\n{done.stdout}{done.stderr}")
            shutil.rmtree(self.home / "data", ignore_errors=True)

    def start(self) -> None:
        """Start it, and wait until it answers; what it left behind when it was killed may be in its way at first."""
        end = time.monotonic() + 60
        while True:
            with (self.home / "log").open("ab") as out:
                self._process = subprocess.Popen(
                    list(map(str, self.command())), user=self.user, cwd=self.home, stdout=out, stderr=out
                )
            while self._process.poll() is None:
                if self.answers():
                    return
                if time.monotonic() > end:
                    break
                time.sleep(0.05)
            if time.monotonic() > end:
                log = (self.home / "log").read_text(errors="replace")
                self.kill()
                pytest.fail(f"{self.name} did not start:\n{log[-3000:]}")
            time.sleep(0.2)

    def kill(self) -> None:
        """Kill it with SIGKILL: no farewell to anybody."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End it in peace, which ends sessions that a failed test left open."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT if self.name == "PostgreSQL" else signal.SIGTERM)
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill()

    def remove(self) -> None:
        """End it and remove its data."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)
