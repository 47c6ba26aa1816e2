"""The lines that a verbose search prints for each fit, in scikit-learn's words and layout."""

from __future__ import annotations

from joblib.logger import short_format_time

from tunesmith.sklearn.evaluate.task import Task, Unit
from tunesmith.sklearn.protocols import Params
from tunesmith.sklearn.store.outcome import Outcome
from tunesmith.text import printable

WIDTH = 80


def announce_start(task: Task, unit: Unit, split: int) -> None:
    """Say that a fit begins (verbosity 10 and more)."""
    if task.verbose > 9:
        print(f"[CV{_position(task, unit, split)}] START {_shown(unit.params)}".ljust(WIDTH, "."))


def announce_end(task: Task, unit: Unit, outcome: Outcome) -> None:
    """Say what a fit gave (verbosity 2 and more; with the scores from 3)."""
    if task.verbose < 2:
        return
    start = f"[CV{_position(task, unit, outcome.split)}] END "
    shown = _shown(unit.params)
    result = shown + (";" if shown else "")
    if task.verbose > 2:
        if isinstance(outcome.test, dict):
            for name in sorted(outcome.test):
                train = f"train={outcome.train[name]:.3f}, " if task.train_scores else ""
                result += f" {name}: ({train}test={outcome.test[name]:.3f})"
        elif task.train_scores:
            result += f", score=(train={outcome.train:.3f}, test={outcome.test:.3f})"
        else:
            result += f", score={outcome.test:.3f}"
    result += f" total time={short_format_time(outcome.fit_seconds + outcome.score_seconds)}"
    print(start + result.rjust(WIDTH - len(start), "."))


def _position(task: Task, unit: Unit, split: int) -> str:
    text = ""
    if task.verbose > 2:
        text = f" {split + 1}/{task.n_splits}"
        if task.verbose > 9:
            text += f"; {unit.candidate + 1}/{task.n_candidates}"
    return text


def _shown(params: Params) -> str:
    return printable(", ".join(f"{name}={params[name]}" for name in sorted(params)), lines=True)
