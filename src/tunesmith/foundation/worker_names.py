"""Names of worker processes, and whether the process behind a name is gone.

A name is ``host:pid:token``. The token tells apart all that may share host name and pid: the boot of the machine, the
PID namespace (containers of one machine can have one host name), and the moment the process started (a pid is used
again). Only a process of the same machine, boot and namespace can be known to be dead; any other counts as alive.

A program that holds the loop itself, and asks and tells by commands, has another kind of name (`outside_worker`): the
process that asked has ended when the trial runs, so that nothing gives signs of life for it.

This is not psutil: its ``create_time`` moves with the system clock on Linux, so that after a correction of the clock a
living worker would be taken for dead, and its trial would run twice; the start by the monotonic clock is private there.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from functools import lru_cache

_UNKNOWN = ""
DRIVER_MARK = "+"  # the last character of the name of a process whose trials run in other processes
_OUTSIDE = "outside:"  # what the name of a program begins with that asks and tells by commands


def current_worker() -> str:
    """Return the name of this process; a forked child gets one of its own."""
    return _process_name(os.getpid())


@lru_cache(maxsize=4)
def _process_name(pid: int) -> str:
    return f"{_host()}:{pid}:{_machine()}@{_started(pid)}"


def outside_worker(until: float, pid: int | None = None) -> str:
    """Return a name for a program that asked for a trial by a command, which has ended by the time the trial runs.

    Args:
        until: unix time from which on the trial may be given to another one, where nothing is known of a process.
        pid: the process on this machine that holds the loop: its end is the end of its trials, and while it lives they
            are its own. None: not known.

    Raises:
        ProcessLookupError: there is no such process.
    """
    if pid is not None and not exists(pid):
        raise ProcessLookupError(f"there is no process {pid}")
    return f"{_OUTSIDE}{until:.0f}" + ("" if pid is None else f":{_process_name(pid)}")


def is_outside(worker: str) -> bool:
    """Tell whether a name is one of `outside_worker`, for which no signs of life are given."""
    return worker.startswith(_OUTSIDE)


def is_overdue(worker: str) -> bool:
    """Tell whether a worker of `outside_worker` had its time, and its process is not known to live."""
    if not is_outside(worker):
        return False
    until = worker.removeprefix(_OUTSIDE).partition(":")[0]
    return until.isdecimal() and time.time() > int(until) and not is_alive(worker)


def is_dead(worker: str) -> bool:
    """Tell whether a worker ran on this machine since its last boot, and its process is gone.

    Args:
        worker: what ``current_worker`` returned in that process.

    Returns:
        True only if it is certain. False for a process that lives, for another machine, boot or container, for a text
        that is not a worker's name, and where the system does not tell.
    """
    found = _of_this_machine(worker)
    if found is None:
        return False
    pid, started = found
    if pid == os.getpid():
        return started != _UNKNOWN and started != _started(pid)
    if not exists(pid):
        return True
    now = _started(pid)
    return _UNKNOWN not in (started, now) and started != now


def is_alive(worker: str) -> bool:
    """Tell whether a worker's process is one of this machine and lives.

    Args:
        worker: what ``current_worker`` returned in that process.

    Returns:
        True only if it is certain.
    """
    found = _of_this_machine(worker)
    return found is not None and found[1] != _UNKNOWN and found[1] == _started(found[0])


def _of_this_machine(worker: str) -> tuple[int, str] | None:
    """Return the pid of a worker and the moment it started; None if it is not certain that it ran on this machine."""
    if is_outside(worker):
        worker = worker.removeprefix(_OUTSIDE).partition(":")[2]
    host, *rest = worker.removesuffix(DRIVER_MARK).rsplit(":", 2)
    if len(rest) != 2 or not rest[0].isdecimal() or host != _host():
        return None
    machine, _, started = rest[1].partition("@")
    return None if machine == _UNKNOWN or machine != _machine() else (int(rest[0]), started)


def as_file_name(worker: str) -> str:
    """Return the name of a worker in a form that every system takes as the name of a file."""
    return worker.replace(":", "+").replace("@", "=")


def of_file_name(name: str) -> str:
    """Return the worker that `as_file_name` made a name of."""
    return name.replace("+", ":").replace("=", "@")


def runs_apart(worker: str) -> bool:
    """Tell whether a worker's trials run in other processes, so that its death says nothing about them."""
    return worker.endswith(DRIVER_MARK)


