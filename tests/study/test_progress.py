"""The progress display: what it says, where, and how seldom."""

from __future__ import annotations

import io
import logging
import math
import os
import re
import subprocess
import sys
import textwrap
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tunesmith as ts
from tunesmith import TrialState
from tunesmith.foundation.languages import say, wide
from tunesmith.study.progress import Part, Progress, ProgressLine, Table
from tunesmith.study.progress import display as displays
from tunesmith.study.progress.audience import is_looked_at, is_screen, wants_progress
from tunesmith.study.progress.line import fitted
from tunesmith.study.progress.pace import Pace, left_text
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


def still(total: int | None = None, unit: str = "trial", **more: Any) -> tuple[ProgressLine, Clock]:
    """Return a line that nothing draws, and its clock."""
    clock = Clock()
    line = ProgressLine(total, unit, stream=io.StringIO(), clock=clock, **more)
    line.close()
    return line, clock


def test_the_line_says_count_best_rate_and_time_left() -> None:
    line, clock = still(20, "fit")
    assert line.text(57) == "fit 0/20 ──────────────────────── · 0:00"
    clock.now += 10
    line.best, line.best_of, line.running = "best 0.5", "fit 3", 4
    line.notes = {"failed": 1, "stopped early": 0}
    line.advance(5)
    said = line.text(200)
    assert said.startswith("fit 5/20 ━━━━━━────────────────── · best 0.5 (fit 3) · 4 running · 1 failed · ")
    assert said.endswith(" s left · 2 s/fit")
    assert line.text(200, ended=True) == "fit 5/20 · best 0.5 (fit 3) · 1 failed · in 0:10 · 2 s/fit"
    line.say_honest(0.61234, (0.5, 0.7))
    assert "best 0.5 (fit 3) · honest 0.612 (0.500 to 0.700) · 4 running" in line.text(200)
    line.say_honest(0.61234, (math.nan, math.nan))
    assert " · honest 0.6123 · 4 running" in line.text(200)
    line.phase = "fitting on all rows"
    assert "left" not in line.text(200)
    assert "1 failed · fitting on all rows · " in line.text(200)


@given(
    parts=st.lists(
        st.builds(Part, st.text("abc试验", min_size=1, max_size=12), st.integers(1, 9), st.just(" · ")), max_size=8
    ),
    columns=st.integers(10, 200),
)
def test_a_line_fits_and_what_is_left_out_is_of_the_highest_rank(parts: list[Part], columns: int) -> None:
    parts = [Part("trial 1/2", 0), *parts]
    text = fitted(parts, columns)
    assert text.startswith("trial 1/2")
    assert wide(text) <= columns
    for word in text.split(" · "):
        assert word in [part.text for part in parts], "nothing is cut"


