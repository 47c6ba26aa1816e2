"""Names, values and texts that want to control a terminal, through every command: none comes out as it is."""

from __future__ import annotations

import contextlib
import csv
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import tunesmith as ts
from tunesmith.cli.best import FORMS
from tunesmith.cli.main import COMMANDS, main

# Colours and a title of the window, old controls of eight bits, a line that is written again, a line of its own,
# another direction of writing, signs that are not seen, and markup of rich and of Markdown.
EVIL = "\x1b[31mred\x1b]0;title\x07\x9b2J\x7f\rover\nFORGED line\u202eright\u2066\u200b\u2028[bold]b[/bold]`*|\t"
PLAIN = [command for section in COMMANDS.values() for command in section]
LINES = EVIL.replace("FORGED", "another")  # of what may have several, such as errors and what programs print
SPACE = json.dumps(
    {f"x{EVIL}": {"name": "FloatDistribution", "attributes": {"low": -1.0, "high": 1.0, "step": None, "log": False}}}
)
SERVES = {"dashboard", "mcp"}  # until they are ended, and print no text; tests/dashboard and test_mcp.py have more


def objective(trial: ts.Trial) -> float:
    x = trial.suggest_float(f"x{EVIL}", -1, 1)
    trial.suggest_categorical(f"kind{EVIL}", [f"one{EVIL}", f"two{EVIL}"])
    trial.set_user_attr(f"note{EVIL}", f"value{EVIL}")
    if trial.number == 3:
        raise RuntimeError(f"reason {LINES}")
    trial.report(x, 1)
    return x * x


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERM", "dumb")  # rich colours nothing then
    name = "evil\x1b[31m\u202e.db"
    study = ts.create_study(storage=name, study_name=f"study{EVIL}", seed=0, sampler="random")
    study.set_user_attr(f"about{EVIL}", EVIL)
    study.optimize(objective, n_trials=12, catch=RuntimeError)
    capsys.readouterr()
    return name


def assert_harmless(shown: str) -> None:
    raw = sorted({c for c in shown if not c.isprintable() and c not in "\n\t"})
    assert not raw, f"{raw!r} in {shown!r}"
    assert not re.search(r"^[ \t]*FORGED", shown, re.MULTILINE), shown


def trial_csv(path: Path) -> Path:
    path.write_text(
        f'number,value,"params_x{EVIL}"\n0,1.0,2.0\n1,2.0,3.0\n'.replace("\r", ""), encoding="utf-8", newline=""
    )
    return path


def run_csv() -> list[str]:
    """A call on runs whose columns have evil names."""
    path, rows = Path("runs\x1b[1m.csv"), [f'"p{EVIL}","lr{EVIL}",loss']
    for size in (100, 400, 1600, 6400):
        rows += [f"{size},{rate / size},{3 + (rate - 5) ** 2 + 9 / size}" for rate in (2, 4, 6, 8)]
    path.write_text("\n".join(rows), encoding="utf-8", newline="")
    return ["scaling", str(path), "--scale", f"p{EVIL}"]


def evil_table(where: str) -> str:
    """Write a table whose names and values would control a terminal, beside a file; return its path."""
    path = Path(where).with_name("evil.csv")
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow([f"a{EVIL}", f"b{EVIL}", f"c{EVIL}", "y"])
        rows.writerows([[i % 7, f"{i % 3}{EVIL}", f"id{EVIL}{i}", f"{i % 2}{EVIL}"] for i in range(40)])
    return str(path)


