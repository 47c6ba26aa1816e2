"""What machines have: cores, GPUs and memory; and how many trials have room there."""

from __future__ import annotations

import contextlib
import math
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from tunesmith.foundation.system import require
from tunesmith.foundation.text import listing, shown
from tunesmith.foundation.warnings import caution

# -- cores ------------------------------------------------------------------------------------------------------------

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


# -- GPUs -------------------------------------------------------------------------------------------------------------

# What says which devices a process may see, by maker; the first one that is set says which there are.
GPU_VARIABLES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
NVIDIA = Path("/proc/driver/nvidia/gpus")
AMD = Path("/sys/class/kfd/kfd/topology/nodes")


def visible_gpus() -> tuple[str, list[str]]:
    """Return the variable that says which GPUs a process sees, and the GPUs that this one sees, as that names them."""
    for variable in GPU_VARIABLES:
        if (given := os.environ.get(variable)) is not None:
            names = [name.strip() for name in given.split(",")]
            # As CUDA reads it: what stands behind an invalid entry does not count.
            ends = next((i for i, name in enumerate(names) if name in ("", "-1", "NoDevFiles")), len(names))
            return variable, names[:ends]
    if NVIDIA.is_dir():
        return GPU_VARIABLES[0], [str(k) for k in range(len(list(NVIDIA.iterdir())))]
    if AMD.is_dir():  # processors are nodes, too; they have no SIMD units
        nodes = [p for p in AMD.iterdir() if "simd_count 0\n" not in (p / "properties").read_text()]
        return GPU_VARIABLES[1], [str(k) for k in range(len(nodes))]
    return GPU_VARIABLES[0], []


class GpuLeases:
    """Which worker has which GPUs.

    Args:
        each: how many a worker needs; a half, say, means that two workers share one.

    Attributes:
        places: how many workers there are GPUs for.

    Raises:
        ValueError: there are not enough for one worker, or the number is none.
    """

    def __init__(self, each: float) -> None:
        self._variable, names = visible_gpus()
        whole = float(each).is_integer()
        if not each > 0 or (each > 1 and not whole):
            raise ValueError(f"resources: 'gpus' must be a whole number or a part of one GPU; got {each!r}")
        if each > len(names):
            seen = f"it sees {listing(names)}" if names else "it sees none"
            raise ValueError(
                f"resources: a trial needs {each:g} GPUs, and this process has {len(names)} ({seen}; "
                f"{self._variable} says which ones a process may use)"
            )
        if whole:
            count = int(each)
            self._free = [names[k : k + count] for k in range(0, len(names) - count + 1, count)]
        else:
            self._free = [[name] for _ in range(int(1 / each + 1e-9)) for name in names]
        self.places = len(self._free)

    def take(self) -> list[str]:
        """Return the GPUs of a new worker.

        Raises:
            IndexError: all have been taken.
        """
        return self._free.pop(0)

    def give_back(self, lease: list[str]) -> None:
        """Take back the GPUs of a worker that ended."""
        self._free.append(lease)

    def environment(self, lease: list[str]) -> Mapping[str, str]:
        """Return the variables by which a worker sees its GPUs alone."""
        return {self._variable: ",".join(lease)}


# -- how many trials a machine has room for ---------------------------------------------------------------------------

Resources = Mapping[str, float]
PLACE_ROUNDING = 1e-9  # 0.3 / 0.1 is 2.9999999999999996


def places(has: Resources, needs: Resources, cores: float) -> int:
    """Return how many trials fit into a machine at once.

    Args:
        has: its resources by name.
        needs: those of a trial; one of which it needs 0 does not count.
        cores: how many fit if a trial needs nothing.
    """
    counts = [int(has.get(name, 0) / need + PLACE_ROUNDING) for name, need in needs.items() if need > 0]
    return min(counts, default=max(1, int(cores)))


def check_room(needs: Resources, machines: Iterable[Resources], where: str, may_grow: bool) -> None:
    """Check that a trial can ever run on a cluster: one of its machines has all that the trial needs.

    Args:
        needs: the resources of a trial by name.
        machines: what each machine has.
        where: what the machines are, such as "worker of the Dask cluster".
        may_grow: whether more machines may join: then this only warns.

    Raises:
        ValueError: no machine has it, and none will join.
    """
    known = list(machines)
    if any(places(has, needs, 1) for has in known):
        return
    missing = []
    for name, need in needs.items():
        most = max((has.get(name, 0) for has in known), default=0)
        if most + PLACE_ROUNDING < need:
            missing.append(f"{name}: {need:g} (the most that one has is {most:g})")
    lacks = ", ".join(missing) or f"{', '.join(f'{name}: {need:g}' for name, need in needs.items())} in one place"
    words = f"resources: no {where} has what a trial needs: {lacks}"
    if not known:
        words = f"there is no {where} at the moment"
    if not may_grow:
        raise ValueError(f"{words}. Ask for less, or give jobs= where such a machine will join")
    caution(f"{words}. The trials wait until one joins; timeout= ends the waiting")


# -- what a user asks for ---------------------------------------------------------------------------------------------


def checked_jobs(jobs: Any, name: str = "n_jobs") -> int:
    """Return the number of jobs.

    Raises:
        ValueError: it is neither 1 or more, nor -1.
    """
    if isinstance(jobs, bool) or not isinstance(jobs, Integral) or jobs == 0 or jobs < -1:
        raise ValueError(f"{name} must be a whole number, 1 or more, or -1 for one a core; got {shown(jobs)}")
    return cpu_count() if jobs == -1 else int(jobs)