@pytest.mark.parametrize("columns", [60, 80, 110, 200])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_matters_most_has_room_in_every_terminal(
    columns: int, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNESMITH_LANG", language)
    line, clock = still(1000, "candidate")
    line.best, line.best_of, line.running, line.saved = say("best {}", "-1.2346e-05"), say("trial {}", 812), 16, "x"
    line.say_honest(-1.3e-05, (-2e-05, -1e-05))
    line.notes = {"failed": 12, "stopped early": 345}
    line.advance(812)
    clock.now += 5000
    text = line.text(columns - 3)
    assert wide(text) <= columns - 3
    wanted = ["812/1000", "-1.2346e-05", " min left" if language == "en" else "分钟"]
    assert all(word in text for word in wanted), text


def test_the_time_limit_ends_it_where_that_is_sooner() -> None:
    line, clock = still(100, timeout=60)
    assert "about 60 s left" in line.text(200)
    clock.now += 20
    line.advance(10)
    line.text(200)
    assert "about 40 s left" in line.text(200)
    clock.now += 100
    assert "about 0 s left" in line.text(200)


def test_without_a_total_it_says_how_long_it_has_run() -> None:
    line, clock = still()
    clock.now += 3
    line.advance(6)
    assert line.text(200) == "trial 6 · 0:03 · 2 trials/s"


# ------------------------------------------------------------------------------------------------------- time left


def held(seconds: Any, workers: int, seen: int, pieces: int = 50) -> bool:
    """Whether the end lies in the interval that was told after so many ends; pieces run in turn by some workers."""
    free, ends = [0.0] * workers, []
    for _ in range(pieces):
        at = free.index(min(free))
        free[at] += seconds()
        ends.append(free[at])
    ends.sort()
    pace = Pace(0.0)
    for k, now in enumerate(ends[:seen]):
        pace.note(k + 1, now)
    low, high = pace.left(pieces - seen, ends[seen - 1], workers)
    return low <= ends[-1] - ends[seen - 1] <= high


def test_the_time_left_holds_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    draws = [lambda: 1.0, lambda: float(rng.lognormal(0, 0.5)), lambda: float(rng.exponential())]
    found = [held(draw, w, n) for draw in draws for w in (1, 4) for n in (3, 10, 30) for _ in range(60)]
    assert 0.7 <= np.mean(found) <= 0.97, "four times in five, by its own account"


def test_nothing_is_known_before_the_first_end_and_a_late_piece_is_allowed_for() -> None:
    pace = Pace(0.0)
    assert all(map(math.isnan, pace.left(5, 10.0)))
    pace.note(1, 10.0)
    soon, late = pace.left(1, 10.0), pace.left(1, 100.0)
    assert 0.0 < soon[0] < 10.0 < soon[1]
    assert late[1] > soon[1]


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0, 0, "about 0 s left"),
        (3.2, 5.4, "3 to 5 s left"),
        (100, 200, "1.7 to 3.3 min left"),
        (299, 301, "about 5 min left"),
        (3600, 9000, "1 to 2.5 h left"),
        (2e5, 4e5, "2.3 to 4.6 d left"),
    ],
)
def test_times_are_short(low: float, high: float, text: str) -> None:
    assert left_text(low, high) == text


# ------------------------------------------------------------------------------------------------------------- where


def undrawn(line: ProgressLine, stream: Any) -> Any:
    """Return the display of a line, which the test draws itself."""
    return displays.display_for(line, stream)


def test_elsewhere_than_on_a_terminal_each_look_is_a_line() -> None:
    line, clock = still(1000)
    out = io.StringIO()
    shown = undrawn(line, out)
    assert isinstance(shown, displays.File)
    clock.now += 5
    line.advance(417)
    shown.draw()
    line.advance(583)
    clock.now += 7
    shown.end("The end.")
    first, last, message = out.getvalue().splitlines()
    assert first.startswith("trial 417/1000 ")
    assert last.startswith("trial 1000/1000 · in 0:12")
    assert message == "The end."


def test_on_a_terminal_it_is_one_line_that_renews_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    line, clock = still(10)
    line.best = "best 0.123456, and much more to say than there is room for"
    out = Terminal()
    shown = undrawn(line, out)
    for _ in range(10):
        clock.now += 0.1
        line.advance()
        shown.draw()
    shown.end("The end.")
    text = out.getvalue()
    assert text.endswith("trial 10/10 · in 0:01 · 10 trials/s\x1b[0m\nThe end.\n") or "trial 10/10" in text
    assert "much more" not in text, "what has no room is left out, and not cut"
    assert text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l")  # the cursor is there again


def test_two_searches_have_two_lines_of_one_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    out = Terminal()
    lines = [still(10, unit)[0] for unit in ("trial", "run")]
    shown = [undrawn(line, out) for line in lines]
    for display in shown:
        display.draw()
    screen = displays.screen_of(out)
    assert screen.lines == lines
    shown[0].end("")
    assert screen.lines == lines[1:]
    shown[1].end("")
    assert screen.lines == []


