"""``tunesmith init``: a first tune.toml from what a program says of itself."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from tunesmith.cli.init import said
from tunesmith.cli.main import main
from tunesmith.cli.scaffold import (
    Option,
    groups_in_help,
    merged,
    options_in_config,
    options_in_help,
    options_in_source,
    suggestion,
)
from tunesmith.space import Space

ARGPARSE = """\
import argparse
parser = argparse.ArgumentParser(description="Trains. --not-an-option 3")
parser.add_argument("data", nargs="?")
parser.add_argument("--lr", "--learning-rate", type=float, default=1e-3, help="step size [0, 1]")
parser.add_argument("--weight-decay", type=float, default=0)
parser.add_argument("-b", "--batch_size", type=int, default=64, metavar="N", help="rows (a lot)")
parser.add_argument("--optimizer", choices=["sgd", "adam"], default="adam")
parser.add_argument("--dropout", type=float, default=0.1)
parser.add_argument("--nesterov", action="store_true")
parser.add_argument("--epochs", type=int, default=3, help="how often")
parser.add_argument("--out-dir", default="out")
"""
TRAIN = """\
args = parser.parse_args()
loss = 0
print(f"val_accuracy: {args.lr * args.batch_size} {args.optimizer} {args.dropout} {args.weight_decay}")
"""
CLICK = """\
Usage: train.py [OPTIONS]

  Trains --verbose or not.