CALLS: dict[str, list[Callable[[str], list[str]]]] = {
    "tune": [
        lambda where: ["tune", evil_table(where), "--target", "y", "--trials", "1", "--models", "linear"],
        lambda where: ["tune", evil_table(where), "--target", f"b{EVIL}", "--trials", "1", "--models", "linear"],
        lambda where: ["tune", evil_table(where), "--target", f"z{EVIL}"],
        lambda where: ["tune", evil_table(where), "--target", "y", "--models", f"lin{EVIL}"],
        lambda where: ["tune", f"none{EVIL}.csv".replace("\n", ""), "--target", "y"],
    ],
    "predict": [
        lambda where: ["predict", f"none{EVIL}.skops".replace("\n", ""), evil_table(where)],
        lambda where: ["predict", evil_table(where), evil_table(where)],
    ],
    "run": [
        lambda where: ["run", "--storage", "new.db", "--study", f"n{EVIL}", "--minimize", "loss", "-p", "x=float(0, 1)",
                       "--trials", "2", "--", "printf", f"{LINES}\nloss: {{x}}\n"],
        lambda where: ["run", "--storage", "new.db", "--minimize", "loss", "-p", "x=float(0, 1)", "--trials", "1", "--",
                       "printf", f"{LINES}\n"],
        lambda where: ["run", "--minimize", "loss", "-p", f"x{EVIL}=float(0, 1)", "--dry-run", "--", "echo", LINES],
        lambda where: ["run", "--minimize", "loss", "-p", f"x={EVIL}(", "--", "echo", LINES],
    ],
    "init": [
        lambda where: ["init", "-o", "made\x1b[1m.toml", "--", "printf", f"  --lr{EVIL} LR {EVIL}\n  --lr LR x\n"],
    ],
    "studies": [lambda where: ["studies", where], lambda where: ["studies", where, "--json"]],
    "show": [
        lambda where: ["show", where],
        lambda where: ["show", where, "--json"],
        lambda where: ["show", where, "--trial", "3"],
        lambda where: ["show", where, "--trial", "3", "--json"],
        lambda where: ["show", where, "--trial", "99"],
        lambda where: ["show", where, "--study", f"none{EVIL}"],
        lambda where: ["show", f"none{EVIL}.db".replace("\n", "")],
    ],
    "best": [
        lambda where: ["best", where],
        lambda where: ["best", where, "--honest"],
        *[lambda where, form=form: ["best", where, "--as", form] for form in FORMS],
    ],
    "trials": [
        lambda where: ["trials", where],
        lambda where: ["trials", where, "--json"],
        lambda where: ["trials", where, "--where", f"`{EVIL}` < 1"],
        lambda where: ["trials", where, "--sort", EVIL],
    ],
    "export": [
        lambda where: ["export", where],
        lambda where: ["export", where, "--json"],
        lambda where: ["export", where, "-o", "out\x1b[1m.csv"],
        lambda where: ["export", where, "-o", "out\x1b[1m.csv", "--json"],
        lambda where: ["export", where, "-o", "out\x1b[1m.none"],
        lambda where: ["export", where, "--to", "optuna", "-o", "old\x1b[1m.db"],
    ],
    "report": [
        lambda where: ["report", where, "--format", "md"],
        lambda where: ["report", where, "-o", "r\x1b[1m.html"],
    ],
    "importance": [
        lambda where: ["importance", where],
        lambda where: ["importance", where, "--json"],
        lambda where: ["importance", where, "--params", EVIL],
    ],
    "explain": [lambda where: ["explain", where], lambda where: ["explain", where, "--json"]],
    "plot": [
        lambda where: ["plot", "history", where, "-o", "h\x1b[1m.html"],
        lambda where: ["plot", f"none{EVIL}", where],
    ],
    "scaling": [
        lambda where: [*run_csv(), "--predict", f"p{EVIL}=1e4", "--plan", "1", "--transfer", "mup"],
        lambda where: [*run_csv(), "--predict", f"p{EVIL}=1e4", "--json"],
        lambda where: [*run_csv(), "--report", "r\x1b[1m.md"],
        lambda where: [*run_csv(), "--predict", EVIL],
        lambda where: [*run_csv(), "--predict", f"{EVIL}=1"],
        lambda where: [*run_csv(), "--predict", f"p{EVIL}={EVIL}"],
        lambda where: [*run_csv(), "--loss", EVIL],
        lambda where: [*run_csv(), "--budget-flop", "1e9"],
        lambda where: ["scaling", f"none{EVIL}.csv".replace("\n", ""), "--scale", "params"],
    ],
    "enqueue": [
        lambda where: ["enqueue", where, "-p", f"x{EVIL}=0.5"],
        lambda where: ["enqueue", where, "-p", f"none{EVIL}=0.5"],
        lambda where: ["enqueue", where, "-p", f"kind{EVIL}=none{EVIL}"],
        lambda where: ["enqueue", where, "-p", f"kind{EVIL}=one{EVIL}"],
    ],
    "confirm": [
        lambda where: ["confirm", where],
        lambda where: ["confirm", where, "--objective", f"none{EVIL}:f"],
        lambda where: ["confirm", where, "--objective", f"{__name__}:objective", "--top", "1", "--repeats", "2"],
    ],
    "import": [
        lambda where: ["import", str(trial_csv(Path("rows\x1b[1m.csv"))), "in.db"],
        lambda where: ["import", f"none{EVIL}.csv".replace("\n", ""), "in.db"],
    ],
    "copy": [lambda where: ["copy", where, "copy\x1b[1m.db"], lambda where: ["copy", where, where]],
    "rename": [lambda where: ["rename", where, f"other{EVIL}"], lambda where: ["rename", where, ""]],
    "delete": [lambda where: ["delete", where, "--yes"]],
    "worker": [
        lambda where: ["worker", "--storage", where, "--study", f"study{EVIL}", "--n-trials", "2", "--catch",
                       "RuntimeError", f"{__name__}:objective"],
        lambda where: ["worker", "--storage", where, "--study", f"none{EVIL}", f"{__name__}:objective"],
        lambda where: ["worker", "--storage", where, "--study", "s", f"none{EVIL}:objective"],
    ],
    "create-study": [
        lambda where: ["create-study", "--storage", "sqlite:///new.db", "--study-name", f"s{EVIL}"],
        lambda where: ["create-study", "--storage", f"none://{EVIL}"],
    ],
    "ask": [
        lambda where: ["ask", "--storage", where, "--study-name", f"study{EVIL}", "--search-space", SPACE],
        lambda where: ["ask", "--storage", where, "--search-space", SPACE, "--format", "table", "--flatten"],
        lambda where: ["ask", "--storage", where, "--search-space", SPACE, "--format", "yaml"],
        lambda where: ["ask", "--storage", where, "--search-space", SPACE, "--format", "value"],
        lambda where: ["ask", "--storage", where, "--sampler", f"none{EVIL}"],
        lambda where: ["ask", "--storage", where, "--search-space", json.dumps({EVIL: {"name": EVIL}})],
        lambda where: ["ask", "--storage", "new.db", "-p", f"x{EVIL}=float(0, 1)", "--minimize", f"m{EVIL}"],
        lambda where: ["ask", "--storage", "new.db", "-p", f"y{EVIL}=float(0, 1)", "--minimize", f"m{EVIL}"],
        lambda where: ["ask", "--storage", where, "--search-space", EVIL],
    ],
    "tell": [
        lambda where: ["tell", "--storage", where, "--study-name", f"none{EVIL}", "--trial-number", "0"],
        lambda where: ["tell", "--storage", where, "--trial-number", "0", "--values", EVIL],
        lambda where: ["tell", "--storage", where, EVIL],
        lambda where: ["tell", "--storage", where, "3", f"{EVIL}=1"],
        lambda where: ["tell", "--storage", where, "3", "--fail", "--reason", EVIL],
    ],
    "best-trial": [
        # Not as a table: a narrow terminal breaks its cells at blanks, and a piece may begin a line.
        lambda where: ["best-trial", "--storage", where, "--format", "json"],
        lambda where: ["best-trial", "--storage", where, "--format", "yaml"],
        lambda where: ["best-trial", "--storage", where, "--format", "value"],
    ],
    "upgrade": [lambda where: ["upgrade", where]],
    "doctor": [lambda where: ["doctor", where], lambda where: ["doctor", "none\x1b[1m.db"]],
}  # fmt: skip


