"""Ends groups of processes, and all that they started, when the process that they belong to is gone, however it ended.

A worker cannot be left to do that itself: one that holds the interpreter's lock in C code (a long multiplication, a
regular expression) runs no other thread, and one that dies can no longer end what it started. Neither is Linux's
PR_SET_PDEATHSIG enough, which ends the worker alone, and does so already when the *thread* that started it ends, as
threads of an engine do. So a small process stands beside each process that has workers.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import sys
import threading

# The guardian's standard input tells it of groups: "+123" and "-123". It ends with the process that it stands beside,
# or when that closes the pipe, which a process that was forked may hold open. An engine that ends a process may kill
# its children first (Ray does). So where the system tells of the end of any process, the guardian is nobody's child.
GUARDIAN_PROGRAM = """\
import os, select, signal, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
ward, groups, text, ended = int(sys.argv[1]), set(), b"", []
try:
    ended = [os.pidfd_open(ward)]
except (AttributeError, OSError):
    pass
lives = os.getppid() == ward
if not lives:
    ended = []  # perhaps of another process that got its number
try:
    if ended and os.fork():
        os._exit(0)
except OSError:
    pass
while True:
    found = select.select([0, *ended], [], [], 1.0 if lives else 0.0)[0]
    if 0 in found:
        data = os.read(0, 4096)
        if not data:
            break
        *lines, text = (text + data).split(b"\\n")
        for line in lines:
            (groups.add if line[:1] == b"+" else groups.discard)(int(line[1:]))
    elif found or not lives:
        break
    else:
        lives = bool(ended) or os.getppid() == ward
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
"""


class Guardian:
    """The guardian of this process; started with the first group, and again if something ended it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._parent = 0
        self._groups: set[int] = set()

    def watch(self, group: int) -> None:
        """End a process group when this process is gone.

        Raises:
            OSError: no process can be started.
        """
        with self._lock:
            if self._parent != os.getpid():  # the first time, or in a process that was forked
                self._process, self._parent, self._groups = None, os.getpid(), set()
            self._groups.add(group)
            if self._process is not None:
                self._process.poll()  # it may have ended at once, and left its work to a process that is not our child
            if not self._tell(f"+{group}\n"):
                self._start()
                self._tell("".join(f"+{g}\n" for g in self._groups))

    def forget(self, group: int) -> None:
        """Do so no longer: the group has ended."""
        with self._lock:
            if self._parent == os.getpid():
                self._groups.discard(group)
                self._tell(f"-{group}\n")

    def _tell(self, text: str) -> bool:
        if self._process is None or self._process.stdin is None:
            return False
        with contextlib.suppress(OSError):
            self._process.stdin.write(text.encode())
            return True
        return False

    def dismiss(self) -> None:
        """End it; for the end of this process."""
        process = self._process
        if process is None or process.stdin is None or self._parent != os.getpid():
            return
        with contextlib.suppress(OSError):
            process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1.0)

    def _start(self) -> None:
        self.dismiss()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", GUARDIAN_PROGRAM, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )


GUARDIAN = Guardian()
atexit.register(GUARDIAN.dismiss)