def checked_time_limit(seconds: Any, name: str = "timeout_per_trial") -> float | None:
    """Return the time that a trial may take; None: there is no limit.

    Raises:
        ValueError: it is no number of seconds above 0.
    """
    found = math.inf if seconds is None else _amount(seconds)
    if not found > 0:
        raise ValueError(f"{name} must be seconds, more than 0, or None for no limit; got {shown(seconds)}")
    return None if found == math.inf else found


def checked_memory_limit(size: Any, name: str = "memory_per_trial") -> int | None:
    """Return the bytes that a trial may use.

    Raises:
        ValueError: it is no size, or this system cannot tell what a trial uses.
    """
    if size is not None:
        require("memory", name)
    try:
        return None if size is None else parse_bytes(size)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def checked_grace(seconds: Any) -> float:
    """Return the seconds that a trial has to end by itself.

    Raises:
        ValueError: it is no such number.
    """
    found = _amount(seconds)
    if not 0 <= found < math.inf:
        raise ValueError(f"grace must be seconds, 0 or more; got {shown(seconds)}")
    return found


def checked_resources(resources: Any) -> dict[str, float]:
    """Return what a trial needs, by name.

    Raises:
        TypeError: these are no amounts by name.
        ValueError: an amount is below 0, or not finite.
    """
    if resources is None:
        return {}
    if not isinstance(resources, Mapping) or not all(isinstance(name, str) for name in resources):
        raise TypeError(f'resources must be amounts by name, such as {{"cpus": 2}}; got {shown(resources)}')
    for name, amount in resources.items():
        if not 0 <= _amount(amount) < math.inf:
            raise ValueError(f"resources: {name!r} must be a number, 0 or more; got {shown(amount)}")
    return dict(resources)


def _amount(value: Any) -> float:
    """Return a number; NaN: it is none."""
    try:
        return math.nan if isinstance(value, bool) or not isinstance(value, Real) else float(value)
    except OverflowError:
        return math.nan


# -- memory -----------------------------------------------------------------------------------------------------------

PROC = Path("/proc")


BYTE_UNITS = {"": 1, "B": 1}
BYTE_UNITS |= {f"{u}B": 1000 ** (k + 1) for k, u in enumerate("KMGT")}
BYTE_UNITS |= {f"{u}IB": 1024 ** (k + 1) for k, u in enumerate("KMGT")}


def parse_bytes(size: float | str) -> int:
    """Return a size in bytes, given as a number or as text: "500MB", "2 GB", "1.5GiB".

    Raises:
        ValueError: it is no such size, or not more than 0.
    """
    value = 0.0
    with contextlib.suppress(ValueError, OverflowError, TypeError):
        if not isinstance(size, str):
            value = float(size)
        elif found := re.fullmatch(r"\s*([\d.]+(?:e\+?\d+)?)\s*([a-z]*)\s*", size, re.IGNORECASE):
            value = float(found[1]) * BYTE_UNITS.get(found[2].upper(), math.nan)
    if not 1 <= value < math.inf or isinstance(size, bool):
        raise ValueError(f'a size is a number of bytes or a text such as "500MB", "2GB" or "1.5GiB"; got {shown(size)}')
    return int(value)


def in_words(size: float) -> str:
    """Return a number of bytes for a message: "512 MB", "2.5 GB"."""
    return f"{size / 1e9:.3g} GB" if size >= 1e9 else f"{size / 1e6:.3g} MB"


def memory_of(groups: Collection[int], exact: bool = False) -> Counter[int]:
    """Return the bytes that the processes of each group hold together.

    On Linux that is memory of their own and memory they share as such; pages of files, among them arrays that are
    mapped by many workers, do not count.

    Args:
        groups: numbers of process groups.
        exact: whether pages that processes share after a fork count once and not in each; this takes longer.

    Raises:
        OSError: it cannot be told on this system; so it is on Windows.
    """
    if PROC.joinpath("self", "status").exists():
        return _from_proc(groups, exact)
    listed = subprocess.run(["ps", "-A", "-o", "pgid=,rss="], capture_output=True, text=True, check=False).stdout
    total: Counter[int] = Counter()
    for line in listed.splitlines():
        group, resident = map(int, line.split())
        if group in groups:
            total[group] += 1024 * resident
    return total


def _from_proc(groups: Collection[int], exact: bool) -> Counter[int]:
    total: Counter[int] = Counter()
    for name in os.listdir(PROC):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):  # it ended meanwhile
                # "pid (name) state parent group ...", and the name may hold anything
                group = int((PROC / name / "stat").read_bytes().rpartition(b")")[2].split()[2])
                if group in groups:
                    total[group] += _held(PROC / name, exact)
    return total


def _held(process: Path, exact: bool) -> int:
    """Return the bytes that a process holds."""
    if exact:
        with contextlib.suppress(OSError):  # of another user, or an old kernel
            if found := _sum_of_fields(process / "smaps_rollup", (b"Pss_Anon:", b"Pss_Shmem:")):
                return found
    return _sum_of_fields(process / "status", (b"RssAnon:", b"RssShmem:"))


def _sum_of_fields(path: Path, names: tuple[bytes, ...]) -> int:
    return 1024 * sum(int(line.split()[1]) for line in path.read_bytes().splitlines() if line.startswith(names))


def oom_kills() -> int:
    """Return how often the system killed a process of this container for memory; 0 where that is not told."""
    for name in ("memory.events", "memory/memory.oom_control"):  # version 2, version 1
        with contextlib.suppress(OSError, ValueError, IndexError):
            for line in (CGROUP / name).read_text().splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    return 0