def test_handlers_of_loggers_write_above_the_line_and_get_their_stream_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    monkeypatch.setattr(sys, "stderr", out)
    handler, logger = logging.StreamHandler(), logging.getLogger("tests.progress")
    logger.addHandler(handler)
    try:
        shown = undrawn(still(10)[0], out)
        shown.draw()
        assert handler.stream is sys.stderr is not out
        shown.end("")
        assert handler.stream is sys.stderr is out
    finally:
        logger.removeHandler(handler)


def test_a_terminal_of_few_signs_gets_signs_that_it_has() -> None:
    assert displays._writable("trial 1/2 ━─ · x", "ascii") == "trial 1/2 #- | x"
    assert displays._writable("试验 1/2 · x", "latin-1") == "?? 1/2 | x"
    assert displays._writable("试验 1/2 · x", "utf-8") == "试验 1/2 · x"


def test_a_table_of_the_running_trials_stands_above_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "90")
    study = ts.create_study(seed=0, space={"rate": "log(1e-5, 1e-1)", "kind": ["a\x1b[0m"]})
    out = Terminal()
    table = Table(study, 3, None, stream=io.StringIO())
    running = [study.ask() for _ in range(2)]
    for step, value in enumerate([4.0, 2.0, 1.0]):
        running[1].report(value, step)
    undrawn(table.shown, out).draw()
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
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), 3, progress=partial(Table, stream=out))
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
    monkeypatch.setitem(sys.modules, "rich", None)
    assert isinstance(undrawn(still(2)[0], Terminal()), displays.File)


