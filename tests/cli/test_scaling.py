"""``tunesmith scaling``: what to set in a large run, from a table of small ones."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from tunesmith.cli.main import main

RATE, BATCH = 0.3, 0.01  # times params^-0.5, and times tokens^0.4


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A table with a column of words, one that is constant, one with zeros, and a failed run."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    with Path("runs.csv").open("w", newline="", encoding="utf-8-sig") as file:
        out = csv.writer(file)
        out.writerow(["params", "tokens", "who", "seed", "dropout", "lr", "family", "loss"])
        for params in (1e6, 4e6, 16e6):
            for tokens in (1e8, 5e8, 25e8):
                for k in range(24):
                    lr, dropout = RATE * params**-0.5 * np.exp(rng.uniform(-2, 2)), rng.choice([0, 0.1, 0.2, 0.3])
                    off = np.log(lr / RATE * params**0.5) ** 2 + 9 * (dropout - 0.15) ** 2
                    loss = 1.5 + 40 * params**-0.3 + 90 * tokens**-0.3 + 0.02 * off
                    family = "dense" if k % 2 else "moe"
                    shown = "" if k == 3 and params == 1e6 else loss
                    out.writerow([int(params), int(tokens), "me", 7, dropout, lr, family, shown])
    return "runs.csv"


def test_the_command_says_what_to_set(runs: str, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["scaling", runs, "--scale", "params,tokens", "--predict", "params=1e8,tokens=1e10"]
    assert main([*call, "--plan", "0.5", "--budget-flop", "1e20", "--transfer", "mup", "--report", "law.html"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("216 runs at 9 scales.\n\nAt params 1e+08, tokens 1e+10 (25 times the largest scale")
    for said in (
        "dropout: 0.",
        "with twice the params",
        "lr against params: the optimum moves",
        "What to run next",
        "1e+20",
        "law.html",
    ):
        assert said in out
    said_rate = re.search(r"^  lr: ([^ ]+) ", out, re.MULTILINE)
    assert said_rate
    assert float(said_rate[1]) == pytest.approx(RATE * 1e8**-0.5, rel=0.1)
    assert "3 of 216 runs failed" in out
    assert "seed" not in out
    assert "<html" in Path("law.html").read_text(encoding="utf-8")
    assert main([*call, "--report", "law.html"]) == 2
    assert "--force" in capsys.readouterr().err


def test_json_has_all_of_it(runs: str, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["scaling", runs, "--scale", "params,tokens", "--hyperparameters", "lr", "--group", "family", "--json"]
    targets = ["--predict", "params=1e8,tokens=1e10,family=moe", "--predict", "params=2e7,tokens=1e10,family=dense"]
    assert main([*call, *targets, "--plan", "1", "--budget-flop", "1e20"]) == 0
    found = json.loads(capsys.readouterr().out)
    first, second = found["predictions"]
    assert (first["group"], second["group"]) == ("moe", "dense")
    low, high = first["settings"]["lr"]["interval"]
    assert low < RATE * 1e8**-0.5 < high
    assert [plan["target"]["params"] for plan in found["plans"]] == [1e8, 2e7]
    assert (found["runs"], found["scales"]) == (216, 18)
    slopes = {(s["hyperparameter"], s["scale"]): s["value"] for s in found["slopes"]}
    assert slopes["lr", "params"] == pytest.approx(-0.5, abs=0.1)
    assert found["splits"][0]["flop"] == 1e20
    assert found["calibration"]["folds"]
    assert set(found["loss_law"]) == {"E", "A params", "alpha params", "A tokens", "alpha tokens"}
    assert main([*call[:4], "--hyperparameters", "lr,dropout=log"]) == 1
    assert "must be above 0" in capsys.readouterr().err


def test_a_run_too_far_away_gets_a_plan_and_no_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"{n},{x / n},{3 + (x - 5) ** 2 + 9 / n}" for n in (100, 150, 200) for x in (2, 4, 5, 6, 8)]
    Path("narrow.csv").write_text("\n".join(["params,lr,loss", *rows]))
    call = ["scaling", "narrow.csv", "--scale", "params", "--predict", "params=5e15"]
    assert main(call) == 1
    assert not capsys.readouterr().out
    assert main([*call, "--plan", "1"]) == 1
    shown = capsys.readouterr()
    assert "What to run next for params 5e+15" in shown.out
    assert "At params 5e+15" not in shown.out
    assert "the 95 % intervals say nothing: lr from" in shown.err
    assert main([*call[:-1], "params=400"]) == 0
    shown = capsys.readouterr()
    assert "At params 400" in shown.out
    assert "params from 100 to 200, less than a factor of 4" in " ".join(shown.out.split())


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        (["none.csv", "--scale", "params"], 2, "does not exist"),
        ([".", "--scale", "params"], 2, "is a directory"),
        (["runs.txt", "--scale", "params"], 2, "a table of runs ends with .csv"),
        (["empty.csv", "--scale", "params"], 1, "is empty"),
        (["head.csv", "--scale", "params"], 1, "has no runs"),
        (["ragged.csv", "--scale", "params"], 1, "row 2: 3 cells"),
        (["binary.csv", "--scale", "params"], 1, "no UTF-8 text"),
        (["runs.csv"], 2, "Missing option '--scale'"),
        (["runs.csv", "--scale", "params,,"], 2, "--scale: expected names"),
        (["runs.csv", "--scale", "parms,tokens"], 1, "no column 'parms'; did you mean 'params'?"),
        (["runs.csv", "--scale", "params,who"], 1, "'who' has something else than numbers"),
        (["runs.csv", "--scale", "params", "--loss", "los"], 1, "no column 'los'; did you mean 'loss'?"),
        (["runs.csv", "--scale", "seed"], 1, "1 scale (seed)"),
        (["runs.csv", "--scale", "params,tokens,dropout,lr"], 1, "no other column has numbers that differ"),
        (["runs.csv", "--scale", "params", "--plan", "1"], 2, "give its scale with --predict"),
        (["runs.csv", "--scale", "params", "--predict", "1e9"], 2, "--predict: expected NAME=VALUE"),
        (["runs.csv", "--scale", "params", "--predict", "params=big"], 2, "params takes a number; got 'big'"),
        (["runs.csv", "--scale", "params,tokens", "--predict", "params=1"], 1, "a value for each of params, tokens"),
        (["runs.csv", "--scale", "params", "--predict", "params=1e8", "--plan", "-1"], 1, "above 0; got -1.0"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_wrong_is_told(
    runs: str, given: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in {
        "runs.txt": "",
        "empty.csv": "",
        "head.csv": "params,lr,loss\n",
        "ragged.csv": "a,b\n1,2,3\n",
    }.items():
        Path(name).write_text(text)
    Path("binary.csv").write_bytes(b"params,lr,loss\n\xff\xfe\x00,1,2\n")
    assert main(["scaling", *given]) == status
    shown = capsys.readouterr()
    assert said in shown.err
    assert not shown.out
