"""How much memory process groups use, and whether the system killed a process for its use of memory."""

from __future__ import annotations

import contextlib
import math
import os
import re
import subprocess
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from tunesmith.executors.cores import CGROUP

PROC = Path("/proc")


UNITS = {"": 1, "B": 1}
UNITS |= {f"{u}B": 1000 ** (k + 1) for k, u in enumerate("KMGT")}
UNITS |= {f"{u}IB": 1024 ** (k + 1) for k, u in enumerate("KMGT")}


def parse_bytes(size: float | str) -> int:
    """Return a size in bytes, given as a number or as text: "500MB", "2 GB", "1.5GiB".

    Raises:
        ValueError: it is no such size, or not more than 0.
    """
    found = re.fullmatch(r"\s*([\d.]+(?:e\d+)?)\s*([a-z]*)\s*", str(size), re.IGNORECASE)
    value = 0.0
    if found is not None and found[2].upper() in UNITS:
        with contextlib.suppress(ValueError):
            value = float(found[1]) * UNITS[found[2].upper()]
    if not 1 <= value < math.inf or isinstance(size, bool):
        raise ValueError(f'a size is a number of bytes or a text such as "500MB", "2GB" or "1.5GiB"; got {size!r}')
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
            if found := _fields(process / "smaps_rollup", (b"Pss_Anon:", b"Pss_Shmem:")):
                return found
    return _fields(process / "status", (b"RssAnon:", b"RssShmem:"))


def _fields(path: Path, names: tuple[bytes, ...]) -> int:
    return 1024 * sum(int(line.split()[1]) for line in path.read_bytes().splitlines() if line.startswith(names))


def oom_kills() -> int:
    """Return how often the system killed a process of this container for memory; 0 where that is not told."""
    for name in ("memory.events", "memory/memory.oom_control"):  # version 2, version 1
        with contextlib.suppress(OSError, ValueError, IndexError):
            for line in (CGROUP / name).read_text().splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    return 0
