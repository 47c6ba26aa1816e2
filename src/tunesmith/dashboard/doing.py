"""What a search is doing: in words, and its running trials with their curves and the end of what they print."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from tunesmith.dashboard.views import number_cell
from tunesmith.foundation.formats import ago_text, duration_text
from tunesmith.foundation.languages import Words
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.system import PLAIN_FILE
from tunesmith.foundation.text import last_written, printable
from tunesmith.history import History
from tunesmith.history.curves import Reported
from tunesmith.selection.wording import count
from tunesmith.storage import Storage
from tunesmith.study import PAUSE, STOP, Study, is_asked_to_stop, wish_of
from tunesmith.study.snapshot import Snapshot
from tunesmith.trial.record import TrialRecord

MOST_SHOWN = 12  # running trials
LOG_BYTES = 4000  # bytes of a log
WIDTH, HEIGHT, MOST_POINTS = 240, 56, 120  # of a small curve
ENDS_COMPARED = 20  # points at either end of a search whose spread is compared
NARROWED = 0.75  # of the spread at the beginning: below it a search narrows
SECONDS_OF_NOTE = 0.01  # seconds: of less, nobody asks how long a trial takes
LATEST = 50  # trials by which it is told how long one takes


@dataclass(frozen=True)
class Running:
    """A running trial.

    Attributes:
        number: of the trial.
        params: its parameters, as one text.
        since: how long it has run.
        step: of its last report, and what it reported; empty: nothing.
        curve: its reports as points of an SVG polyline; "": there are none.
        best: those of the best trial, on the same axes.
        log: the end of what its program printed.
        elsewhere: the folder of that, where it may not be read; "": it may, or there is none.
        stopping: whether somebody asked to stop it.
    """

    number: int
    params: str
    since: str
    step: str
    curve: str
    best: str
    log: str
    elsewhere: str
    stopping: bool


def doing(seen: Snapshot, words: Words) -> list[str]:
    """Return what the search is doing, as sentences.

    Args:
        seen: the study.
        words: the language.
    """
    return [*_now(seen, words), *_so_far(seen.history, words)]


def _now(seen: Snapshot, words: Words) -> Iterator[str]:
    counts = seen.named_counts
    running, waiting, asked = counts.get("running", 0), counts.get("waiting", 0), wish_of(seen.record)
    if running:
        yield words("Running now: {}.", words.said(count(running, "trial")))
    elif (last := _last(seen)) == last:
        yield words("Nothing is running; the last trial began or ended {}.", ago_text(time.time() - last, words))
    else:
        yield words("Nothing is running.")
    if waiting:
        yield words("Waiting to be tried: {}.", words.said(count(waiting, "trial")))
    if asked == STOP and running:
        yield words("It was asked to stop: what runs comes to its end.")
    elif asked == PAUSE:
        yield words("It is paused.")


def _last(seen: Snapshot) -> float:
    """Return when the newest trial began or ended; NaN: there is none."""
    if not seen.n_trials:
        return float("nan")
    newest = seen.get_trials(numbers=[seen.n_trials - 1])[0]
    return newest.finished if newest.finished == newest.finished else newest.started


def _so_far(history: History, words: Words) -> Iterator[str]:
    n, space = len(history), history.space
    cost = history.cost[max(0, n - LATEST) :]
    usual = float(np.median(cost[np.isfinite(cost)])) if np.isfinite(cost).any() else 0.0
    if usual >= SECONDS_OF_NOTE:
        yield words("A trial takes about {}.", duration_text(usual))
    if space is None or n < 3 * ENDS_COMPARED or not len(space):
        return
    unit = history.unit(space)
    first, last = _spread(unit[:ENDS_COMPARED]), _spread(unit[n - ENDS_COMPARED :])
    if first > 0:
        if last < NARROWED * first:
            told = words(
                "The search narrows: its last {0} points cover {1:.0%} of the ranges, its first {0} {2:.0%}.",
                ENDS_COMPARED, last, first,
            )  # fmt: skip
        else:
            told = words(
                "The search looks everywhere: its last {0} points cover {1:.0%} of the ranges, its first {0} {2:.0%}.",
                ENDS_COMPARED, last, first,
            )  # fmt: skip
        yield told


def _spread(unit: np.ndarray[Any, Any]) -> float:
    """Return how much of the ranges points cover: from the lowest tenth to the highest, on average."""
    known = unit[:, ~np.isnan(unit).any(axis=0)]
    return float((np.quantile(known, 0.95, axis=0) - np.quantile(known, 0.05, axis=0)).mean()) if known.size else 0.0


def running_trials(seen: Snapshot, study: Study, words: Words, logs: Path | None = None) -> list[Running]:
    """Return the running trials, oldest first.

    Args:
        seen: the study.
        study: the same, to read what its running trials told meanwhile.
        words: the language.
        logs: a folder of which files may be read, besides the one beside the storage.
    """
    numbers = sorted(seen.history.running)[:MOST_SHOWN]
    if not numbers:
        return []
    best = seen.find_best() if len(seen.directions) == 1 else None
    ideal = {} if best is None else _first(best.intermediate_values)
    beside = _folder_of(seen.storage)
    folders = [folder for folder in (beside, None if logs is None else logs.resolve()) if folder is not None]
    found = []
    for trial in study.get_trials(numbers=numbers):
        if trial.state is not TrialState.RUNNING:
            continue
        own = _first(trial.intermediate_values)
        step = max(own, default=-1)
        curve, other = _lines(own, ideal)
        told = words("step {0}: {1}", f"{step:,}", number_cell(own[step], 4)) if own else words("no report yet")
        params = ", ".join(f"{k}={number_cell(v, 4) if v is not None else v}" for k, v in trial.params.items())
        since = duration_text(time.time() - trial.started)
        log, elsewhere = _log(folders, trial)
        stopping = is_asked_to_stop(seen.record, trial.number)
        found.append(Running(trial.number, printable(params), since, told, curve, other, log, elsewhere, stopping))
    return found


def _first(reports: Mapping[int, Reported]) -> dict[int, float]:
    """Return reports by step, of several objectives the first one's, without what is no number."""
    found = {k: float(v[0] if isinstance(v, tuple) else v) for k, v in reports.items()}
    return {k: v for k, v in found.items() if np.isfinite(v)}


