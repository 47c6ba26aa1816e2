"""Ray Tune's result folders: a folder for each trial, and the state of the experiment."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tunesmith.errors import SourceError
from tunesmith.foundation.text import shown
from tunesmith.interchange.limits import Limits, cell_number, leaves, parsed_json
from tunesmith.interchange.runs import Run, RunTable
from tunesmith.interchange.tables import NOTES
from tunesmith.storage.redact import shown_spec
from tunesmith.trial.metrics import STEP_BOUND, LogBuffer, joined, numbers_in

STATE, RESULTS, PARAMS = "experiment_state-*.json", "result.json", "params.json"
_STEP_COLUMN = "training_iteration"
_NO_METRICS = {*NOTES, "trial_id", "date", "timestamp", "config"}


def experiments_in(folder: Path, limits: Limits) -> list[Path]:
    """Return the experiments of a folder: itself, or the folders in it that are one; none: it is another folder."""
    if _is_experiment(folder):
        return [folder]
    return [child for child in limits.folders(folder) if _is_experiment(child)]


def _is_experiment(folder: Path) -> bool:
    return any(folder.glob(STATE)) or any(folder.glob(f"*/{RESULTS}")) or any(folder.glob(f"*/{PARAMS}"))


def read_experiment(folder: Path, wanted: Sequence[str], limits: Limits) -> RunTable:
    """Return the trials of an experiment.

    Args:
        wanted: the metrics that count; without any, only the last values are read.

    Raises:
        SourceError: a file is damaged or a link, leads out of the source, or there is more than is read.
    """
    states = _states(folder, limits)
    runs = []
    for path in limits.folders(folder):
        if limits.exists(path / PARAMS) or limits.exists(path / RESULTS):
            runs.append(_run_of_folder(path, states.pop(path.name, None), wanted, limits))
    runs += [
        _run_of_folder(folder / name, state, wanted, limits) for name, state in states.items()
    ]  # those that never began
    return RunTable(folder.name, "Ray", shown_spec(folder), runs)


def _states(folder: Path, limits: Limits) -> dict[str, Mapping[str, Any]]:
    """Return what the last state of the experiment says of each trial, by the trial's folder."""
    files = sorted(folder.glob(STATE))
    if not files:
        return {}
    data = _json_file(files[-1], limits)
    found: dict[str, Mapping[str, Any]] = {}
    rows = data.get("trial_data") or data.get("checkpoints") if isinstance(data, Mapping) else None
    for row in rows if isinstance(rows, list) else []:
        limits.count(1)
        state: dict[str, Any] = {}
        for text in row if isinstance(row, list) else [row]:
            try:
                part = parsed_json(text) if isinstance(text, str) else text
            except ValueError as error:
                raise SourceError(f"{shown_spec(files[-1])} is damaged: {error}") from error
            if isinstance(part, Mapping):
                state |= part
        name = str(state.get("relative_logdir") or Path(str(state.get("logdir") or state.get("trial_id") or "")).name)
        if name in (".", "..") or name != Path(name).name:
            raise SourceError(
                f"{shown_spec(files[-1])} names {shown(name)} as the folder of a trial; it has to be one in the "
                "experiment's folder, and nothing outside of that is read"
            )
        if name:
            found[name] = state
    return found


def _run_of_folder(folder: Path, state: Mapping[str, Any] | None, wanted: Sequence[str], limits: Limits) -> Run:
    known = state or {}
    config = _json_file(folder / PARAMS, limits) if limits.exists(folder / PARAMS) else known.get("config")
    last: Mapping[str, Any] = {}
    buffer = LogBuffer()
    begun = math.nan
    for row in _results(folder / RESULTS, limits):
        last = leaves(row, separator="/")
        if begun != begun:
            begun = (cell_number(row.get("timestamp")) or math.nan) - (cell_number(row.get("time_total_s")) or 0)
        step = row.get(_STEP_COLUMN)
        if wanted and isinstance(step, int) and not isinstance(step, bool) and 0 <= step < STEP_BOUND:
            texts = {name: cell_number(last[name]) for name in wanted if isinstance(last.get(name), str)}
            buffer.add(numbers_in(dict(_metrics_of(last)) | texts), step)
    if config is None:
        config = {k.removeprefix("config/"): v for k, v in last.items() if k.startswith("config/")}
    own = known.get("trial_id") or last.get("trial_id") or folder.name
    run = Run(f"ray/{own}")
    run.params = leaves(config, separator="/") if isinstance(config, Mapping) else {}
    run.metrics |= _metrics_of(last)
    run.curves = joined([[buffer.take()]])
    failed = limits.exists(folder / "error.txt")
    run.state = str(known.get("status") or ("ERROR" if failed else "TERMINATED"))
    if failed:
        lines = limits.text(folder / "error.txt").strip().splitlines()
        run.reason = lines[-1] if lines else None
    run.started = cell_number(known.get("start_time")) or begun
    run.finished = cell_number(known.get("last_result_time")) or cell_number(last.get("timestamp")) or math.nan
    return run


def _metrics_of(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((k, value) for k, value in row.items() if k not in _NO_METRICS and not k.startswith("config/"))


def _results(path: Path, limits: Limits) -> Iterator[Mapping[str, Any]]:
    """Return the lines of a result file; a last line that is cut off is left out."""
    if not limits.exists(path):
        return
    for place, line in enumerate(limits.lines(path), 1):
        try:
            row = parsed_json(line)
        except ValueError as error:
            if not line.endswith(b"\n"):
                return
            raise SourceError(f"{shown_spec(path)}, line {place}: this is no JSON: {error}") from error
        if isinstance(row, Mapping):
            yield row


def _json_file(path: Path, limits: Limits) -> Any:
    try:
        return parsed_json(limits.read(path))
    except ValueError as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{shown_spec(path)} is damaged: {error}") from error
