"""How many cores this process may use."""

from __future__ import annotations

import math
import os
import sys
from contextlib import suppress
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
MOST_ON_WINDOWS = 61  # handles that Windows can wait for at once, and with them worker processes


def cpu_count() -> int:
    """Return the number of cores: those of the machine, or what an affinity, a container or the user leaves of them.

    The user's limit is the environment variable LOKY_MAX_CPU_COUNT, which joblib knows as well.
    """
    limits = [float(os.cpu_count() or 1), _cgroup_quota()]
    if sys.platform == "win32":
        limits.append(MOST_ON_WINDOWS)
    elif hasattr(os, "sched_getaffinity"):
        limits.append(len(os.sched_getaffinity(0)))
    if (most := os.environ.get("LOKY_MAX_CPU_COUNT")) is not None:
        limits.append(int(most))
    return max(1, math.ceil(min(limits)))


def _cgroup_quota() -> float:
    """Return the cores' worth of time that a container may use; infinity where there is no such limit."""
    for files in (["cpu.max"], ["cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"]):  # version 2, version 1
        with suppress(OSError, ValueError):  # not there, or "max"
            quota, period = map(int, " ".join((CGROUP / name).read_text() for name in files).split())
            if quota > 0 and period > 0:
                return quota / period
    return math.inf
