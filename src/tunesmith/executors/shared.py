"""Shares the large arrays that an objective refers to among the worker processes of this machine.

They are written once to a temporary file without a name, which each worker inherits open and maps. So there is one copy
in memory however many workers there are, and nothing is left when all are gone, however they ended. Each worker maps
the file for itself: an objective that writes to an array changes its own copy of the page, and nobody else's.
"""

from __future__ import annotations

import contextlib
import mmap
import tempfile
from functools import cache
from typing import IO, Any, Literal

import numpy as np

from tunesmith.system import can_inherit_files

SMALLEST = 1 << 20  # bytes of an array that is shared
ALIGNMENT = 64


class SharedArrays:
    """The file of the large arrays of one objective."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None

    @property
    def handle(self) -> int | None:
        """The open file, for workers to inherit; None: there is no large array."""
        return None if self._file is None else self._file.fileno()

    def reduce(self, array: np.ndarray[Any, Any]) -> tuple[Any, ...] | None:
        """Write an array to the file; return how a worker finds it there, as ``__reduce__`` does. None: pickle it."""
        if not can_inherit_files() or array.nbytes < SMALLEST or array.dtype.hasobject or type(array) is not np.ndarray:
            return None
        order: Literal["C", "F"] = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
        with contextlib.suppress(OSError):  # no room: it is sent to each worker
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="tunesmith-")  # noqa: SIM115 - open as long as the workers run
            file = self._file
            at = file.seek(0, 2)
            at += file.write(b"\0" * (-at % ALIGNMENT))
            # ravel copies nothing of a contiguous array
            file.write(array.ravel(order=order).view(np.uint8).data)
            file.flush()
            return load_shared, (file.fileno(), at, array.dtype, array.shape, order)
        return None

    def close(self) -> None:
        """Let go of the file; it is gone when the last worker is."""
        if self._file is not None:
            self._file.close()
            self._file = None


@cache
def _mapped(handle: int) -> mmap.mmap:
    return mmap.mmap(handle, 0, access=mmap.ACCESS_COPY)


def load_shared(handle: int, at: int, dtype: Any, shape: tuple[int, ...], order: Any) -> np.ndarray[Any, Any]:
    """Return an array of the file that this worker inherited.

    Args:
        handle: the open file.
        at: where the array begins.
        order: "C" or "F".

    Returns:
        The array; what is written to it stays in this process.
    """
    return np.ndarray(shape, dtype, _mapped(handle), at, order=order)
