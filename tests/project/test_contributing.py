"""What CONTRIBUTING.md says of the code is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tunesmith.foundation import registry

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "CONTRIBUTING.md"
KINDS = ("a sampler", "a pruner", "a storage", "an executor", "a store of artifacts")


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_newcomer_reads_is_there(kind: str) -> None:
    (row,) = re.findall(rf"^\| {kind} \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    paths = [ROOT / "src" / "tunesmith" / name for name in re.findall(r"`([^`]+)`", row)]
    missing = [path.name for path in paths if not path.exists()]
    assert not missing, f"to add {kind}, CONTRIBUTING.md sends to files that are not there: {missing}"


@pytest.mark.parametrize("name", ["figure", "command", "callback"])
def test_who_adds_one_reads_at_most_400_lines(name: str) -> None:
    page = (ROOT / "docs" / f"add-{name}.md").read_text()
    (first,) = re.findall(r"Read(?: first:)? (`[^.]*\.py`[^.]*(?:\.py`[^.]*)*)", page)
    paths = [ROOT / "src" / "tunesmith" / file for file in re.findall(r"`([^`]+\.py)`", first)]
    assert paths, "the page says which files to read first"
    lines = {path.name: len(path.read_text().splitlines()) for path in paths}
    assert sum(lines.values()) + len(page.splitlines()) <= 400, f"the page and {lines}"


def test_the_table_of_automatic_spaces_is_that_of_the_code() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "spaces.py", "check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_table_of_layers_is_that_of_the_code() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "layers.py", "check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_each_satellite_of_the_page_has_tests_of_its_own() -> None:
    page = (ROOT / "docs" / "satellites.md").read_text(encoding="utf-8")
    rooms = re.findall(r"^## (\w+)$", page, re.MULTILINE)
    assert len(rooms) == 9
    for room in rooms:
        done = subprocess.run(["sh", ROOT / ".ci" / "touched", room], capture_output=True, text=True, check=True)
        assert all((ROOT / folder).is_dir() for folder in done.stdout.split()), room


def test_a_room_without_tests_is_refused() -> None:
    done = subprocess.run(["sh", ROOT / ".ci" / "touched", "nix"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no tests of a room nix; there are those of: artifacts cli" in done.stderr


def test_the_page_of_hooks_lists_each_hook() -> None:
    page = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == [*registry.HOOKS]