@lru_cache(maxsize=1)
def _host() -> str:
    return platform.node() or "localhost"


if sys.platform == "win32":
    import ctypes
    import ctypes.wintypes
    import winreg

    _QUERY_LIMITED_INFORMATION = 0x1000
    _ERROR_INVALID_PARAMETER = 87  # what OpenProcess says of a pid that nobody has
    _STILL_ACTIVE = 259

    @lru_cache(maxsize=1)
    def _machine() -> str:
        """The installation's id. Starting times are absolute here, so that a reboot cannot bring one back."""
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography") as key:
                return str(winreg.QueryValueEx(key, "MachineGuid")[0])[:8]
        except OSError:
            return _UNKNOWN

    def exists(pid: int) -> bool:
        """Tell whether there is such a process."""
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = ctypes.wintypes.HANDLE
        handle = kernel.OpenProcess(_QUERY_LIMITED_INFORMATION, False, pid)
        if not handle:
            return ctypes.get_last_error() != _ERROR_INVALID_PARAMETER
        code = ctypes.wintypes.DWORD()
        known = kernel.GetExitCodeProcess(ctypes.wintypes.HANDLE(handle), ctypes.byref(code))
        kernel.CloseHandle(ctypes.wintypes.HANDLE(handle))
        return not known or code.value == _STILL_ACTIVE

    def _started(pid: int) -> str:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = ctypes.wintypes.HANDLE
        handle = kernel.OpenProcess(_QUERY_LIMITED_INFORMATION, False, pid)
        if not handle:
            return _UNKNOWN
        times = [ctypes.wintypes.FILETIME() for _ in range(4)]
        known = kernel.GetProcessTimes(ctypes.wintypes.HANDLE(handle), *map(ctypes.byref, times))
        kernel.CloseHandle(ctypes.wintypes.HANDLE(handle))
        return f"{times[0].dwHighDateTime << 32 | times[0].dwLowDateTime:x}" if known else _UNKNOWN

else:

    @lru_cache(maxsize=1)
    def _machine() -> str:
        """Boot and PID namespace, where the system names them."""
        if sys.platform == "linux":
            try:
                with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
                    boot = file.read().strip()[:8]
                return f"{boot}-{os.stat('/proc/self/ns/pid').st_ino}"
            except OSError:
                return _UNKNOWN
        else:
            return _run("sysctl", "-n", "kern.bootsessionuuid" if sys.platform == "darwin" else "kern.boottime")

    def exists(pid: int) -> bool:
        """Tell whether there is such a process; one that was killed does not count before its parent has looked."""
        if sys.platform == "linux" and _stat(pid)[:1] in (["Z"], ["X"]):
            return False
        try:
            os.kill(pid, 0)  # signal 0 only asks
        except ProcessLookupError:
            return False
        except (OSError, OverflowError):  # it is someone else's, or cannot be asked about
            return True
        return True

    def _started(pid: int) -> str:
        found = _UNKNOWN
        if sys.platform == "linux":
            fields = _stat(pid)
            if len(fields) > 19:
                found = fields[19]  # clock ticks since boot
        else:
            found = _run("ps", "-o", "lstart=", "-p", str(pid))
        return found

    def _stat(pid: int) -> list[str]:
        """The fields of /proc/<pid>/stat from the third, the state, on; none if there is no such process."""
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                return file.read().rpartition(")")[2].split()  # a program's name may hold spaces and brackets
        except OSError:
            return []

    def _run(*command: str) -> str:
        """Letters and digits of what a command prints."""
        import subprocess

        try:
            # The time zone and language of whoever asks must not show in what is compared.
            env = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
            done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True, env=env)
        except (OSError, subprocess.SubprocessError):
            return _UNKNOWN
        return "".join(filter(str.isalnum, done.stdout))
