"""``tunesmith init``: a first tune.toml from what a program says of itself."""

from __future__ import annotations

import os
import sys
import time
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.cli.main import main
from tunesmith.integrations.scaffold.command import help_of_program
from tunesmith.integrations.scaffold.options import (
    Option,
    arguments_in_help,
    groups_in_help,
    is_help,
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


PATIENT = ("--wait", "60")  # the machine may be busy


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNESMITH_STORAGE", raising=False)


def test_from_the_program_to_the_best_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    Path("train.py").write_text(ARGPARSE + TRAIN)
    assert main(["init", *PATIENT, "--", sys.executable, "train.py"]) == 0
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
    assert main(["init", *PATIENT, "--force", *words]) == 0
    found = tomllib.loads(Path("tune.toml").read_text())
    assert found["minimize"] == "loss"
    assert found["command"] == list(words[3:])  # it has a placeholder already
    assert main(["init", "-o", "b.toml", "--", "no-such-program"]) == 2
    assert main(["init", *PATIENT, "-o", "b.toml", "--", "false"]) == 0
    assert "it is not known what options the program has" in capsys.readouterr().err
    assert tomllib.loads(Path("b.toml").read_text())["params"] == {}


def test_a_program_that_does_not_know_help_is_ended_with_all_that_it_started(
    capsys: pytest.CaptureFixture[str],
) -> None:
    help_and_then = "echo '  --lr FLOAT  [default: 0.1]'; (sleep 60; echo x > late) & echo $! > pid; wait"
    assert main(["init", "--wait", "1", "--", "sh", "-c", help_and_then]) == 0
    told = capsys.readouterr().err
    assert "took longer than 1 s. It was ended, with all that it started, and nothing of what it printed" in told
    assert "give --wait 6" in told
    assert "these files were written: 'pid'" in told
    assert tomllib.loads(Path("tune.toml").read_text())["params"] == {}
    assert is_dead(int(Path("pid").read_text()))


def is_dead(pid: int) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        status = Path(f"/proc/{pid}/stat")
        if status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("program", "told"),
    [
        (
            "echo epoch 1; echo epoch 2 val_loss: 0.3",
            "ended as if it had done its work, and printed at last:\n    epoch 1",
        ),
        ("echo '  --lr FLOAT is no option'; exit 3", "ended with exit code 3, and printed at last:\n      --lr FLOAT"),
        ("true", "ended as if it had done its work, silently"),
        ("kill -9 $$", "exit code -9, SIGKILL"),
        ("echo x > model.bin; mkdir logs; echo y > logs/a", "these files were written: 'logs/a', 'model.bin'"),
    ],
)
def test_what_a_program_did_instead_of_helping_is_told(
    program: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert help_of_program(["sh", "-c", program], 60) == ""
    assert told in capsys.readouterr().err


def test_a_program_that_ends_with_an_error_may_have_helped() -> None:
    usage = "echo 'unknown option --help'; echo 'Usage: train [options]'; echo '  --lr RATE   step size'; exit 2"
    assert [option.name for option in options_in_help(help_of_program(["sh", "-c", usage], 60))] == ["lr"]


def test_a_program_that_prints_without_end_is_ended_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    assert help_of_program(["sh", "-c", "exec yes '  --lr LR   step size'"], 600) == ""
    assert time.monotonic() - began < 300
    assert "printed more than 16 MB. It was ended" in capsys.readouterr().err


def test_a_program_that_looks_for_help_before_its_files_is_asked_alone(capsys: pytest.CaptureFixture[str]) -> None:
    fit = Path("fit")
    fit.write_text("#!/bin/sh\n[ $1 = --help ] && echo 'Usage: fit\n  -lr RATE  (default: 0.1)' || echo loss: 0.3\n")
    fit.chmod(0o755)
    Path("data.txt").write_text("1 2\n")
    assert main(["init", *PATIENT, "--minimize", "loss", "--", "./fit", "data.txt"]) == 0
    assert "the options are those that `./fit --help` printed" in capsys.readouterr().err
    assert tomllib.loads(Path("tune.toml").read_text())["params"] == {"lr": "log(0.001, 1)"}
    # of another program's options nothing is said
    assert main(["init", *PATIENT, "--force", "--minimize", "loss", "--", "./fit", "data.txt", "train.py"]) == 0
    assert tomllib.loads(Path("tune.toml").read_text())["params"] == {}


def test_a_process_that_holds_the_output_open_is_not_waited_for() -> None:
    assert "--lr" in help_of_program(["sh", "-c", "echo '  --lr LR'; sleep 600 &"], 60)


# -- real help texts, of programs that differ in their language and their library alone --------------------------------

HELPS = Path(__file__).parent / "helps"
SAME = ["lr", "weight_decay", "hidden", "layers", "dropout", "optimizer", "nesterov", "epochs"]
LIBRARIES = sorted(path.stem for path in HELPS.glob("*.txt") if "hydra" not in path.stem)


def test_there_is_a_help_of_each_library() -> None:
    expected = """cpp_cli11 cpp_cxxopts cpp_gflags go_cobra go_flag julia_argparse python_argparse python_click
    python_fire python_typer r_argparse r_optparse rust_clap rust_clap_short"""
    assert expected.split() == LIBRARIES
    sources = {path.stem for path in HELPS.iterdir() if path.suffix not in (".txt", "")}
    assert {name.removesuffix("_short") for name in LIBRARIES} | {"python_hydra"} == sources


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_options_of_each_library_are_understood(library: str) -> None:
    found = {o.name.replace("-", "_"): o for o in options_in_help((HELPS / f"{library}.txt").read_text())}
    takes_out_by_its_place = library == "python_fire"
    assert set(found) == {*SAME, *(() if takes_out_by_its_place else ("out",))}
    assert {name: o.default for name, o in found.items() if name in SAME[:6] or name == "epochs"} == {
        "lr": 0.01,
        "weight_decay": 1e-4,
        "hidden": 64,
        "layers": 2,
        "dropout": 0.1,
        "optimizer": "adam",
        "epochs": 20,
    }
    assert [name for name, o in found.items() if o.is_flag] == ["nesterov"]
    assert [name for name, o in found.items() if o.required] == ["out"] * (not takes_out_by_its_place)
    assert found["optimizer"].choices == ["sgd", "adam", "rmsprop"]
    assert {o.dash for o in found.values()} == {"--"}
    proposed = {name: suggestion(o) for name, o in found.items()}
    assert proposed.pop("layers")[0] in ("int(1, 8)", "int(1, 4)")
    if library != "python_click":
        assert (found["dropout"].low, found["dropout"].high) == (0, 0.9)
    assert proposed == {
        "lr": ("log(0.0001, 1)", True),
        "weight_decay": ("log(1e-6, 0.01)", True),
        "hidden": ("log int(16, 256)", True),
        "dropout": ("float(0, 0.5)", True),
        "optimizer": ("sgd | adam | rmsprop", True),
        "nesterov": ("true | false", False),
        "epochs": (None, False),
    } | ({} if takes_out_by_its_place else {"out": (None, False)})


def test_the_settings_of_a_real_hydra_program() -> None:
    (group,) = groups_in_help((HELPS / "python_hydra.txt").read_text())
    assert (group.name, group.choices) == ("optimizer", ["adam", "sgd"])
    found = {o.name: o.default for o in options_in_config((HELPS / "python_hydra_cfg.txt").read_text())}
    assert found["optimizer.lr"] == 0.01
    assert found["model.layers"] == 2


@pytest.mark.parametrize(
    ("words", "bounds"),
    [
        ("a rate in [0, 0.9)", (0, 0.9, (False, True))),
        ("a rate between 0 and 0.5 (default: 0.1)", (0, 0.5, (False, False))),
        ("0 to 1 (default 0.1)", (0, 1, (False, False))),
        ("0 < p <= 1, default: 0.1", (0, 1, (True, False))),
        ("0..1", (0, 1, (False, False))),
        ("at least 0.1", (0.1, None, (False, False))),
        ("must be > 0 and at most 2", (0, 2, (True, False))),
        ("must be positive", (0, None, (True, False))),
        ("must not be non-negative", (0, None, (False, False))),
        ("less than 1 [default: 0.5]", (None, 1, (False, True))),
        ("in [1, 2] (default: 0.1)", (None, None, (False, False))),  # the default is not in there: it is something else
        ("betas of Adam (default: (0.9, 0.999))", (None, None, (False, False))),
        ("see section 1.2 or 3-4 of the paper", (None, None, (False, False))),
    ],
)
def test_bounds_in_words(words: str, bounds: tuple[float | None, float | None, tuple[bool, bool]]) -> None:
    (option,) = options_in_help(f"Options:\n  --rate FLOAT  {words}\n")
    assert (option.low, option.high, option.inside) == bounds


@pytest.mark.parametrize(
    ("words", "choices"),
    [
        ("one of: relu, gelu or tanh", ["relu", "gelu", "tanh"]),
        ("(choices: relu, gelu)", ["relu", "gelu"]),
        ("relu|gelu [default: gelu]", ["relu", "gelu"]),
        ("either 'relu' or 'gelu'", ["relu", "gelu"]),
        ("such as relu, gelu or tanh", None),  # nothing says that these are all
        ("as in the paper, or not (default: silu)", None),
        ("Possible values:\n          - relu: bent\n          - gelu", ["relu", "gelu"]),
    ],
)
def test_choices_in_words(words: str, choices: list[str] | None) -> None:
    (option,) = options_in_help(f"Options:\n  --act NAME  {words}\n")
    assert option.choices == choices


PIECES = [
    "  --lr",
    " [a|b]",
    " --hidden-size",
    "  -b",
    ", --batch-size",
    "  --dropout",
    "  --act",
    " FLOAT",
    "=N",
    " <int>",
    " arg  ",
    " TEXT:{a,b}",
    " {1,2}",
    " [a",
    "b]",
    "(",
    ")",
    "[",
    "]",
    "default: ",
    "default ",
    "[default=",
    "type: double",
    "0",
    "0.1",
    "1e9",
    "1e999",
    "-3",
    "nan",
    "'x'",
    "\n",
    "      ",
    "usage: t ",
    "positive",
    "in [0, 0]",
    "<=",
    "at least ",
    "between 5 and 3",
    "1..8",
    "one of ",
    "sgd, adam or x",
    "possible values:\n      - a",
    "required",
    "INT in [1 - 8] [2]",
    "│",
    "{lr}",
    "\x1b[1m",
    "\t",
]


@given(st.lists(st.sampled_from(PIECES), max_size=25))
def test_whatever_a_program_prints_what_is_proposed_can_be_read(pieces: list[str]) -> None:
    for option in options_in_help("".join(pieces)):
        described, _ = suggestion(option)
        if described is not None:
            Space({"x": described})


# Formats of programs that use no library of those above, in words of our own.
LETTERS = """\
Usage: fit [options] table
options:
-k kind : which kernel (default 2)
\t0 -- straight
\t1 -- curved
-c cost : what an error costs (default 1)
-e tolerance : when to end (default 0.001)
-s shrink : whether to shrink, 0 or 1 (default 1)
-v n: parts of the table
-q : say nothing
"""
AT_THE_END = """\
These arguments are mandatory:
  -input              where the words are

These arguments are optional:
  -lr                 step size [0.1]
  -dim                size of a vector [100]
  -loss               one of these {ns, hs, softmax} [softmax]
  -keep               whether words are kept [false]
  -label              what labels begin with [__label__]
"""
ASSIGNED = """\
USAGE: solve [options] <input>

  -again, -no-again                        (default: off)
  -var-decay    = <double> (   0 ..    1)  (default: 0.95)
  -phase        = <int32>  [   0 ..    2]  (default: 2)
"""
TYPED = """\
Grows trees. To grow some, call it so:

  $ grow --num_trees 10 --lambda 0.1
    --num_trees 10 --optimizer sgd

Required input options:

  --table (-t) [unknown]        Rows.

Optional input options:

  --info [string]               More on an option.  Default value
                                ''.
  --lambda (-L) [double]        How much is taken away.  Default
                                value 0.
  --num_trees (-N) [int]        How many.  Default value 10.
  --optimizer (-O) [string]     Who finds it ('lbfgs' or
                                'sgd').  Default value 'lbfgs'.
  --warm (-w) [bool]            Go on.
"""


@pytest.mark.parametrize(
    ("text", "proposed", "required"),
    [
        (LETTERS, {"c": "log(0.01, 1e2)"}, []),
        (
            AT_THE_END,
            {"lr": "log(0.001, 1)", "dim": "log int(25, 400)", "loss": "ns | hs | softmax"},
            ["input"],
        ),
        (ASSIGNED, {"var-decay": "float(0.75, 0.99)"}, []),
        (TYPED, {"lambda": "log(1e-6, 0.1)", "num_trees": "log int(2, 40)", "optimizer": "lbfgs | sgd"}, ["table"]),
    ],
    ids=["letters", "at the end", "assigned", "typed"],
)
def test_programs_without_a_library(text: str, proposed: dict[str, str], required: list[str]) -> None:
    found = options_in_help(text)
    assert is_help(text)
    assert {o.name: what for o in found for what, safe in [suggestion(o)] if safe} == proposed
    assert [o.name for o in found if o.required] == required
    assert {o.name for o in found if o.is_flag} <= {"q", "keep", "again", "warm"}


def test_only_what_every_way_to_call_a_program_has_is_required() -> None:
    usage = "Usage: seek [OPTIONS] --in FILE WORD\n  or:  seek --in FILE --list\n\n  --in FILE\n  --list\n"
    assert [o.name for o in options_in_help(usage) if o.required] == ["in"]


@pytest.mark.parametrize(
    "option", ["--since <date|dur>", "--on[=fatal|no]", "-ea[:<package>...|:<class>]", "--unit U  One of s, ms. All"]
)
def test_what_stands_for_a_value_is_no_choice(option: str) -> None:
    (found,) = options_in_help(f"  {option}\n")
    assert found.choices in (None, ["fatal", "no"], ["s", "ms"])


def test_the_usage_ends_where_the_options_begin() -> None:
    text = (
        "Usage: fetch [options...] <url>\n -d, --data <data>  What to send (default: )\n     --key <ID|PATH>  Which\n"
    )
    data, key = options_in_help(text)
    assert (data.name, data.required, data.default) == ("data", False, None)
    assert (key.required, key.choices) == (False, None)


@pytest.mark.parametrize("name", sorted(p.stem for p in HELPS.glob("*.txt")))
def test_positional_arguments_are_named_as_the_usage_line_names_them(name: str) -> None:
    text = (HELPS / f"{name}.txt").read_text()
    found = arguments_in_help(text, ["run", f"{name}.x"])
    none = {"cpp_cxxopts", "cpp_gflags", "go_flag", "python_hydra", "python_hydra_cfg"}
    assert [word.lower() for word in found] == (
        [] if name in none else ["data", "out"] if name == "python_fire" else ["data"]
    )


def test_arguments_that_the_command_has_are_not_asked_for() -> None:
    text = (
        "usage: x.py [-h] --opt {sgd,adam} --fast {train,eval} files [files ...]\n\n  --opt {sgd,adam}  how\n  --fast\n"
    )
    assert arguments_in_help(text, ["python", "x.py"]) == ["{train,eval}", "files"]
    assert arguments_in_help(text, ["python", "x.py", "--opt", "sgd", "--fast", "train"]) == ["files"]
    assert arguments_in_help(text, ["python", "x.py", "train", "a", "b"]) == []
    assert (
        arguments_in_help("Usage:\n  x.py new <name>\n  x.py move <name>\n", ["x.py"]) == []
    )  # several ways to call it


def test_missing_arguments_are_told_with_how_to_give_them(capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.sh").write_text("cat <<E\nusage: t.sh [--lr LR] data out-dir\n\n  --lr LR\nE\n")
    assert main(["init", *PATIENT, "--minimize", "loss", "--", "sh", "t.sh"]) == 0
    assert (
        "the program needs 'data', 'out-dir' behind its name: put the value there, in tune.toml or as in "
        "`tunesmith init -- sh t.sh DATA OUT_DIR`"
    ) in capsys.readouterr().err
    text = Path("tune.toml").read_text()
    assert '# command = ["sh", "t.sh", "DATA", "OUT_DIR", "{args}"]' in text
    assert tomllib.loads(text)["command"] == ["sh", "t.sh", "{args}"]
    assert main(["init", "--force", *PATIENT, "--minimize", "loss", "--", "sh", "t.sh", "d.csv", "out"]) == 0
    assert "behind its name" not in capsys.readouterr().err + Path("tune.toml").read_text()


def test_what_the_command_says_is_not_tuned_and_what_it_lacks_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    told = "usage: t --data FILE [--lr LR]\n\n  --data FILE\n  --lr LR\n  --dropout RATE\n"
    Path("t.sh").write_text(f"cat <<E\n{told}E\n")
    assert main(["init", *PATIENT, "--minimize", "loss", "--", "sh", "t.sh", "--lr", "0.1"]) == 0
    shown = capsys.readouterr()
    assert "the program needs '--data' too: add it to the command in tune.toml" in shown.err
    text = Path("tune.toml").read_text()
    assert tomllib.loads(text)["params"] == {"dropout": "float(0, 0.5)"}  # its name says what it usually is
    assert "# The program needs these, so the command must have them: --data" in text


def test_options_with_one_dash_stand_in_the_command() -> None:
    Path("t.sh").write_text("echo 'usage: t'; echo '  -l LR   (default: 0.1)'; echo '  -momentum M   (default: 0.9)'")
    assert main(["init", *PATIENT, "--minimize", "loss", "--", "sh", "t.sh"]) == 0
    found = tomllib.loads(Path("tune.toml").read_text())
    assert found["command"] == ["sh", "t.sh", "-momentum", "{momentum}"]
    assert found["params"] == {"momentum": "float(0.5, 0.99)"}


def test_what_is_on_by_itself_is_not_tuned() -> None:
    amp, off = options_in_help("  --amp, --no-amp  (default: True)\n  --fast / --no-fast  [default: no-fast]\n")
    assert (amp.is_flag, suggestion(amp)) == (True, (None, False))
    assert (off.default, suggestion(off)) == (False, ("true | false", False))


def test_options_of_click() -> None:
    lr, opt, layers, amp, seed = options_in_help(CLICK)
    assert (lr.name, lr.default, lr.kind) == ("lr", 0.01, "float")
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
        "amp": None,  # it is on, and {args} leaves out what is false
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
    assert main(["init", *PATIENT, "--minimize", "loss", "--", sys.executable, "app.py"]) == 0
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
        (Option("gamma", 0.99), ("float(0.95, 0.998)", True)),
        (Option("gamma", 0.1), ("log(0.001, 10)", True)),
        (Option("ema-decay", 0.9998), ("float(0.999, 0.99996)", True)),
        (Option("step_size", 0.01), ("log(0.0001, 1)", True)),
        (Option("logging_strategy", choices=["no", "steps"]), ("no | steps", False)),
        (Option("color", choices=["auto", "never"]), ("auto | never", False)),
        (Option("optim", choices=[f"o{i}" for i in range(13)]), (" | ".join(f"o{i}" for i in range(13)), False)),
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


@pytest.mark.parametrize(
    "default",
    [
        "{[1]: 2}",
        "-" * 3000 + "1",
        "[" * 150 + "]" * 150,
        "9" * 900,
        "9" * 5000,
        "1e999",
        "1e308",
        "{1, 2}",
        "b'x'",
        "1j",
        "...",
    ],
    ids=lambda text: text[:10],
)
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_any_default_in_a_source_is_borne(default: str, tmp_path: Path) -> None:
    source = tmp_path / "p.py"
    source.write_text(f'parser.add_argument("--lr", type=float, default={default}, choices=[{default}, 1])\n')
    for option in options_in_source(source):
        described, _ = suggestion(option)
        assert described is None or Space({"lr": described})


@pytest.mark.parametrize("number", ["9" * 900, "1e999", "-" + "9" * 400, "1e308"])
def test_any_number_in_a_help_text_is_borne(number: str) -> None:
    help_text = (
        f"usage: x\n\noptions:\n  --help\n  --width INT  (default: {number})\n  --lr FLOAT  (default: {number})\n"
        f"  --depth N  between 1 and {number} (default: 3)\n  --wd FLOAT  at most {number} (default: 0.5)\n"
        f"  --gamma FLOAT  at least {number} (default: 0.5)\n  --opt [{number}|2]\n"
    )
    found = options_in_help(help_text)
    assert len(found) == 6
    for option in found:
        described, _ = suggestion(option)
        assert described is None or Space({option.name: described})


def test_what_was_there_survives_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tune.toml").write_text("mine = true\n")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert main(["init", "--force", "--", sys.executable, "-c", "print('usage: x')"]) == 1
    assert "error: tune.toml: No space left on device" in capsys.readouterr().err
    assert Path("tune.toml").read_text() == "mine = true\n"
    assert os.listdir() == ["tune.toml"]
    if os.path.exists("/dev/full"):
        assert main(["init", "--force", "-o", "/dev/full", "--", sys.executable, "-c", "print('usage: x')"]) == 1
        assert "error: /dev/full: No space left on device" in capsys.readouterr().err


def test_words_that_are_no_text_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = str(tmp_path / "tune.toml")
    assert main(["init", "-o", output, "--minimize", "\udcff", "--", sys.executable]) == 2
    assert r"'\udcff' is no text in UTF-8" in capsys.readouterr().err
