"""Files of users are whole: the old one or the new one."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tunesmith.foundation.system.replacing import replacing, write_text

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX's files")


def test_a_new_file_takes_the_place_of_another_one(tmp_path: Path) -> None:
    place = tmp_path / "a.html"
    write_text(place, "one")
    with replacing(place) as part:
        part.write_text("two")
        assert part.suffix == ".html"
        assert place.read_text() == "one"
    assert place.read_text() == "two"
    assert os.listdir(tmp_path) == ["a.html"]


def test_what_was_there_survives_a_failure(tmp_path: Path) -> None:
    place = tmp_path / "a.csv"
    place.write_text("one")
    with pytest.raises(OSError, match=r"a\.csv") as failed, replacing(place) as part:  # noqa: PT012  # what the block does is tested
        part.write_text("tw")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert failed.value.filename == str(place)
    with pytest.raises(KeyboardInterrupt), replacing(place):
        raise KeyboardInterrupt
    assert place.read_text() == "one"
    assert os.listdir(tmp_path) == ["a.csv"]


@POSIX
def test_a_file_larger_than_the_disk_leaves_the_old_one(tmp_path: Path) -> None:
    place = tmp_path / "tune.toml"
    place.write_text("one")
    code = (
        "import resource, sys; from tunesmith.foundation.system.replacing import write_text\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); write_text(sys.argv[1], 'x' * 100_000)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(place)], capture_output=True, text=True, check=False)
    assert f"OSError: [Errno {errno.EFBIG}] {os.strerror(errno.EFBIG)}: {str(place)!r}" in done.stderr
    assert place.read_text() == "one"
    assert os.listdir(tmp_path) == ["tune.toml"]


@POSIX
def test_links_and_modes_stay(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "a.txt", tmp_path / "a.txt"
    real.write_text("one")
    real.chmod(0o640)
    link.symlink_to(real)
    write_text(link, "two")
    assert link.is_symlink()
    assert real.read_text() == "two"
    assert real.stat().st_mode & 0o777 == 0o640


@POSIX
def test_what_is_no_file_is_written_as_it_is(tmp_path: Path) -> None:
    code = "from tunesmith.foundation.system.replacing import write_text; write_text('/dev/stdout', 'one')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "one"
    with (tmp_path / "out").open("w") as file:
        subprocess.run([sys.executable, "-c", code], stdout=file, check=True)
    assert (tmp_path / "out").read_text() == "one"
    with pytest.raises(IsADirectoryError, match="Is a directory"):
        write_text(tmp_path, "one")
    with pytest.raises(FileNotFoundError) as failed:
        write_text(tmp_path / "none" / "a.txt", "one")
    assert failed.value.filename == str(tmp_path / "none" / "a.txt")


@POSIX
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anything")
def test_what_may_not_be_written_is_not_replaced(tmp_path: Path) -> None:
    place = tmp_path / "a.txt"
    place.write_text("one")
    place.chmod(0o444)
    with pytest.raises(PermissionError):
        write_text(place, "two")
    place.chmod(0o644)
    tmp_path.chmod(0o555)
    try:
        write_text(place, "two")  # in its place: no other file can be made here
    finally:
        tmp_path.chmod(0o755)
    assert place.read_text() == "two"
