"""Folders as one content: an archive in the tar format, the same bytes for the same files, and taken apart safely."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tunesmith.artifacts.base import CHUNK
from tunesmith.errors import ArtifactError, DamagedArtifactError
from tunesmith.foundation.text import shown

_BLOCK = 512


def members_of(folder: Path) -> list[tuple[str, Path]]:
    """Return everything in a folder as (name in the archive, path), in an order that depends on the names alone.

    A symbolic link to a file of the folder stands for that file.

    Raises:
        ValueError: it holds a link that leads elsewhere, or what is neither file nor folder.
    """
    top = folder.resolve()
    found: list[tuple[str, Path]] = []

    def visit(place: Path, prefix: str) -> None:
        with os.scandir(place) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
        for entry in inside:
            name, path = prefix + entry.name, Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                found.append((name, path))
                visit(path, name + "/")
            elif entry.is_file(follow_symlinks=False) or (entry.is_symlink() and _is_file_within(path, top)):
                found.append((name, path))
            else:
                raise ValueError(_refusal(folder, name, path, entry.is_symlink()))

    visit(folder, "")
    return found


def archive(folder: Path) -> Iterator[bytes]:
    """Yield the archive of a folder, piece by piece.

    Raises:
        ArtifactError: a file changed while it was read.
    """
    for name, path in members_of(folder):
        info = tarfile.TarInfo(name)
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            yield info.tobuf(tarfile.PAX_FORMAT)
            continue
        info.mode = 0o755 if mode & 0o100 else 0o644
        with path.open("rb") as file:
            info.size = left = os.fstat(file.fileno()).st_size
            yield info.tobuf(tarfile.PAX_FORMAT)
            while left and (chunk := file.read(min(CHUNK, left))):
                left -= len(chunk)
                yield chunk
            if left or file.read(1):
                raise ArtifactError(f"{shown(str(path))} changed while it was being saved; save it when nothing writes")
        yield bytes(-info.size % _BLOCK)
    yield bytes(2 * _BLOCK)


def replace_links(folder: Path) -> None:
    """Make each symbolic link in a folder another name of the file of the folder that it leads to.

    Raises:
        ValueError: as `members_of`.
    """
    for _, path in members_of(folder):
        if path.is_symlink():
            part = path.with_name(f".{secrets.token_hex(8)}")
            link(path.resolve(), part)
            os.replace(part, path)


def link(source: Path, target: Path) -> None:
    """Give a file another name; where the file system has no such names (exFAT, shares), the copy has it.

    Raises:
        OSError: the name is taken, or there is no room for a copy.
    """
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        shutil.copy(source, target)


def copy(source: Path, target: Path) -> None:
    """Copy a folder, as taking its archive apart would make it again.

    Args:
        target: a folder that is there; what it holds under other names stays.
    """
    for name, path in members_of(source):
        to = target / name
        if path.is_dir():
            to.mkdir(exist_ok=True)
            continue
        shutil.copyfile(path, to)
        if path.stat().st_mode & 0o100:
            os.chmod(to, to.stat().st_mode | 0o111)


def unpack(stream: BinaryIO, folder: Path) -> None:
    """Take an archive apart into a folder that is there and empty.

    Args:
        stream: the archive.

    Raises:
        DamagedArtifactError: it is no archive that `archive` made.
    """
    try:
        with tarfile.open(fileobj=stream, mode="r|") as members:
            for member in members:
                parts = member.name.split("/")
                # An archive that somebody else put there must not write outside of the folder.
                if any(p in ("", ".", "..") for p in parts) or "\0" in member.name or Path(*parts).is_absolute():
                    raise DamagedArtifactError(f"the archive holds {shown(member.name)}, which leads out of its folder")
                path = folder.joinpath(*parts)
                if member.isdir():
                    path.mkdir()
                elif member.isreg():
                    content = members.extractfile(member)
                    if content is None:
                        raise DamagedArtifactError(f"the archive has no content for {shown(member.name)}")
                    with content, path.open("xb") as file:
                        shutil.copyfileobj(content, file, CHUNK)
                    os.chmod(path, path.stat().st_mode | (0o111 if member.mode & 0o100 else 0))
                else:
                    raise DamagedArtifactError(f"the archive holds {shown(member.name)}, neither file nor folder")
    except tarfile.TarError as error:
        raise DamagedArtifactError(f"the content is no archive of a folder: {error}") from error


def _is_file_within(link: Path, top: Path) -> bool:
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):  # it leads nowhere, or in a circle
        return False
    return target.is_relative_to(top) and target.is_file()


def _refusal(folder: Path, name: str, path: Path, is_link: bool) -> str:
    if not is_link:
        return f"the folder {shown(str(folder))} holds {shown(name)}, which is neither a file nor a folder; take it out"
    target = shown(os.readlink(path))
    return (
        f"the folder {shown(str(folder))} holds the link {shown(name)} to {target}, which is no file of the folder; "
        "put a copy in its place, or save what it leads to"
    )
