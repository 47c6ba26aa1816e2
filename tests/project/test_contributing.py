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


def test_tables_are_those_of_the_code() -> None:
    command = [sys.executable, ROOT / ".ci" / "layers.py", "check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
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
