"""Who runs a trial, written so that others can tell whether it still lives."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path


def current_worker() -> str:
    """Return ``host:boot:pid:start`` of this process; empty parts are unknown on this system."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{_boot()}:{pid}:{_start(pid) or ''}"


def is_dead(worker: str) -> bool:
    """Tell whether a worker is known to be gone: it ran on this host since its last boot, and its process is no more.

    Of a worker elsewhere, or where the system does not tell, nothing is known: False.
    """
    parts = worker.rsplit(":", 3)
    if len(parts) != 4:
        return False
    host, boot, pid_text, start = parts
    if host != socket.gethostname() or not boot or boot != _boot() or not pid_text.isdigit():
        return False
    pid = int(pid_text)
    if not _exists(pid):
        return True
    now = _start(pid)
    return bool(start and now and start != now)  # the number was given to a younger process


def _boot() -> str:
    """An identifier of this boot of the machine, or the empty string."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "" if sys.platform == "win32" else "unix"


def _exists(pid: int) -> bool:
    if sys.platform == "win32":
        return True  # os.kill would end the process there
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return _state(pid) != "Z"


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _state(pid: int) -> str:
    fields = _stat(pid)
    return fields[0] if fields else ""


def _start(pid: int) -> str:
    """When the process started, in clock ticks since boot; empty if unknown."""
    fields = _stat(pid)
    return fields[19] if len(fields) > 19 else ""
