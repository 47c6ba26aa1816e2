"""docs/ask-tell.md, as a reader goes through it: each command prints what the page says."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tunesmith as ts
from tunesmith.cli.main import main

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "ask-tell.md").read_text(encoding="utf-8")


def fenced(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def parts(line: str) -> Any:
    """An answer without the time of day; another computer may round the last digit of a number otherwise."""
    if not line.startswith("{"):
        return [f"{float(word):.6g}" if "." in word else word for word in line.split()]
    found = json.loads(line)
    found.pop("until", None)
    return found | {
        "params": {k: f"{v:.6g}" if isinstance(v, float) else v for k, v in found.get("params", {}).items()}
    }


def test_the_walk_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("TUNESMITH_STORAGE", "OPTUNA_STORAGE"):
        monkeypatch.delenv(name, raising=False)
    lines = "".join(fenced("console")).replace("\\\n", " ").splitlines()
    asked = 0
    for command, answer in zip(lines[::2], lines[1::2], strict=True):
        assert main(shlex.split(command.removeprefix("$ tunesmith "))) == 0
        assert parts(capsys.readouterr().out.rstrip("\n")) == parts(answer), command
        asked += "tunesmith ask" in command
    assert asked == 3


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
