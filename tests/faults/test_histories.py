"""Histories of real processes on real databases, under cuts and kills, are recorded and held against the laws.

With TUNESMITH_FAULTS=full there are 50 on each database; by default a few.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.faults.laws import violations
from tests.faults.recorded import OK, REFUSED, UNKNOWN, Operation, read_operations, read_stored, to_json
from tests.servers.proxy import Proxy
from tests.servers.server import Server

from tunesmith.storage.sql import SQLStorage

HISTORIES = 50 if os.environ.get("TUNESMITH_FAULTS") == "full" else 3
PROCESSES, THREADS, STEPS = 3, 2, 80  # of one history
BREAKS = (0, 1, 10)  # lost connections after which a call gives up, so that its outcome is unknown; for each process
CALM = 120  # replies of a server between two disturbances, at most
KILLS = 2  # of one history, at most
LONG = 120.0
SESSIONS = {
    "PostgreSQL": (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    ),
    "MariaDB": "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND id <> connection_id()",
}


@dataclass
class Place:
    """A database that workers reach through a proxy, if it is a server's."""

    url: str
    database: str = ""
    server: Server | None = None
    proxy: Proxy | None = None
    _calm_until: int = 0

    @property
    def through(self) -> str:
        """The URL for workers."""
        if self.server is None or self.proxy is None:
            return self.url
        return self.server.url(self.database, self.proxy.port)

    def disturb(self, chance: random.Random) -> None:
        """Break something on the way to the server, after some replies of it: whoever connects must get through."""
        if self.proxy is None or self.proxy.replies < self._calm_until:
            return
        self._calm_until = self.proxy.replies + chance.randrange(CALM)
        what = chance.random()
        if what < 0.6:
            self.proxy.drop(chance.randrange(1, 8))
        elif what < 0.95:
            self.proxy.cut()
        else:
            self.proxy.down()
            self.proxy.up()

    def wait_until_quiet(self) -> None:
        """Wait until the server has ended all that workers had on its way, and let new ones come."""
        if self.server is None or self.proxy is None:
            return
        self.proxy.down()
        end = time.monotonic() + LONG
        while self.server.sql(self.database, SESSIONS[self.server.name])[0][0]:
            assert time.monotonic() < end, "a session does not end"
            time.sleep(0.05)
        self.proxy.drop(None)
        self.proxy.up()


@pytest.fixture(
    params=["sqlite", *(pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("postgres", "mariadb"))]
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        yield Place(str(tmp_path / "tune.db"))
        return
    server: Server = request.getfixturevalue(request.param)
    database: str = request.getfixturevalue(f"{request.param}_database")
    with server.proxy() as proxy:
        yield Place(server.url(database), database, server, proxy)


def record(place: Place, study_id: int, folder: Path, seed: int) -> tuple[list[Operation], int]:
    """Let workers act on a study while their connections are cut and some are killed; return what they did, and kills.

    Args:
        place: where.
        study_id: the study.
        folder: for the records.
        seed: of all that is random but the times.
    """
    chance = random.Random(seed)
    kills = chance.randrange(KILLS + 1)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), *filter(None, sys.path)])}
    running: dict[int, subprocess.Popen[bytes]] = {}  # by the index of its first actor
    started = 0

    def start(stack: ExitStack) -> None:
        nonlocal started
        first, breaks = 1 + started * THREADS, BREAKS[started % len(BREAKS)]
        numbers = (seed * 1000 + first, THREADS, STEPS, breaks)
        arguments = [place.through, str(study_id), str(folder), *map(str, numbers)]
        process = subprocess.Popen([sys.executable, "-m", "tests.faults.actor", *arguments], env=environment)
        stack.callback(process.wait)
        stack.callback(process.kill)
        running[seed * 1000 + first] = process
        started += 1

    with ExitStack() as stack:
        for _ in range(PROCESSES):
            start(stack)
        end = time.monotonic() + LONG
        done = 0
        while running:
            assert time.monotonic() < end, "workers hang"
            time.sleep(0.01)
            place.disturb(chance)
            for first, process in list(running.items()):
                path = folder / f"{first}.jsonl"
                if done < kills and path.exists() and path.stat().st_size > chance.randrange(20_000):
                    process.kill()
                    assert process.wait(LONG) < 0 or process.returncode == 0
                    del running[first]
                    done += 1
                    start(stack)
                elif process.poll() is not None:
                    assert process.returncode == 0
                    del running[first]
    return read_operations(folder.glob("*.jsonl")), done


def test_the_laws_hold_in_recorded_histories(place: Place, tmp_path: Path) -> None:
    """No attempt has two workers, no end is lost or doubled, no reader misses one, a refused write leaves nothing."""
    outcomes: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    killed = 0
    for seed in range(HISTORIES):
        folder = tmp_path / str(seed)
        folder.mkdir()
        storage = SQLStorage(place.url)
        study = storage.create_study(f"history {seed}", ["minimize"], seed)
        storage.close()
        operations, kills = record(place, study.id, folder, seed)
        place.wait_until_quiet()
        stored = read_stored(storage, study.id)
        storage.close()
        found = violations(operations, stored)
        (folder / "history").write_text(to_json(operations, stored))
        assert not found, f"history {seed}, in {folder}:\n" + "\n".join(found[:20])
        outcomes.update(one.outcome for one in operations)
        kinds.update(one.name for one in operations)
        killed += kills
    print(f"{HISTORIES} histories, {killed} kills: {dict(outcomes)}; {dict(kinds)}")
    assert outcomes.keys() <= {OK, REFUSED, UNKNOWN}
    assert outcomes[REFUSED]
    assert place.server is None or outcomes[UNKNOWN], "nothing went wrong"
