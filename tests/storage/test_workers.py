"""Who is dead: only a process of this machine, this boot and this container that is certainly gone."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from tunesmith.foundation import worker_names as workers
from tunesmith.foundation.worker_names import current_worker, is_dead

SCRIPT = (
    "import sys; from tunesmith.foundation.worker_names import *; print(current_worker(), flush=True); sys.stdin.read()"
)
knows_processes = pytest.mark.skipif(
    not current_worker().rsplit(":", 1)[1].strip("@"), reason="the system does not tell processes apart"
)


@pytest.fixture
def child() -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_this_process_lives() -> None:
    assert current_worker() == current_worker()
    assert not is_dead(current_worker())
    assert current_worker().split(":")[-2] == str(os.getpid())


@knows_processes
def test_a_child_lives_and_dies(child: subprocess.Popen[str]) -> None:
    assert child.stdout is not None
    name = child.stdout.readline().strip()
    assert name != current_worker()
    assert not is_dead(name)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT) if sys.platform != "win32" else child.wait()
    assert is_dead(name), "dead, although its parent has not looked yet"
    child.communicate()
    assert is_dead(name)


@knows_processes
def test_a_number_that_a_younger_process_has_now() -> None:
    host, pid, token = current_worker().rsplit(":", 2)
    machine, _, started = token.partition("@")
    assert is_dead(f"{host}:{pid}:{machine}@{started}0")
    parent = os.getppid()
    assert is_dead(f"{host}:{parent}:{machine}@1"), "its parent did not start with the machine"


def gone() -> str:
    """The name of a process that is gone."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], input="", stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


@knows_processes
def test_of_what_is_elsewhere_nothing_is_known() -> None:
    name = gone()
    host, pid, token = name.rsplit(":", 2)
    started = token.partition("@")[2]
    assert is_dead(name)
    assert not is_dead(f"other-{host}:{pid}:{token}")
    assert not is_dead(f"{host}:{pid}:other-boot@{started}")
    assert not is_dead(f"{host}:{pid}:@{started}"), "an unknown machine"


@pytest.mark.parametrize("text", ["", "w", "a:b", "a:b:c", ":::", "host:12:", "host:-1:x@y", f"host:{10**30}:x@y"])
def test_what_is_no_name_is_not_dead(text: str) -> None:
    assert not is_dead(text)


def test_where_the_system_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    name = gone()
    monkeypatch.setattr(workers, "_machine", lambda: "")
    assert not is_dead(name)


def test_a_process_of_someone_else_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(pid: int, number: int) -> None:
        raise PermissionError

    name = gone()
    monkeypatch.setattr(workers, "_stat", lambda pid: [], raising=False)
    monkeypatch.setattr(os, "kill", kill)
    if sys.platform != "win32":
        assert not is_dead(name)


@knows_processes
def test_programs_outside_have_a_time_or_a_process(child: subprocess.Popen[str]) -> None:
    now = time.time()
    early, late = workers.outside_worker(now - 2), workers.outside_worker(now + 60)
    assert [workers.is_overdue(name) for name in (early, late, current_worker())] == [True, False, False]
    assert not any(map(is_dead, (early, late)))
    own = workers.outside_worker(now - 2, child.pid)
    assert not workers.is_overdue(own), "it lives"
    assert not is_dead(own)
    child.communicate("")
    assert is_dead(own)
    with pytest.raises(ProcessLookupError):
        workers.outside_worker(now, child.pid)
    assert all(workers.is_outside(name) for name in (early, late, own))
    assert not workers.is_outside(current_worker())
