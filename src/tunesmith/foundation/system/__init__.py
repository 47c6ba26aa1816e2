"""What operating systems do differently: groups of processes, pipes, command lines, signals to oneself.

Linux and macOS have process groups and signals, Windows has jobs and the console's Break key. Everything else asks here
and knows no system. What one of them does not have is refused by `require`, at once and with what to do instead.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Literal

from tunesmith.foundation.system.groups import SH, Command, Group, end_own_group, start, was_no_program
from tunesmith.foundation.system.streams import Streams, can_wait_for_pipes

__all__ = [
    "PLAIN_FILE",
    "SH",
    "Command",
    "Group",
    "Streams",
    "can_inherit_files",
    "can_wait_for_pipes",
    "command_line",
    "end_own_group",
    "machine_memory",
    "require",
    "signal_self",
    "start",
    "was_no_program",
]

# Flags of `os.open` for what should be a plain file: links are refused, pipes not waited for, bytes kept as they are.
PLAIN_FILE = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"))

Feature = Literal["shell", "terminal", "memory"]


def require(feature: Feature, name: str) -> None:
    """Refuse what this system does not have.

    Args:
        feature: what is needed: a shell, a pseudo-terminal, or the memory of groups of processes.
        name: what was asked for, for the message.

    Raises:
        ValueError: it is not to be had here; the message says what to do instead.
    """
    if feature == "shell" and not os.path.exists(SH):
        raise ValueError(
            f"{name} needs {SH}, which this system does not have; leave it out, and give the words of the command "
            "after --. A shell that is installed can be one of them: -- bash -c '...'"
        )
    if feature == "terminal" and (importlib.util.find_spec("termios") is None or sys.platform == "win32"):
        raise ValueError(
            f"{name} needs a pseudo-terminal, which this system does not have; leave it out, and let the program write "
            "out what it prints at once (programs in Python do: PYTHONUNBUFFERED is set)"
        )
    if feature == "memory" and not hasattr(os, "getpgid"):
        raise ValueError(
            f"{name} needs process groups, which this system does not have; leave it out, and run fewer trials at once "
            "(jobs=) where memory is short"
        )


def machine_memory() -> int | None:
    """Return the bytes of memory that this machine has, or the container that this process runs in; None: not known."""
    asked = getattr(os, "sysconf", None)
    if asked is None:  # Windows has no such thing
        return None
    try:
        found = [int(asked("SC_PAGE_SIZE")) * int(asked("SC_PHYS_PAGES"))]
    except (ValueError, OSError):
        return None
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError), open(file, encoding="ascii") as limit:
            found.append(int(limit.read()))  # "max" where there is none
    return min(found)


def command_line(words: Sequence[str]) -> str:
    """Return words as people type them where this process runs: for a POSIX shell, on Windows for cmd.exe."""
    return " ".join(map(_for_windows, words)) if has_cmd() else shlex.join(words)


def has_cmd() -> bool:
    """Tell whether people type commands for cmd.exe."""
    return sys.platform == "win32"


# What a program takes as a part of a word, and cmd.exe or PowerShell does not, unless it stands in double quotes.
_SPECIAL = re.compile(r"[^\w\\/:.+=@-]")


def _for_windows(word: str) -> str:
    quoted = subprocess.list2cmdline([word])
    if quoted.startswith('"') or not _SPECIAL.search(word):
        return quoted
    return subprocess.list2cmdline([f" {word}"]).replace('" ', '"', 1)  # the blank is what makes it quote


def can_inherit_files() -> bool:
    """Tell whether a process finds a file open under the same number that the one that started it has open."""
    return sys.platform != "win32"


def signal_self(number: int) -> None:
    """Send a signal to this process, as if another one had: it is handled in the main thread."""
    if sys.platform == "win32":
        signal.raise_signal(number)  # os.kill would end the process without asking its handler
    else:
        os.kill(os.getpid(), number)
