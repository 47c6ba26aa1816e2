"""Python as on Windows: no process groups, no fork, no pseudo-terminals, no locks, no /proc, no /bin/sh.

Jobs are what is left, and Windows is needed for those: here a kernel stands in that ends process groups. What imports
`tunesmith.foundation.system` finds it there.
"""

import itertools
import multiprocessing
import os
import select
import signal
import subprocess
from contextlib import suppress

from hidden import hide

killpg = os.killpg
multiprocessing.set_start_method("spawn")
import tunesmith.foundation.system  # noqa: E402 - it looks at the system that there is
from tunesmith.foundation.system import groups, streams  # noqa: E402 - so does this
from tunesmith.foundation.system.guardian import GUARDIAN  # noqa: E402 - it stands in for the system

hide(
    "fcntl resource termios pty tty pwd grp",
    "killpg setsid setpgid getpgid getpgrp fork forkpty openpty getuid geteuid getgid sched_getaffinity pidfd_open",
    ("/proc", "/sys", "/dev/shm", "/bin/sh"),
)
del select.poll


class Kernel:
    """Jobs, of process groups."""

    def __init__(self):
        self.jobs = {}
        self.numbers = itertools.count(1)

    def start(self, words, env, streams, stdin, handles):
        assert stdin != "output", "there are no pseudo-terminals"
        return subprocess.Popen(
            list(words),
            stdin=subprocess.PIPE if stdin == "pipe" else subprocess.DEVNULL,
            stdout=streams[0],
            stderr=streams[1],
            env=env,
            pass_fds=handles,
            start_new_session=True,
        )

    def job(self):
        return next(self.numbers)

    def assign(self, job, process):
        self.jobs[job] = process.pid
        GUARDIAN.watch(process.pid)  # as Windows ends a job whose owner is gone

    def resume(self, process):
        assert process.pid in self.jobs.values(), "it would start something before it is in its job"

    def interrupt(self, process):
        killpg(process.pid, signal.SIGINT)

    def end(self, job):
        with suppress(ProcessLookupError):
            killpg(self.jobs[job], signal.SIGKILL)

    def close(self, job):
        if job in self.jobs:
            self.end(job)
            GUARDIAN.forget(self.jobs.pop(job))


groups.KERNEL = Kernel()
streams.can_wait_for_pipes = tunesmith.foundation.system.can_wait_for_pipes = lambda: False
tunesmith.foundation.system.can_inherit_files = lambda: False
