"""Scalars from TensorBoard's event files."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tunesmith.program.events import EventFiles


def test_what_a_writer_writes_is_read_as_it_comes(tmp_path: Path) -> None:
    writer = pytest.importorskip("tensorboardX").SummaryWriter(str(tmp_path / "logs"))
    files = EventFiles(tmp_path)
    for step in range(3):
        writer.add_scalar("loss", 0.5 / (step + 1), step)
        writer.add_scalar("other", 1, step)
    writer.flush()  # its thread may be behind
    found = files.read()
    writer.add_scalar("loss", 0.25, 7)
    writer.close()
    found += files.read()
    assert [(step, value) for tag, step, value in found if tag == "other"] == [(0, 1.0), (1, 1.0), (2, 1.0)]
    found = [scalar for scalar in found if scalar[0] == "loss"]
    assert found == [("loss", 0, 0.5), ("loss", 1, 0.25), ("loss", 2, pytest.approx(1 / 6)), ("loss", 7, 0.25)]
    assert files.read() == []
    assert EventFiles(tmp_path).read() == []  # of an earlier run


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


@pytest.mark.parametrize(
    "tensor",
    [
        b"\x08\x01" + _field(4, struct.pack("<f", 0.5)),  # tensor_content
        b"\x08\x02" + _field(4, struct.pack("<d", 0.5)),
        b"\x08\x01" + _field(5, struct.pack("<f", 0.5)),  # float_val, packed
        b"\x08\x01\x2d" + struct.pack("<f", 0.5),
    ],
)
def test_scalars_as_tensors(tensor: bytes, tmp_path: Path) -> None:
    event = b"\x10\x05" + _field(5, _field(1, _field(1, b"loss") + _field(8, tensor)))
    record = struct.pack("<QI", len(event), 0) + event + b"\0\0\0\0"
    files = EventFiles(tmp_path)
    path = tmp_path / "events.out.tfevents.1"
    path.write_bytes(record + record[:9])
    assert files.read() == [("loss", 5, 0.5)]
    path.write_bytes(record + record[:9] + b"\xff" * 40)  # damaged
    assert files.read() == []


@pytest.mark.parametrize("junk", [b"\xff" * 30, b"\x2a\x7f", b"\x2a\x03\x0a\x01\x0d", b""])
def test_a_damaged_event_is_left_out(junk: bytes, tmp_path: Path) -> None:
    files = EventFiles(tmp_path)
    (tmp_path / "a.tfevents").write_bytes(struct.pack("<QI", len(junk), 0) + junk + b"\0\0\0\0")
    assert files.read() == []


def test_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert EventFiles(tmp_path / "none").read() == []
