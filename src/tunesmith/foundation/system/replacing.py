"""Files of users: written beside their place and renamed, so that what was there stays until the new one is whole."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

LONGEST_SUFFIX = 20  # characters of what a name ends with; of a longer one nothing is kept, so that the name fits


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give the name of a file to write, which takes the place of another one when the block ends.

    If the block raises, or the disk is full, the file is removed, and what was there before is as it was. It keeps its
    mode, and a link goes on to lead to it. What is not a plain file (a device, a pipe, ``/dev/stdout``) is written
    as it is, and so is a file that may be written in a folder where no other one can be made.

    Args:
        path: the file that is wanted; it may be there.

    Yields:
        the file to write, which ends like it.

    Raises:
        OSError: it cannot be written; `filename` is that of `path`.
    """
    try:
        part, target = _part_and_target(Path(path))
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    try:
        yield part
        if part != target:
            with open(part, "rb+") as file:
                os.fsync(file.fileno())  # a disk may say only now that it is full
            if target.exists():
                shutil.copymode(target, part)
            os.replace(part, target)
    except BaseException as error:
        if part != target:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, str(part), str(target)):
            error.filename, error.filename2 = os.fspath(path), None
        raise


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file in UTF-8, by `replacing`."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def _part_and_target(given: Path) -> tuple[Path, Path]:
    """Return the file to write, which is new, and the one that it replaces; twice the same, if that is not to be."""
    there = given.exists()
    # An open file, such as /dev/stdout, is one that whoever opened it goes on to use.
    is_open = os.path.abspath(given).startswith(("/dev/", "/proc/"))
    if is_open or (there and not given.is_file()):
        return given, given
    may_write = os.access(given, os.W_OK)
    if there and not may_write:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    target = Path(os.path.realpath(given))
    part = target.with_name(f".{secrets.token_hex(8)}{target.suffix if len(target.suffix) <= LONGEST_SUFFIX else ''}")
    try:
        part.open("xb").close()
    except OSError as error:
        if may_write and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return target, target
        raise
    return part, target
