"""Reads scalars from TensorBoard's event files while they are written, without TensorBoard.

A file is a row of records (TFRecord): the length of the data (8 bytes, little-endian), a checksum of that (4), the
data, and a checksum of it (4). The data is an ``Event`` in the encoding of protocol buffers. Of its fields we need step
(2) and summary (5); of this, value (1); of that, tag (1), simple_value (2) and tensor (8); and of a tensor, dtype (1),
tensor_content (4), float_val (5) and double_val (6). Writers differ in which of the last four they use.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from pathlib import Path

HEAD, FOOT = 12, 4  # bytes around the data
MOST = 64 * 1024 * 1024  # bytes of a record; more means that this is no event file
MOST_BITS = 64  # of a number
FLOAT, DOUBLE = 1, 2  # dtypes
_FIXED = {1: ("<d", 8), 5: ("<f", 4)}


class EventFiles:
    """The event files below a folder.

    Args:
        folder: may not be there yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._at: dict[Path, int] = {}
        if folder.is_dir():  # what is there already is of another run
            self._at = {path: path.stat().st_size for path in folder.rglob("*tfevents*")}

    def read(self, tags: Collection[str]) -> list[tuple[str, int, float]]:
        """Return the scalars that were written since the last time: tag, step and value.

        Args:
            tags: those that are looked for.
        """
        found = []
        if self._folder.is_dir():
            for path in sorted(self._folder.rglob("*tfevents*")):
                found += [scalar for scalar in self._read_file(path) if scalar[0] in tags]
        return found

    def _read_file(self, path: Path) -> list[tuple[str, int, float]]:
        at = self._at.get(path, 0)
        try:
            if path.stat().st_size <= at:
                return []
            with path.open("rb") as file:
                file.seek(at)
                data = file.read()
        except OSError:
            return []
        found, begin = [], 0
        while begin + HEAD <= len(data):
            (size,) = struct.unpack_from("<Q", data, begin)
            end = begin + HEAD + size + FOOT
            if size > MOST or end > len(data):
                break  # the rest is not written yet
            found += list(_scalars(data[begin + HEAD : end - FOOT]))
            begin = end
        self._at[path] = at + begin
        return found


def _scalars(event: bytes) -> Iterator[tuple[str, int, float]]:
    fields = list(_fields(event))
    step = next((value for number, value in fields if number == 2 and isinstance(value, int)), 0)
    for number, summary in fields:
        if number != 5 or not isinstance(summary, bytes):
            continue
        for inner, value in _fields(summary):
            if inner == 1 and isinstance(value, bytes) and (scalar := _scalar(value)) is not None:
                yield scalar[0], step, scalar[1]


def _scalar(value: bytes) -> tuple[str, float] | None:
    tag, number = "", None
    for field, content in _fields(value):
        if field == 1 and isinstance(content, bytes):
            tag = content.decode(errors="replace")
        elif field == 2 and isinstance(content, float):
            number = content
        elif field == 8 and isinstance(content, bytes):
            number = _tensor(content)
    return None if number is None else (tag, number)


def _tensor(tensor: bytes) -> float | None:
    fields = dict(_fields(tensor))
    kind = fields.get(1)
    form, size = {FLOAT: ("<f", 4), DOUBLE: ("<d", 8)}.get(kind if isinstance(kind, int) else 0, ("", 0))
    for content in (fields.get(4), fields.get(5 if kind == FLOAT else 6)):
        if form and isinstance(content, bytes) and len(content) == size:
            return float(struct.unpack(form, content)[0])
        if isinstance(content, float):
            return content
    return None


def _fields(message: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """Give the fields of a message: their numbers and values. What follows a damaged one is left out."""
    at = 0
    while at < len(message):
        try:
            key, at = _varint(message, at)
            kind = key & 7
            if kind == 0:
                number, at = _varint(message, at)
                yield key >> 3, number
            elif kind == 2:
                size, at = _varint(message, at)
                yield key >> 3, message[at : at + size]
                at += size
            elif kind in _FIXED:
                form, size = _FIXED[kind]
                yield key >> 3, float(struct.unpack_from(form, message, at)[0])
                at += size
            else:
                return
        except (IndexError, struct.error):
            return


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > MOST_BITS:
            raise IndexError("a number of more than 64 bits")
