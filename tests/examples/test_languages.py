"""The training programs in R, Julia and C++: `init` reads their options and `run` tunes them, as a user does it."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import tunesmith as ts

PROGRAMS = Path(__file__).resolve().parents[2] / "examples" / "languages"
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, env=ENV, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@functools.cache
def works(*command: str) -> bool:
    """Whether a language is here, and the library that the program reads its options with."""
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, input=b"#include <CLI/CLI.hpp>\n", capture_output=True, check=False).returncode == 0


def program(language: str, folder: Path) -> list[str]:
    if language == "R":
        if not works("Rscript", "-e", "library(optparse)"):
            pytest.skip("needs R and its package optparse")
        return ["Rscript", str(PROGRAMS / "train.R")]
    if language == "Julia":
        if not works("julia", "-e", "using ArgParse"):
            pytest.skip("needs Julia and its package ArgParse")
        return ["julia", str(PROGRAMS / "train.jl")]
    if not works("g++", "-std=c++17", "-fsyntax-only", "-x", "c++", "-"):
        pytest.skip("needs g++ and the header of CLI11")
    warnings = ["-Wall", "-Wextra", "-Werror"]
    run("g++", "-std=c++17", *warnings, "-o", "train", PROGRAMS / "train.cpp", cwd=folder)
    return [str(folder / "train")]


@pytest.mark.parametrize("language", ["R", "Julia", "C++"])
def test_a_program_is_tuned_from_what_its_help_says(language: str, tmp_path: Path) -> None:
    command = program(language, tmp_path)
    tunesmith = [sys.executable, "-m", "tunesmith"]
    told = run(*tunesmith, "init", "--wait", "60", "--minimize", "val_loss", "--", *command, cwd=tmp_path)
    assert "with the parameters lr, momentum, hidden, loss; 1 more option in comments" in told
    assert "warning" not in told
    assert tomllib.loads((tmp_path / "tune.toml").read_text())["params"] == {
        "lr": "log(0.0001, 1)",
        "momentum": "float(0.5, 0.99)",
        "hidden": "log int(2, 32)",
        "loss": "square | huber",
    }
    run(*tunesmith, "run", "--trials", "4", "--sampler", "random", "--seed", "1", "--quiet", cwd=tmp_path)
    study = ts.load_study(study_name="train", storage=tmp_path / "tune.db")
    assert len(study.trials) == 4
    assert study.best_value < 0.5
    assert len(study.trials[0].reports) == 20
