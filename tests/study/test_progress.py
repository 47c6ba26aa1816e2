"""The progress display: what it says, where, and how seldom."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import textwrap
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import tunesmith as ts
from tunesmith import TrialState
from tunesmith.study.progress import Progress, ProgressLine, Table
from tunesmith.study.progress.table import described_params, sparkline
from tunesmith.trial import FrozenTrial


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def finished(number: int, value: float | None, state: TrialState = TrialState.COMPLETE) -> FrozenTrial:
    return FrozenTrial(number, state, values=None if value is None else (value,))


# ------------------------------------------------------------------------------------------------------------ words


def test_the_line_says_count_best_rate_and_time_left() -> None:
    clock = Clock()
    line = ProgressLine(20, "fit", stream=io.StringIO(), clock=clock)
    assert line.head() == "fit 0/20"
    assert line.tail(clock.now) == "0:00"
    clock.now += 10
    line.best = "best 0.5 (fit 3)"
    line.notes = {"failed": 1, "pruned": 0}
    line.advance(5)
    assert line.head() == "fit 5/20"
    assert line.tail(clock.now) == "best 0.5 (fit 3) · 2 s/fit · 0:30 left · 1 failed"
    assert line.tail(clock.now + 4) == "best 0.5 (fit 3) · 2 s/fit · 0:26 left · 1 failed"  # between two ends
    assert line.tail(clock.now + 99) == "best 0.5 (fit 3) · 2 s/fit · 0:00 left · 1 failed"
    assert line.tail(clock.now, ended=True) == "best 0.5 (fit 3) · 2 s/fit · in 0:10 · 1 failed"


def test_the_time_limit_ends_it_where_that_is_sooner() -> None:
    clock = Clock()
    line = ProgressLine(100, timeout=60, stream=io.StringIO(), clock=clock)
    assert line.tail(clock.now) == "1:00 left"
    clock.now += 20
    line.advance(10)
    assert line.tail(clock.now) == "2 s/trial · 0:40 left"
    line.advance(80)
    assert line.tail(clock.now) == "4.5 trials/s · 0:02 left"


def test_without_a_total_it_says_how_long_it_has_run() -> None:
    clock = Clock()
    line = ProgressLine(stream=io.StringIO(), clock=clock)
    clock.now += 3
    line.advance(6)
    assert (line.head(), line.tail(clock.now)) == ("trial 6", "2 trials/s · 0:03")


# ------------------------------------------------------------------------------------------------------------- where


def test_elsewhere_than_on_a_terminal_lines_are_few_and_the_last_one_is_there() -> None:
    clock, out = Clock(), io.StringIO()
    line = ProgressLine(1000, stream=out, clock=clock)
    for _ in range(1000):
        clock.now += 0.012
        line.advance()
    line.close("The end.")
    lines = out.getvalue().splitlines()
    assert len(lines) == 4  # 12 seconds, one line in 5, the last, and the message
    assert lines[0].startswith("trial 417/1000 · 83 trials/s · 0:07 left")
    assert lines[2].startswith("trial 1000/1000 · 83 trials/s · in 0:12")
    assert lines[3] == "The end."


def test_on_a_terminal_it_is_one_line_that_renews_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    clock, out = Clock(), Terminal()
    line = ProgressLine(10, stream=out, clock=clock)
    line.best = "best 0.123456 (trial 7), and much more to say than there is room for"
    drawn = 0
    for _ in range(10):
        clock.now += 0.1
        before = len(out.getvalue())
        line.advance()
        drawn += len(out.getvalue()) > before
    line.close()
    assert 3 <= drawn <= 6
    text = out.getvalue()
    assert text.count("\n") == 1
    assert "trial 10/10" in text
    assert "…" in text
    assert text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l")  # the cursor is there again


def test_a_table_of_the_running_trials_stands_above_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "90")
    study = ts.create_study(seed=0, space={"rate": "log(1e-5, 1e-1)", "kind": ["a\x1b[0m"]})
    out = Terminal()
    table = Table(study, 3, None, stream=out)
    running = [study.ask() for _ in range(2)]
    for step, value in enumerate([4.0, 2.0, 1.0]):
        running[1].report(value, step)
    table.close()
    text = out.getvalue()
    assert all(word in text for word in ("trial", "parameters", "curve", "step", "value", "time"))
    assert f"rate={running[1].params['rate']:.3g}" in text
    assert "█▃▁" in text
    assert "trial 0/3" in text
    assert described_params({"kind": "a\x1b[0m", "x": 1 / 3, "n": None}) == r"kind=a\x1b[0m x=0.333 n=None"


def test_a_table_is_a_line_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    study = ts.create_study(seed=0)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), 3, show_progress_bar=partial(Table, stream=out))
    assert out.getvalue().startswith("trial 3/3 · best ")
    assert out.getvalue().count("\n") == 1


@pytest.mark.parametrize(
    ("values", "bars"),
    [
        ([], ""),
        ([1], "▁"),
        ([1, 1], "▁▁"),
        ([0, 7, 3.5], "▁█▅"),
        ([float("nan"), 0, 1, float("inf")], "?▁█?"),
        ([float("nan")], "?"),
        (range(100), "▁▁▂▂▃▃▄▄▅▅▆▆▇▇▇█"),
        ([-1e308, 1e308, 5e-324], "▁█▅"),
        ([0, 1e-320], "▁█"),
    ],
)
def test_curves_as_bars(values: Any, bars: str) -> None:
    assert sparkline(values) == bars


def test_where_rich_is_missing_lines_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.live", None)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    out = Terminal()
    line = ProgressLine(2, stream=out)
    line.advance(2)
    line.close()
    assert out.getvalue().startswith("trial 2/2 · ")
    assert out.getvalue().count("\n") == 1


def test_a_notebook_gets_an_output_that_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    handle = SimpleNamespace(update=lambda data, raw: shown.append(data["text/plain"]))

    def display(data: dict[str, str], raw: bool, display_id: bool) -> Any:
        shown.append("new: " + data["text/plain"])
        return handle

    ipython, module = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=1)  # type: ignore[attr-defined]  # a module made here
    module.display = display  # type: ignore[attr-defined]  # as above
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    clock = Clock()
    line = ProgressLine(4, clock=clock)
    clock.now += 1
    line.advance(2)
    line.close()
    assert shown[0].startswith("new: trial 0/4 ░░░")
    assert shown[1].startswith("trial 2/4 ████")
    assert shown[-1].endswith("in 0:01")

    class OwnBar(ProgressLine):
        has_bar = False

    OwnBar(4, clock=clock)
    assert shown[-1].startswith("new: trial 0/4 · "), "a text that has a bar gets no second one"


def test_a_reader_that_is_gone_ends_the_display_and_not_the_search() -> None:
    tried: list[str] = []

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            tried.append(text)
            raise BrokenPipeError

    clock = Clock()
    line = ProgressLine(100, stream=Gone(), clock=clock)
    for _ in range(20):
        clock.now += 1
        line.advance()
    line.close("Not to be read.")
    assert len(tried) == 1, "nothing is written to it again"
    assert line.done == 20


def test_a_program_without_a_console_shows_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    clock = Clock()
    line = ProgressLine(3, clock=clock)
    clock.now += 60
    line.advance()
    line.close("Not to be read.")
    assert line.done == 1
    assert capfd.readouterr() == ("", "")


# ------------------------------------------------------------------------------------------------------------- studies


def test_the_best_is_taken_from_the_trials_that_go_by() -> None:
    study = ts.create_study(direction="maximize")
    out = io.StringIO()
    shown = Progress(study, 10, None, stream=out)
    shown.update(study, finished(0, 1.5))
    shown.update(study, finished(1, 0.5))
    infeasible = finished(2, 9.0)
    infeasible.constraints = {"c": 1.0}
    shown.update(study, infeasible)
    shown.update(study, finished(3, None, TrialState.FAIL))
    shown.update(study, finished(4, 8.0, TrialState.PRUNED))
    shown.close()
    assert out.getvalue().startswith("trial 5/10 · best 1.5 (trial 0) · ")
    assert out.getvalue().endswith(" · 1 failed, 1 pruned\n")


def test_a_large_value_is_short() -> None:
    study, out = ts.create_study(direction="maximize"), io.StringIO()
    shown = Progress(study, 10, None, stream=out)
    shown.update(study, finished(5, 1234567.0))
    shown.close()
    assert "best 1.23457e+06 (trial 5)" in out.getvalue()


def test_a_study_that_goes_on_begins_with_the_best_it_has() -> None:
    study = ts.create_study()
    study.optimize(lambda t: abs(t.number - 2), n_trials=4)
    out = io.StringIO()
    Progress(study, 10, None, stream=out).close()
    assert out.getvalue().startswith("trial 0/10 · best 0 (trial 2) · ")


def test_several_objectives_have_no_single_best() -> None:
    study = ts.create_study(directions=["minimize", "maximize"])
    out = io.StringIO()
    shown = Progress(study, 3, None, stream=out)
    shown.update(study, FrozenTrial(0, TrialState.COMPLETE, values=(1.0, 2.0)))
    shown.close()
    assert out.getvalue().startswith("trial 1/3 · ")
    assert "best" not in out.getvalue()


def interrupt(trial: ts.Trial) -> float:
    if trial.number == 3:
        raise KeyboardInterrupt
    return float(trial.suggest_float("x", 0, 1))


def test_ctrl_c_is_answered_with_what_is_kept_and_how_to_go_on(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    study = ts.create_study(storage=str(tmp_path / "tune.db"), study_name="mine")
    with pytest.raises(KeyboardInterrupt):
        study.optimize(interrupt, n_trials=10, show_progress_bar=True)
    err = capsys.readouterr().err
    assert "trial 3/10 · best " in err
    assert "3 finished trials of 'mine' are kept in sqlite:///" in err
    assert "1 trial is waiting to be run" in err
    code = err.partition("To go on:\n")[2]
    going_on = textwrap.dedent(code).replace("...", "lambda t: 1.0")
    assert "n_trials=7" in going_on
    names: dict[str, Any] = {"tunesmith": ts}
    exec(going_on, names)
    assert len(names["study"].trials) == 10


def test_ctrl_c_of_a_study_in_memory_says_that_it_ends_with_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    study = ts.create_study()
    with pytest.raises(KeyboardInterrupt):
        study.optimize(interrupt, show_progress_bar=True)
    err = capsys.readouterr().err
    assert "are kept in memory, for as long as this Python runs" in err
    assert "study.optimize(...)" in err


def test_an_error_leaves_the_last_line_and_says_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    study = ts.create_study()
    with pytest.raises(ZeroDivisionError):
        study.optimize(lambda t: 1 / 0, n_trials=5, show_progress_bar=True)
    err = capsys.readouterr().err
    assert err.startswith("trial 1/5 · ")
    assert "1 failed" in err
    assert "Interrupted" not in err


def test_with_processes_time_is_seen_to_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks: list[int] = []
    monkeypatch.setattr(Progress, "tick", lambda self: ticks.append(1))
    monkeypatch.setattr("tunesmith.study.engine.loop.TICK_SECONDS", 0.01)
    study = ts.create_study()
    study.optimize(_nap, n_trials=2, n_jobs=2, show_progress_bar=True)
    assert len(ticks) > 2


def _nap(trial: ts.Trial) -> float:
    import time

    time.sleep(0.2)
    return 1.0


SCRIPT = """
    import sys
    import tunesmith as ts

    def objective(trial):
        if trial.number == 1:
            print("from the objective")
        return trial.suggest_float("x", 0, 1)

    study = ts.create_study()
    study.optimize(objective, n_trials=30, show_progress_bar=True)
    print("best", study.best_value)
"""


@pytest.mark.skipif(os.name == "nt", reason="makes a pseudo-terminal")
def test_on_a_real_terminal_what_is_printed_stands_above_the_line_and_standard_output_stays_what_it_is() -> None:
    import pty

    driver, terminal = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(SCRIPT)],
            stdout=subprocess.PIPE,
            stderr=terminal,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
            text=True,
            check=True,
            timeout=120,
        )
    finally:
        os.close(terminal)
    with open(driver, "rb", closefd=True, buffering=0) as screen:
        seen = b""
        try:
            while piece := screen.read(65536):
                seen += piece
        except OSError:  # how a pseudo-terminal says that nobody holds its other end
            pass
    assert done.stdout.startswith("from the objective\nbest ")
    assert "trial 30/30" in seen.decode()
    assert "━" in seen.decode()


@pytest.mark.parametrize(
    ("n", "words"), [(1, "1 finished trial of 'n' is kept"), (2, "2 finished trials of 'n' are kept")]
)
def test_words_for_one_and_many(n: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    study = ts.create_study(study_name="n")
    study.optimize(lambda trial: 1.0, n_trials=n)
    Progress(study, 3, None).close(KeyboardInterrupt())
    assert f"Interrupted. {words} in memory" in capsys.readouterr().err
