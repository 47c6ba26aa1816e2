"""Keeps the end of what a worker process prints, and passes all of it on.

A thread reads the worker's standard output and standard error, so that the worker does not wait while the driver is
busy. What C code and programs that the objective starts print is read as well, and what a crash prints.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading

from tunesmith.text import last_written

MOST = 16 * 1024  # bytes that are kept of a trial
CHUNK = 64 * 1024


class Output:
    """What one worker process prints.

    Attributes:
        streams: the ends of the pipes that the process writes to, standard output and standard error.
    """

    def __init__(self) -> None:
        out, their_out = os.pipe()
        error, their_error = os.pipe()
        self.streams: tuple[int, ...] = (their_out, their_error)
        self._passed_on = {out: 1, error: 2}  # what is read, and where it goes
        self._wake, self._woken = os.pipe()
        self._open = [out, error, self._wake, self._woken]
        for end in self._passed_on:
            os.set_blocking(end, False)
        self._kept = bytearray()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._follow, name="tunesmith-output", daemon=True)

    def started(self) -> None:
        """Begin to read; the process has its ends of the pipes by now."""
        self._close_theirs()
        self._thread.start()

    def begin(self) -> None:
        """Forget what was printed before: a trial begins."""
        with self._lock:
            self._read()
            self._kept.clear()

    def text(self) -> str:
        """Return the end of what was printed since `begin`; of a line that a progress bar wrote again, the last."""
        with self._lock:
            self._read()
            data = bytes(self._kept)
        text = last_written(data.decode(errors="replace"))
        return f"[...]{text[-MOST:]}" if len(data) > MOST else text

    def close(self) -> None:
        """Pass on what is there, and give everything back."""
        if self._thread.is_alive():
            os.write(self._woken, b"x")
            self._thread.join()
        with self._lock:
            self._read()
            while self._open:
                os.close(self._open.pop())
            self._close_theirs()
            self._passed_on = {}

    def _close_theirs(self) -> None:
        for end in self.streams:
            os.close(end)
        self.streams = ()

    def _follow(self) -> None:
        poll = select.poll()
        for end in (*self._passed_on, self._wake):
            poll.register(end, select.POLLIN)
        while self._passed_on:
            ready = [end for end, _ in poll.poll()]
            if self._wake in ready:
                return
            with self._lock:
                self._read()
                for end in ready:
                    if end not in self._passed_on:
                        poll.unregister(end)

    def _read(self) -> None:
        """Read what there is without waiting, pass it on, and keep the end of it."""
        for end, to in list(self._passed_on.items()):
            with contextlib.suppress(BlockingIOError):
                while data := os.read(end, CHUNK):
                    self._kept += data
                    del self._kept[: -2 * MOST]
                    with contextlib.suppress(OSError):  # nobody reads it, or there is no such stream
                        while data:
                            data = data[os.write(to, data) :]
                del self._passed_on[end]  # it has ended
