"""What CONTRIBUTING.md says of the code is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

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