# A command that has no calls above takes a storage, as docs/add-command.md says.
for _name in {*PLAIN} - SERVES - {*CALLS}:
    CALLS[_name] = [lambda where, name=_name: [name, where], lambda where, name=_name: [name, where, "--json"]]


@pytest.mark.parametrize("terminal", [False, True], ids=["to a pipe", "to a terminal"])
@pytest.mark.parametrize("command", CALLS)
@pytest.mark.filterwarnings("ignore")  # what is warned of here has tests of its own
def test_nothing_foreign_controls_the_terminal(
    command: str, terminal: bool, where: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = 0
    for call in CALLS[command]:
        words = call(where)
        monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
        with contextlib.suppress(SystemExit):
            main(words)
        shown = capsys.readouterr()
        printed += len(shown.out) + len(shown.err)
        assert_harmless(shown.err)
        if command in ("export", "best") and "--json" not in words and not terminal:
            continue  # data for another program, which gets what was stored
        assert_harmless(shown.out.replace("\nFORGED", "") if command == "export" else shown.out)  # cells have lines
        if "--json" in words and shown.out:
            json.loads(shown.out)
    assert printed


def test_commands_print_through_one_function() -> None:
    folder = Path(sys.modules[main.__module__].__file__ or "").parent
    assert [path.name for path in folder.glob("*.py") if re.search(r"click\.s?echo\(|\bprint\(", path.read_text())] == [
        "output.py"
    ]
