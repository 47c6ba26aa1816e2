"""Objects sent to workers once instead of with every task.

In one process they go by reference. To worker processes on this machine they go through a file: the arrays are laid
out in it one after the other, and each worker maps it into memory, so that large data exist once however many workers
there are. To workers elsewhere (Dask, Ray, Spark) they go with the task, and the backend avoids sending them twice.

joblib maps plain arrays too, but it looks for them in the arguments of every call, and sends all else (splits, texts,
estimators that hold data) with each call. Sending one more batch took, with two workers: 7 ms here and 13 ms there for
an array of 80 MB; 8 and 23 ms with ten splits beside it; 6 and 339 ms for 200,000 texts.
"""

from __future__ import annotations

import mmap
import os
import pickle
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote
from uuid import uuid4

import cloudpickle
import numpy as np

from tunesmith.workers import current_worker, is_dead

ALIGN = 64
SMALL = 2**20  # arrays below this many bytes are copied out of the file, and so may be written to
WATCH = 5.0  # seconds between looks whether a search is over
MEMORY = "/dev/shm"
FOLDER_PREFIX = "tunesmith-"  # how the names of our folders begin
REMOTE = 2  # how many things without a file a worker keeps

_held: OrderedDict[str, tuple[Any, str | None]] = OrderedDict()  # in a worker: name to thing and its file, if any
_lock = threading.RLock()
_watching = False


class Reference:
    """Where a worker finds a thing. This one holds it.

    Args:
        thing: what is sent.
        size: about how many bytes it takes.
    """

    path: str | None = None

    def __init__(self, thing: Any, size: int = 0) -> None:
        self.thing = thing
        self.size = size
        self.name = uuid4().hex

    def get(self) -> Any:
        """Return the thing."""
        return self.thing

    def __sizeof__(self) -> int:
        # Dask spreads a large argument over its workers once, instead of sending it with each task.
        return max(self.size, 10_000)


class FileReference(Reference):
    """A thing in a file of this machine."""

    def __init__(self, path: str) -> None:
        super().__init__(None)
        self.path = path

    def get(self) -> Any:
        """Return the thing; it is loaded once in each process."""
        return cached(self.name, lambda: load(str(self.path)), self.path)


def cached(name: str, build: Callable[[], Any], path: str | None) -> Any:
    """Return what this worker holds under a name, built when first asked for.

    Args:
        name: unique to the thing.
        build: makes it.
        path: the file whose removal says that the search is over; None: only a few such things are held.
    """
    with _lock:
        if name not in _held:
            forget_finished()
            _held[name] = (build(), path)
            unfiled = [n for n, (_, p) in _held.items() if p is None]
            for old in unfiled[:-REMOTE]:
                del _held[old]
            _watch()
        return _held[name][0]


def forget_finished() -> None:
    """Drop what belongs to searches that are over: they have removed their files."""
    with _lock:
        for name in [n for n, (_, path) in _held.items() if path is not None and not os.path.exists(path)]:
            del _held[name]


def _watch() -> None:
    """Check every few seconds whether a search is over, to free its memory: a worker is not told."""
    global _watching
    if _watching or not any(path for _, path in _held.values()):
        return
    _watching = True

    def look() -> None:
        global _watching
        _watching = False
        forget_finished()
        with _lock:
            _watch()

    timer = threading.Timer(WATCH, look)
    timer.daemon = True
    timer.start()


