"""The loop of docs/ask-tell.md, a block of a shell; tests/project/test_docs.py runs the commands of the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tunesmith as ts

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "ask-tell.md").read_text(encoding="utf-8")


def fenced(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_loop_of_a_shell(tmp_path: Path) -> None:
    (script,) = fenced("sh")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PATH": path}
    words = ["sh", "-eu", "-c", script]
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "has the 4 trials" in done.stderr
    assert len(ts.load_study(study_name="sh", storage=tmp_path / "tune.db").history) == 4
