"""What a worker started is ended with its supervisor, also where an engine kills that one's children first."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tunesmith.testing.executors import process_runs, until

# A process with a group to be ended; what ends it kills its children first, as Ray does with those of a task.
SUPERVISOR = """
import os, signal, subprocess, sys
from tunesmith.foundation.system.guardian import GUARDIAN

stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(1000)"
leader = (
    "import os, subprocess, sys, time;"
    f"child = subprocess.Popen([sys.executable, '-c', {stubborn!r}], stdout=subprocess.PIPE);"
    "child.stdout.readline(); print(child.pid, flush=True); time.sleep(1000)"
)
worker = subprocess.Popen([sys.executable, "-c", leader], stdout=subprocess.PIPE, text=True, start_new_session=True)
GUARDIAN.watch(worker.pid)
print(worker.pid, worker.stdout.readline(), flush=True)
GUARDIAN._process.wait(30)  # once it is nobody's child
if sys.argv[1] == "children":
    with open(f"/proc/self/task/{os.getpid()}/children") as children:
        for pid in map(int, children.read().split()):
            os.kill(pid, signal.SIGKILL)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not os.path.exists(f"/proc/self/task/{os.getpid()}/children"), reason="needs Linux's /proc")
@pytest.mark.parametrize("first", ["itself", "children"])
def test_nothing_outlives_a_supervisor_that_is_killed(first: str) -> None:
    command = [sys.executable, "-c", SUPERVISOR, first]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2, done.stderr
    until(lambda: not any(map(process_runs, pids)))