class Publisher:
    """Writes things to files that live as long as the search.

    Args:
        folder: where to; None: where joblib would (``JOBLIB_TEMP_FOLDER``, memory-backed if there is room, or the
            system's place for temporary files).
    """

    def __init__(self, folder: str | None = None) -> None:
        self._wanted = folder
        self._folder: str | None = None

    def publish(self, thing: Any) -> FileReference:
        """Write a thing and return where workers find it."""
        header, buffers = _serialise(thing)
        need = len(header) + sum(b.nbytes + ALIGN for b in buffers)
        if self._folder is None:
            for folder in _places(self._wanted):
                remove_orphans(folder)
            self._folder = tempfile.mkdtemp(prefix=_prefix(current_worker()), dir=_choose(self._wanted, need))
        path = os.path.join(self._folder, uuid4().hex)
        dump(path, header, buffers)
        return FileReference(path)

    def close(self) -> None:
        """Remove the files. Workers that still map one keep it until they notice."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _choose(wanted: str | None, need: int) -> str:
    for folder in (wanted, os.environ.get("JOBLIB_TEMP_FOLDER")):
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            return folder
    if os.path.isdir(MEMORY) and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 2 * need + 2**28:
        return MEMORY
    return tempfile.gettempdir()


def _places(wanted: str | None) -> set[str]:
    """Return the folders that `_choose` may choose from."""
    return {f for f in (wanted, os.environ.get("JOBLIB_TEMP_FOLDER"), MEMORY, tempfile.gettempdir()) if f}


def _prefix(worker: str) -> str:
    # In the name and not in a file: there is no moment at which a folder has no owner.
    return f"{FOLDER_PREFIX}{quote(worker, safe='')[:200]}-"


def remove_orphans(folder: str) -> None:
    """Remove what searches of this user left in a folder whose processes were killed.

    Args:
        folder: where `Publisher` may have written to.
    """
    try:
        with os.scandir(folder) as entries:
            left = [e for e in entries if e.name.startswith(FOLDER_PREFIX) and e.is_dir(follow_symlinks=False)]
    except OSError:
        return
    for entry in left:
        worker = unquote(entry.name.removeprefix(FOLDER_PREFIX).rpartition("-")[0])
        with suppress(OSError):
            mine = not hasattr(os, "getuid") or entry.stat(follow_symlinks=False).st_uid == os.getuid()
            if mine and is_dead(worker):
                shutil.rmtree(entry.path, ignore_errors=True)


class _Pickler(cloudpickle.Pickler):
    """Sends a memory map by name: what is on disk already need not be copied."""

    def reducer_override(self, obj: Any) -> Any:
        base: Any = getattr(obj, "base", None)  # of a view it is an array, and the offset is not the view's
        if type(obj) is np.memmap and isinstance(base, mmap.mmap) and obj.filename and obj.flags.forc:
            order = "F" if obj.flags.f_contiguous and not obj.flags.c_contiguous else "C"
            return _map_array, (str(obj.filename), obj.dtype, obj.offset, obj.shape, order)
        return super().reducer_override(obj)


def _map_array(filename: str, dtype: np.dtype[Any], offset: int, shape: tuple[int, ...], order: Any) -> Any:
    return np.memmap(filename, dtype=dtype, mode="r", offset=offset, shape=shape, order=order)


def _serialise(thing: Any) -> tuple[bytes, list[memoryview]]:
    out = BytesIO()
    buffers: list[pickle.PickleBuffer] = []
    _Pickler(out, protocol=5, buffer_callback=buffers.append).dump(thing)
    return out.getvalue(), [b.raw() for b in buffers]


def dump(path: str, header: bytes, buffers: list[memoryview]) -> None:
    """Write a pickle and its out-of-band buffers; the table of lengths stands in front."""
    lengths = np.array([len(header), *(b.nbytes for b in buffers)], dtype=np.int64)
    parts: list[bytes | memoryview] = [header, *buffers]
    with open(path, "wb") as file:
        file.write(np.int64(len(lengths)).tobytes())
        file.write(lengths.tobytes())
        for part in parts:
            file.write(b"\0" * (-file.tell() % ALIGN))
            file.write(part)


def load(path: str) -> Any:
    """Read what `dump` wrote; large arrays are read-only views of the file."""
    with open(path, "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    view = memoryview(mapped)
    count = int(np.frombuffer(view[:8], dtype=np.int64)[0])
    parts: list[Any] = []
    position = 8 + 8 * count
    for length in np.frombuffer(view[8:position], dtype=np.int64).tolist():
        position += -position % ALIGN
        part = view[position : position + length]
        parts.append(part if length >= SMALL else bytearray(part))
        position += length
    return pickle.loads(parts[0], buffers=parts[1:])