def fake_notebook(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make this process one of a notebook; return what it shows."""
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
    return shown


def test_a_notebook_gets_an_output_that_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = fake_notebook(monkeypatch)
    line, clock = still(4)
    display = undrawn(line, sys.stderr)
    assert isinstance(display, displays.Notebook)
    display.draw()
    clock.now += 1
    line.advance(2)
    display.draw()
    display.end("")
    assert shown[0].startswith("new: trial 0/4 ───")
    assert shown[1].startswith("trial 2/4 ━━━━")
    assert shown[-1].startswith("trial 2/4 · in 0:01")
    assert is_looked_at()


def test_a_reader_that_is_gone_ends_the_display_and_not_the_search() -> None:
    tried: list[str] = []

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            tried.append(text)
            raise BrokenPipeError

    study = ts.create_study()
    study.optimize(lambda trial: 1.0, 3, progress=partial(Progress, stream=Gone()))
    assert len(tried) == 1, "nothing is written to it again"
    assert len(study.trials) == 3


def test_a_program_without_a_console_shows_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert not wants_progress(None)
    line = ProgressLine(3)
    line.advance()
    line.close("Not to be read.")
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
    assert " · 1 failed · 1 stopped early · in 0:0" in out.getvalue()


def test_a_large_value_is_short() -> None:
    study, out = ts.create_study(direction="maximize"), io.StringIO()
    shown = Progress(study, 10, None, stream=out)
    shown.update(study, finished(5, 1234567.0))
    shown.close()
    assert "best 1.2346e+06 (trial 5)" in out.getvalue()


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
        study.optimize(interrupt, n_trials=10, progress=True)
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
        study.optimize(interrupt, progress=True)
    err = capsys.readouterr().err
    assert "are kept in memory, for as long as this Python runs" in err
    assert "study.optimize(...)" in err


def test_an_error_leaves_the_last_line_and_says_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    study = ts.create_study()
    with pytest.raises(ZeroDivisionError):
        study.optimize(lambda t: 1 / 0, n_trials=5, progress=True)
    err = capsys.readouterr().err
    assert err.startswith("trial 1/5 · ")
    assert "1 failed" in err
    assert "Interrupted" not in err


def test_the_name_of_the_argument_in_optuna_goes_on_to_work(capsys: pytest.CaptureFixture[str]) -> None:
    study = ts.create_study()
    study.optimize(lambda trial: 1.0, 2, show_progress_bar=True)
    study.confirm(lambda trial: 1.0, 1, 2, show_progress_bar=True)
    assert [line.split(" · ")[0] for line in capsys.readouterr().err.splitlines()] == ["trial 2/2", "run 2/2"]
    ts.minimize(lambda x: x, {"x": "float(0, 1)"}, n_trials=2, show_progress_bar=False)
    assert capsys.readouterr().err == ""
    with pytest.raises(TypeError, match="two names of one argument"):
        study.optimize(lambda trial: 1.0, 2, progress=True, show_progress_bar=True)


def test_counting_costs_a_trial_no_call_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that draws counts; with no display there is nothing at all, as tests/study/test_calls.py counts."""
    import threading

    main, counted = threading.main_thread(), []
    count = Progress.count

    def noted(self: Progress, trial: Any, advance: bool = True) -> None:
        counted.append(trial.number)
        count(self, trial, advance)

    monkeypatch.setattr(Progress, "count", noted)
    study, seen = ts.create_study(), list[int]()

    def objective(trial: ts.Trial) -> float:
        assert threading.current_thread() is main
        seen.append(len(counted))
        return 1.0

    study.optimize(objective, 20, progress=partial(Progress, stream=io.StringIO()))
    assert seen == [0] * 20, "nothing was counted between the trials"
    assert counted == list(range(20)), "the last look counts what is left"


# ------------------------------------------------------------------------------------------------------------- logger


def test_the_logger_tells_each_trial_at_info(caplog: pytest.LogCaptureFixture) -> None:
    def objective(trial: ts.Trial) -> float:
        x = trial.suggest_categorical("x", [trial.number])
        if x == 1:
            raise ts.TrialPruned
        if x == 2:
            raise ValueError("no such thing")
        return 3.0 - x

    study = ts.create_study()
    study.optimize(objective, 4, catch=ValueError)
    assert caplog.text == "", "nobody has asked for it"
    caplog.set_level(logging.INFO, "tunesmith")
    study = ts.create_study()
    study.optimize(objective, 5, catch=ValueError)
    assert [r.getMessage() for r in caplog.records if r.getMessage().startswith("trial ")] == [
        "trial 0 ended with 3; parameters: {'x': 0}; it is the best so far",
        "trial 1 was stopped early; parameters: {'x': 1}",
        "trial 2 failed: ValueError: no such thing; parameters: {'x': 2}",
        "trial 3 ended with 0; parameters: {'x': 3}; it is the best so far",
        "trial 4 ended with -1; parameters: {'x': 4}; it is the best so far",
    ]
    assert {r.levelno for r in caplog.records} == {logging.INFO}


# ----------------------------------------------------------------------------------------- who looks: real terminals

SCRIPT = """
    import os, sys, threading, time
    import tunesmith as ts

    kind = sys.argv[1]

    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        if kind == "nested":
            ts.minimize(wait, {"y": "float(0, 1)"}, n_trials=2)
        if kind == "prints" and trial.number == 12:
            print("from the objective")
        time.sleep(0.15)
        return x

    def wait(y):
        time.sleep(0.7)
        return y

    def search():
        ts.create_study(seed=0).optimize(objective, n_trials=3 if kind == "nested" else 16)

    if kind == "thread":
        thread = threading.Thread(target=search)
        thread.start()
        thread.join()
    elif kind == "library":
        exec(compile("def call(f): return f()", "/usr/lib/site-packages/other/tool.py", "exec"))
        call(lambda: None)
        source = "def begin(ts, f): ts.create_study().optimize(f, n_trials=16)"
        exec(compile(source, "/usr/lib/site-packages/other/tool.py", "exec"), names := {"__name__": "other.tool"})
        names["begin"](ts, objective)
    elif kind == "fork":
        def fork(trial):
            if (child := os.fork()) == 0:
                print("from the child", file=sys.stderr, flush=True)
                os._exit(0)
            os.waitpid(child, 0)
            return objective(trial)
        ts.create_study(seed=0).optimize(fork, n_trials=16)
    else:
        search()
    print("the end")
"""


def on_a_terminal(kind: str, tmp_path: Any, columns: int = 80, **env: str) -> tuple[str, str]:
    """Run a script whose standard error is a terminal; return what it printed, and what the terminal got."""
    import pty

    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    driver, terminal = pty.openpty()
    kept = {k: v for k, v in os.environ.items() if k not in ("CI", "PYTEST_CURRENT_TEST", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py"), kind],
        stdout=subprocess.PIPE,
        stderr=terminal,
        env={**kept, "TERM": "xterm", "COLUMNS": str(columns), **env},
        text=True,
    )
    os.close(terminal)
    seen = b""
    with open(driver, "rb", closefd=True, buffering=0) as screen:
        try:
            while piece := screen.read(65536):
                seen += piece
        except OSError:  # how a pseudo-terminal says that nobody holds its other end
            pass
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, seen.decode()
    return out, seen.decode()


def drawn_lines(seen: str) -> list[str]:
    """Return what was drawn, line by line, without what moves the cursor and gives colours."""
    return [line for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "\r", seen)) if line.strip()]


