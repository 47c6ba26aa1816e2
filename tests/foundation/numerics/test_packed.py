"""Packed bytes come back whole or not at all, and never fill the memory."""

from __future__ import annotations

import base64
import tracemalloc
import zlib

import pytest

from tunesmith.foundation.numerics.packed import pack_bytes, unpack_bytes


@pytest.mark.parametrize("raw", [b"", b"a", bytes(range(256)) * 50])
def test_there_and_back(raw: bytes) -> None:
    assert unpack_bytes(pack_bytes(raw), len(raw)) == raw


@pytest.mark.parametrize(
    "text",
    [
        "",
        "%%%",
        "ö",
        pack_bytes(b"12345678")[:-4],
        base64.b64encode(b"no zlib at all").decode(),
        base64.b64encode(zlib.compress(b"12345678")[:-3]).decode(),
        pack_bytes(b"1234567"),
        pack_bytes(b"123456789"),
        None,
        3,
    ],
)
def test_what_was_changed(text: str) -> None:
    with pytest.raises(ValueError, match="packed bytes are damaged"):
        unpack_bytes(text, 8)


def test_a_text_that_would_fill_the_memory() -> None:
    bomb = pack_bytes(bytes(300_000_000), 1)
    tracemalloc.start()
    with pytest.raises(ValueError, match="more are there"):
        unpack_bytes(bomb, 800)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000
