"""Scalars from TensorBoard's event files, also while they are written, without TensorBoard.

A file is a row of records (TFRecord): the length of the data (8 bytes, little-endian), a checksum of that (4), the
data, and a checksum of it (4). The data is an ``Event`` in the encoding of protocol buffers. Of its fields we need
wall_time (1), step (2) and summary (5); of this, value (1); of that, tag (1), simple_value (2) and tensor (8); and of a
tensor, dtype (1), tensor_content (4), float_val (5) and double_val (6). Writers differ in which of the last four they
use.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

RECORD_HEAD_BYTES, RECORD_FOOT_BYTES = 12, 4  # bytes around the data
RECORD_BYTES = 64 * 1024 * 1024  # bytes of a record; more means that this is no event file
VARINT_BITS = 64  # of a number
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

    def read(self) -> list[tuple[str, int, float]]:
        """Return the scalars that were written since the last time: tag, step and value."""
        found = []
        if self._folder.is_dir():
            for path in sorted(self._folder.rglob("*tfevents*")):
                found += self._read_file(path)
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
        for event, end in events_of(data):
            begin = end
            step, values = step_and_values(event)
            found += [(scalar[0], step, scalar[1]) for value in values if (scalar := scalar_of(value)) is not None]
        self._at[path] = at + begin
        return found


def events_of(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Give the events of a file, each with where it ends; not the last one where it is not written yet."""
    begin = 0
    while begin + RECORD_HEAD_BYTES <= len(data):
        (size,) = struct.unpack_from("<Q", data, begin)
        end = begin + RECORD_HEAD_BYTES + size + RECORD_FOOT_BYTES
        if size > RECORD_BYTES or end > len(data):
            return
        yield data[begin + RECORD_HEAD_BYTES : end - RECORD_FOOT_BYTES], end
        begin = end


def step_and_values(event: bytes) -> tuple[int, list[bytes]]:
    """Return the step of an event, and the values of its summary as they are encoded."""
    fields = list(protobuf_fields(event))
    step = next((value for number, value in fields if number == 2 and isinstance(value, int)), 0)
    summaries = [summary for number, summary in fields if number == 5 and isinstance(summary, bytes)]
    return step, [v for s in summaries for inner, v in protobuf_fields(s) if inner == 1 and isinstance(v, bytes)]


def scalar_of(value: bytes) -> tuple[str, float] | None:
    """Return the tag and the number of a value of a summary; None: it is no number."""
    tag, number = "", None
    for key, content in protobuf_fields(value):
        if key == 1 and isinstance(content, bytes):
            tag = content.decode(errors="replace")
        elif key == 2 and isinstance(content, float):
            number = content
        elif key == 8 and isinstance(content, bytes):
            number = _tensor(content)
    return None if number is None else (tag, number)


def _tensor(tensor: bytes) -> float | None:
    fields = dict(protobuf_fields(tensor))
    kind = fields.get(1)
    form, size = {FLOAT: ("<f", 4), DOUBLE: ("<d", 8)}.get(kind if isinstance(kind, int) else 0, ("", 0))
    for content in (fields.get(4), fields.get(5 if kind == FLOAT else 6)):
        if form and isinstance(content, bytes) and len(content) == size:
            return float(struct.unpack(form, content)[0])
        if isinstance(content, float):
            return content
    return None


def protobuf_fields(message: bytes) -> Iterator[tuple[int, int | float | bytes]]:
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
        if shift > VARINT_BITS:
            raise IndexError("a number of more than 64 bits")