needs_pty = pytest.mark.skipif(os.name == "nt", reason="makes a pseudo-terminal")


@needs_pty
@pytest.mark.slow
@pytest.mark.parametrize(("columns", "language"), [(60, "en"), (60, "zh"), (80, "zh"), (110, "en"), (200, "en")])
def test_a_terminal_gets_a_line_by_itself_that_fits(columns: int, language: str, tmp_path: Any) -> None:
    out, seen = on_a_terminal("plain", tmp_path, columns, TUNESMITH_LANG=language)
    assert out == "the end\n"
    plain = [re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", line) for line in re.split(r"[\r\n]+", seen)]
    lines = [line for line in plain if "/16" in line]
    assert len(lines) > 2
    assert all(wide(line) <= columns - 3 for line in lines)
    assert "…" not in seen
    assert ("trial 16/16 · best " if language == "en" else "试验 16/16 · 最好 ") in lines[-1]
    assert any(("left" if language == "en" else "还需") in line for line in lines)
    assert "━" in seen or columns < 100


@needs_pty
@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "env"),
    [
        ("thread", {}),
        ("library", {}),
        ("plain", {"CI": "true"}),
        ("plain", {"TERM": "dumb"}),
        ("plain", {"PYTEST_CURRENT_TEST": "x"}),
    ],
)
def test_nothing_is_shown_where_nobody_looks(kind: str, env: dict[str, str], tmp_path: Any) -> None:
    assert on_a_terminal(kind, tmp_path, **env) == ("the end\n", "")


@needs_pty
@pytest.mark.slow
def test_of_nested_searches_the_outermost_is_shown(tmp_path: Any) -> None:
    _, seen = on_a_terminal("nested", tmp_path)
    assert "trial 3/3" in seen
    assert "/2" not in seen


@needs_pty
@pytest.mark.slow
def test_what_is_printed_stays_what_it_is_and_a_fork_draws_nothing(tmp_path: Any) -> None:
    out, seen = on_a_terminal("prints", tmp_path)
    assert out == "from the objective\nthe end\n"
    out, seen = on_a_terminal("fork", tmp_path)
    assert seen.count("from the child") == 16
    assert seen.count("trial 16/16") == 1


def test_a_pipe_and_a_test_are_no_screens(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_screen(io.StringIO())
    assert not is_screen(Terminal()), "this is a test"
    for name in ("PYTEST_CURRENT_TEST", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert is_screen(Terminal())
    monkeypatch.setenv("CI", "1")
    assert not is_screen(Terminal())


@pytest.mark.parametrize(
    ("n", "words"), [(1, "1 finished trial of 'n' is kept"), (2, "2 finished trials of 'n' are kept")]
)
def test_words_for_one_and_many(n: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    study = ts.create_study(study_name="n")
    study.optimize(lambda trial: 1.0, n_trials=n)
    Progress(study, 3, None).close(KeyboardInterrupt())
    assert f"Interrupted. {words} in memory" in capsys.readouterr().err
