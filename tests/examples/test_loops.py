"""The examples that hold the loop themselves, in a shell and in C++, as a user runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tunesmith as ts

LOOPS = Path(__file__).resolve().parents[2] / "examples" / "loops"
ENV = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(sys.path),
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
}


def tune(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [*command, "t.db", "6"], cwd=cwd, env=ENV, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def check(study_name: str, shown: str, folder: Path) -> None:
    study = ts.load_study(study_name=study_name, storage=folder / "t.db")
    assert [t.state.name for t in study.trials] == ["COMPLETE"] * 6
    assert study.best_value < 2
    assert shown.count('"state": "COMPLETE"') == 6
    assert "Use trial" in shown


def test_a_shell_needs_nothing_but_tunesmith(tmp_path: Path) -> None:
    check("shell", tune("sh", LOOPS / "ask_tell.sh", cwd=tmp_path), tmp_path)


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_a_program_in_cpp(tmp_path: Path) -> None:
    words = ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-o", "loop", LOOPS / "ask_tell.cpp"]
    subprocess.run(words, cwd=tmp_path, check=True)
    check("cpp", tune(tmp_path / "loop", cwd=tmp_path), tmp_path)
