"""The walk-through of docs/command-line.md, as a reader goes through it."""

from __future__ import annotations

import os
import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest

import tunesmith as ts
from tunesmith.cli.main import main
from tunesmith.cli.run import TYPE_OF
from tunesmith.cli.settings import read_settings
from tunesmith.space import Space

PAGE = Path(__file__).resolve().parents[2] / "docs" / "command-line.md"


def fenced(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_walk_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNESMITH_STORAGE", raising=False)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    Path("train.py").write_text(next(code for code in fenced("python") if code.startswith("# train.py")))
    text = "".join(fenced("console")).replace("\\\n", " ")
    commands = [shlex.split(line[2:]) for line in text.splitlines() if line.startswith("$ tunesmith ")]
    assert len(commands) == 6
    for words in commands:
        assert main(words[1:]) == 0, capsys.readouterr().err
    first = ts.load_study(study_name="train", storage="tune.db")
    assert len(first.trials) == 16
    assert set(first.best_params) == {"lr", "hidden", "optimizer"}
    assert len(ts.load_study(study_name="short", storage="tune.db").trials) == 6
    assert first.best_value < 0.69  # better than a guess


def test_the_file_of_the_page_is_read(tmp_path: Path) -> None:
    (text,) = fenced("toml")
    (tmp_path / "tune.toml").write_text(text)
    settings = read_settings(str(tmp_path / "tune.toml"), TYPE_OF)
    assert (settings.trials, settings.timeout, settings.minimize) == (50, 8 * 3600, ["val_loss"])
    assert list(Space(settings.params).names) == list(tomllib.loads(text)["params"])