Options:
  --lr FLOAT                      step size  [default: 0.01]
  --opt [sgd|adam|it's]           [default: sgd; required]
  -n, --layers INTEGER RANGE      how many layers there are, which may take
                                  more than a line  [default: 3; 1<=x<=9]
  --amp / --no-amp                mixed precision  [default: amp]
  --seed INTEGER
  --help                          Show this message and exit.
"""
RANGES = """\
Options:
  --lr FLOAT RANGE        Step size.  [default: 0.01; 0<x<=1]
  --layers INTEGER RANGE  [default: 3; 1<=x<=10]
  --hidden INTEGER RANGE  [default: 64; 8<=x<=100]
  --dropout FLOAT RANGE   [default: 0.1; 0<=x<=0.3]
  --k INTEGER RANGE       [default: 5; x>=4]
  --temperature FLOAT RANGE
                          [0.5<x<=2.5]
  --epochs INTEGER RANGE  [default: 3; 1<=x<=100]
"""
TYPER = """\
╭─ Options ──────────────────────────────────────────────────────────────────╮
│    --lr                      <float range> [0<=x<=1]  step [default: 0.01] │
│    --layers  -n              <int range> [x<10]       [default: 7]         │
│    --opt                     <sgd|adam>               [default: sgd]       │
│    --amp         --no-amp    <bool>                   [default: amp]       │
│ *  --must                    <float range> [0<=x<=2]  [required]           │
│    --help                    <bool>                   Show this message.   │
╰────────────────────────────────────────────────────────────────────────────╯
"""
HYDRA_HELP = """\
app is powered by Hydra.

== Configuration groups ==
Compose your configuration from those groups (group=option)

model: small
optimizer: adam, sgd


== Config ==
lr: 1, 2
"""
ARGPARSE_HELP = """\
usage: train.py [-h] [--lr LR] [--opt {sgd,adam}]

options:
  -h, --help            show this help message and exit
  --lr LR, --learning-rate LR
                        step size (default: 0.001)
  --opt {sgd,adam}      which (default: sgd)
  -b N, --batch-size N  rows (default: 64)
  --name NAME           (default: None)
"""
CONFIG = """\
# of a network
defaults:
  - _self_
optimizer:
  _target_: torch.optim.Adam
  lr: 0.001   # step size
  betas: [0.9, 0.99]
  nested:
    decay: 1e-4
model:
  name: 'resnet'
  layers: 3
  path: ${data}/x
seed: -1
hydra:
  run: x
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNESMITH_STORAGE", raising=False)


def test_from_the_program_to_the_best_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    Path("train.py").write_text(ARGPARSE + TRAIN)
    assert main(["init", "--", sys.executable, "train.py"]) == 0
    shown = capsys.readouterr().out
    assert "with the parameters lr, weight-decay, batch_size, optimizer, dropout; 3 more options in comments" in shown
    assert "fill in the metric, then:\n  tunesmith run" in shown
    text = Path("tune.toml").read_text()
    found = tomllib.loads(text)
    assert found["params"] == {
        "lr": "log(1e-5, 0.1)",
        "weight-decay": "log(1e-6, 0.1)",
        "batch_size": "log int(16, 256)",
        "optimizer": "sgd | adam",
        "dropout": "float(0, 0.5)",
    }
    assert '# minimize = "val_accuracy"' in text
    assert '# nesterov = "true | false"' in text
    assert "# Not suggested: epochs, out-dir" in text
    assert main(["run"]) == 2
    assert "there is no metric" in capsys.readouterr().err
    Path("tune.toml").write_text(text.replace("# minimize", "maximize"))
    assert main(["run", "--trials", "2", "--quiet"]) == 0
    assert "best: trial" in capsys.readouterr().out


def test_a_file_is_not_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--minimize", "loss", "--", "sh", "-c", "echo '  --lr LR  (default: 1)' --rate {rate}"]
    Path("tune.toml").write_text("mine")
    assert main(["init", *words]) == 2
    assert "give --force" in capsys.readouterr().err
    assert main(["init", "--force", *words]) == 0
    found = tomllib.loads(Path("tune.toml").read_text())
    assert found["minimize"] == "loss"
    assert found["command"] == list(words[3:])  # it has a placeholder already
    assert main(["init", "-o", "b.toml", "--", "no-such-program"]) == 2
    assert main(["init", "-o", "b.toml", "--", "false"]) == 0
    assert "does not say what its options are" in capsys.readouterr().err
    assert tomllib.loads(Path("b.toml").read_text())["params"] == {}


def test_a_program_that_says_nothing_is_ended(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(["sh", "-c", "echo x; sleep 60"], patience=0.2) == ""
    assert "took longer than 0.2 s" in capsys.readouterr().err


def test_options_of_click() -> None:
    lr, opt, layers, amp, seed = options_in_help(CLICK)
    assert (lr.name, lr.default, lr.words) == ("lr", 0.01, "step size")
    assert (opt.choices, opt.default) == (["sgd", "adam", "it's"], "sgd")
    assert (layers.name, layers.default) == ("layers", 3)
    assert amp.is_flag
    assert seed.default is None


def ranges(text: str) -> dict[str, str | None]:
    return {option.name: suggestion(option)[0] for option in options_in_help(text)}


def test_bounds_that_a_program_tells_are_kept() -> None:
    assert ranges(RANGES) == {
        "lr": "log(0.0001, 1)",
        "layers": "int(1, 10)",
        "hidden": "log int(16, 100)",
        "dropout": "float(0, 0.3)",
        "k": "int(4, 10)",
        "temperature": "float(0.52, 2.5)",
        "epochs": None,
    }
    assert ranges(TYPER) == {
        "lr": "log(0.0001, 1)",
        "layers": "int(3, 9)",
        "opt": "sgd | adam",
        "amp": "true | false",
        "must": "float(0, 2)",
    }


def test_groups_of_hydra_are_choices_that_one_has_to_look_at() -> None:
    small, optimizer = groups_in_help(HYDRA_HELP)
    assert small.choices == ["small"]
    assert (optimizer.name, suggestion(optimizer)) == ("optimizer", ("adam | sgd", False))


def test_options_of_argparse() -> None:
    lr, opt, batch, name = options_in_help(ARGPARSE_HELP)
    assert (lr.name, lr.default) == ("lr", 0.001)
    assert (opt.choices, opt.default) == (["sgd", "adam"], "sgd")
    assert (batch.name, batch.default) == ("batch-size", 64)
    assert (name.name, name.default, name.is_flag) == ("name", None, False)


def test_the_source_says_what_help_leaves_out(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(ARGPARSE)
    (told,) = merged([Option("batch-size")], options_in_source(path))
    assert told.default == 64
    path.write_text("no python (")
    assert options_in_source(path) == []


def test_settings_of_hydra(capsys: pytest.CaptureFixture[str]) -> None:
    found = {option.name: option.default for option in options_in_config(CONFIG)}
    assert found == {
        "optimizer.lr": 0.001,
        "optimizer.nested.decay": 1e-4,
        "model.name": "resnet",
        "model.layers": 3,
        "seed": -1,
    }
    Path("app.py").write_text('"""x"""\nif False:\n    import hydra\n    @hydra.main()\n    def f(): ...\n')
    Path("conf").mkdir()
    Path("conf/config.yaml").write_text(CONFIG)
    assert main(["init", "--minimize", "loss", "--", sys.executable, "app.py"]) == 0
    found = tomllib.loads(Path("tune.toml").read_text())
    assert found["command"][-2:] == ["{overrides}", 'hydra.run.dir="{trial_dir}/hydra"']
    assert found["params"] == {"optimizer.lr": "log(1e-5, 0.1)", "model.layers": "int(1, 6)"}


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        (Option("lr", 0.1), ("log(0.001, 1)", True)),
        (Option("model.learning-rate", 3e-4), ("log(3e-6, 0.03)", True)),
        (Option("momentum", 0.9), ("float(0.5, 0.99)", True)),
        (Option("num_layers", 4), ("int(2, 8)", True)),
        (Option("hidden-dim", 128), ("log int(32, 512)", True)),
        (Option("temperature", 2.0), ("float(0.5, 8)", False)),
        (Option("ratio", 0.3), ("float(0, 1)", False)),
        (Option("eps", 1e-8), ("log(1e-10, 1e-6)", False)),
        (Option("window", 5), ("int(2, 10)", False)),
        (Option("offset", -2.0), ("float(-8, -0.5)", False)),
        (Option("seed", 3), (None, False)),
        (Option("num_workers", 4), (None, False)),
        (Option("log-interval", 10), (None, False)),
        (Option("name", "x"), (None, False)),
        (Option("verbose", is_flag=True), (None, False)),
        (Option("num_layers", choices=[1, 2, 3, 4]), ("int(1, 4)", True)),
        (Option("hidden", choices=[16, 32, 64]), ("16 < 32 < 64", True)),
        (Option("order", choices=[3, 1]), ("3 | 1", True)),
        (Option("act", choices=["relu", "it's", "if"]), (r"relu | 'it\'s' | 'if'", True)),
    ],
)
def test_ranges_to_begin_with(option: Option, expected: tuple[str | None, bool]) -> None:
    assert suggestion(option) == expected
    if expected[0] is not None:
        Space({"x": expected[0]})  # it can be read