def _lines(own: Mapping[int, float], ideal: Mapping[int, float]) -> tuple[str, str]:
    """Return two curves as points of SVG polylines on the same axes."""
    if not own:
        return "", ""
    steps, values = [*own, *ideal], [*own.values(), *ideal.values()]
    x0, x1, y0, y1 = min(steps), max(steps), min(values), max(values)

    def line(reports: Mapping[int, float]) -> str:
        points = sorted(reports.items())
        points = points[:: max(1, -(-len(points) // MOST_POINTS))]
        return " ".join(
            f"{4 + (WIDTH - 8) * (k - x0) / max(1, x1 - x0):.1f},"
            f"{HEIGHT - 4 - (HEIGHT - 8) * (v - y0) / ((y1 - y0) or 1):.1f}"
            for k, v in points
        )

    return line(own), line(ideal)


# -- the end of a log: a study's file may come from somebody else, so that only files beside its storage are read, and
# below the folder that was named where the dashboard was started --


def _folder_of(storage: Storage) -> Path | None:
    """Return where `tunesmith run` keeps the folders of trials beside a storage; None: the storage is no file."""
    scheme, sign, rest = str(getattr(storage, "url", "")).partition("://")
    path = unquote(re.sub(r"\?.*", "", rest.removeprefix("/"))) if sign else scheme
    folder = Path(f"{path}.trials")
    return folder.resolve() if path and folder.is_dir() else None


def _log(folders: Sequence[Path], trial: TrialRecord) -> tuple[str, str]:
    """Return the end of what the program of a trial printed, and else the folder of that if it may not be read."""
    given = trial.user_attrs.get("trial_dir")
    if not isinstance(given, str):
        return "", ""
    try:
        own = Path(given).resolve()
        if not any(own.is_relative_to(folder) for folder in folders):
            return "", printable(str(own.parent))
        name = "output.txt" if trial.attempt == 1 else f"output-{trial.attempt}.txt"
        handle = os.open(own / name, os.O_RDONLY | PLAIN_FILE)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return "", ""
            file.seek(max(0, os.fstat(handle).st_size - LOG_BYTES))
            return printable(last_written(file.read(LOG_BYTES).decode(errors="replace")), lines=True), ""
    except (OSError, ValueError):
        return "", ""
