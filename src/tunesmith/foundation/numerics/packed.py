"""Arrays as short texts that JSON can hold, and back; what was changed meanwhile cannot fill the memory."""

from __future__ import annotations

import base64
import binascii
import zlib


def pack_bytes(raw: bytes, level: int = -1) -> str:
    """Return bytes as ASCII text, compressed.

    Args:
        level: of the compression, 0 to 9; -1 is the library's own.
    """
    return base64.b64encode(zlib.compress(raw, level)).decode("ascii")


def unpack_bytes(text: str, size: int) -> bytes:
    """Return the bytes that `pack_bytes` was given.

    Args:
        size: how many bytes they are. No more are ever decompressed, whatever the text holds.

    Raises:
        ValueError: the text is damaged, or holds another number of bytes.
    """
    try:
        stream = zlib.decompressobj()
        raw = stream.decompress(base64.b64decode(text, validate=True), max(1, size + 1))  # 0 would be no limit
        whole = stream.eof
    except (binascii.Error, zlib.error, TypeError, ValueError) as error:
        raise ValueError(f"packed bytes are damaged: {error}") from None
    if len(raw) != size or not whole:
        how_many = "more" if len(raw) > size else "fewer"
        raise ValueError(f"packed bytes are damaged: {size} are expected, and {how_many} are there")
    return raw
