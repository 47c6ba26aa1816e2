"""TensorBoard's folders: each folder with event files is a run, and the folders in one folder are a study."""

from __future__ import annotations

import math
import re
from pathlib import Path

from tunesmith.interchange.limits import Limits
from tunesmith.interchange.runs import Run, RunTable
from tunesmith.program.events import events_of, protobuf_fields, scalar_of, step_and_values
from tunesmith.trial.metrics import STEP_BOUND, LogBuffer, Metrics, joined, numbers_in

EVENTS = "*tfevents*"
LEVELS = 4  # of folders below that of the source, which are looked through
WALL_TIME, TAG, METADATA = 1, 1, 9  # fields of an event, and of a value of its summary
PLUGIN_DATA, CONTENT = 1, 2  # of the metadata, and of that
START, END = 3, 4  # of HParamsPluginData: what a run began with, and how it ended
NUMBER, TEXT, TRUTH = 2, 3, 4  # of a protobuf.Value
FAILURE = 2  # how a run ended
# The folder that add_hparams of PyTorch and tensorboardX makes in that of the run, named for the time.
_OF_PARAMETERS = re.compile(r"\d{9,}\.\d+")


def experiments_in(folder: Path, limits: Limits) -> dict[str, list[Path]]:
    """Return the runs below a folder, as folders with event files, by the name of the folder that they are in."""
    homes = _with_events(folder, limits)
    found: dict[str, list[Path]] = {}
    for home in homes:
        if not (_OF_PARAMETERS.fullmatch(home.name) and home.parent in homes):
            place = home if home == folder else home.parent
            name = folder.resolve().name if place == folder else place.relative_to(folder).as_posix()
            found.setdefault(name, []).append(home)
    return found


def _with_events(folder: Path, limits: Limits, levels: int = LEVELS) -> list[Path]:
    own = [folder] if any(folder.glob(EVENTS)) else []
    below = limits.folders(folder) if levels else []
    return own + [home for child in below for home in _with_events(child, limits, levels - 1)]


def read_runs(name: str, homes: list[Path], limits: Limits) -> RunTable:
    """Return the runs of an experiment.

    Args:
        homes: their folders.

    Raises:
        SourceError: a file is a link, or there is more than is read.
    """
    runs = []
    for home in homes:
        run = Run(f"tensorboard/{home.name}")
        pieces: list[tuple[float, int, Metrics]] = []
        for place in [home, *(child for child in limits.folders(home) if _OF_PARAMETERS.fullmatch(child.name))]:
            for path in sorted(place.glob(EVENTS)):
                begun, found = _read_file(path, run, limits)
                pieces.append((begun, len(pieces), found))
        run.curves = joined([[piece for *_, piece in sorted(pieces)]])  # those of files that began later count
        run.metrics = {tag: float(values[-1]) for tag, (_, values) in run.curves.items()}
        runs.append(run)
    runs.sort(key=lambda run: run.started if run.started == run.started else math.inf)
    return RunTable(name, "TensorBoard", limits.place, runs)


def _read_file(path: Path, run: Run, limits: Limits) -> tuple[float, Metrics]:
    """Take in a file of a run; return when it began, and its scalars: those before an event that is cut off."""
    buffer, begun = LogBuffer(), math.inf
    for event, _ in events_of(limits.read(path)):
        limits.count(1)
        moment = dict(protobuf_fields(event)).get(WALL_TIME)
        if isinstance(moment, float):
            begun = min(begun, moment)
            run.started, run.finished = min(moment, run.started), max(moment, run.finished)
        step, values = step_and_values(event)
        for value in values:
            scalar = scalar_of(value)
            if scalar is not None and step < STEP_BOUND:
                buffer.add(numbers_in(dict([scalar])), step)
            elif scalar is None:
                _read_parameters(value, run)
    return begun, buffer.take()


def _read_parameters(value: bytes, run: Run) -> None:
    """Take in what the HParams plugin has written of a run: parameters, and how it ended."""
    fields = _messages(value)
    if not fields.get(TAG, b"").startswith(b"_hparams_/session_"):
        return
    content = _messages(_messages(_messages(fields.get(METADATA, b"")).get(PLUGIN_DATA, b"")).get(CONTENT, b""))
    for key, entry in protobuf_fields(content.get(START, b"")):
        if key == 1 and isinstance(entry, bytes) and (name := _messages(entry).get(1)):
            for kind, found in protobuf_fields(_messages(entry).get(2, b"")):
                run.params[name.decode(errors="replace")] = _parameter(kind, found)
    if dict(protobuf_fields(content.get(END, b""))).get(1) == FAILURE:
        run.state = "FAILED"


def _parameter(kind: int, value: float | bytes) -> bool | float | str | None:
    """Return the value of a parameter; whole numbers, which are stored like others, are whole."""
    if isinstance(value, bytes):
        return value.decode(errors="replace") if kind == TEXT else None
    if kind == TRUTH:
        return bool(value)
    return int(value) if kind == NUMBER and value.is_integer() else value


def _messages(message: bytes) -> dict[int, bytes]:
    """Return the fields of a message that are bytes: texts, and messages in it."""
    return {key: value for key, value in protobuf_fields(message) if isinstance(value, bytes)}
