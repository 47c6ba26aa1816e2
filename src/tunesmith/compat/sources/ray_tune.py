"""Ray Tune's result folders: a folder for each trial, and the state of the experiment."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tunesmith.compat.sources.rows import NOTES
from tunesmith.compat.sources.runs import Run, RunTable
from tunesmith.compat.sources.values import flat, number
from tunesmith.errors import SourceError
from tunesmith.storage.redact import shown_spec

STATE, RESULTS, PARAMS = "experiment_state-*.json", "result.json", "params.json"
_STEP = "training_iteration"
_OWN = {*NOTES, "trial_id", "date", "timestamp", "config"}


def experiments_in(folder: Path) -> list[Path]:
    """Return the experiments of a folder: itself, or the folders in it that are one; none: it is no such folder."""
    if _is_experiment(folder):
        return [folder]
    return sorted(child for child in folder.iterdir() if child.is_dir() and _is_experiment(child))


def _is_experiment(folder: Path) -> bool:
    return any(folder.glob(STATE)) or any(folder.glob(f"*/{RESULTS}")) or any(folder.glob(f"*/{PARAMS}"))


def read_experiment(folder: Path, wanted: Sequence[str]) -> RunTable:
    """Return the trials of an experiment.

    Args:
        folder: the experiment's.
        wanted: the metrics of which every value is read, and not only the last.

    Raises:
        SourceError: a file is damaged.
    """
    states = _states(folder)
    runs = []
    for path in sorted(child for child in folder.iterdir() if (child / PARAMS).exists() or (child / RESULTS).exists()):
        runs.append(_run(path, states.pop(path.name, None), wanted))
    runs += [_run(folder / name, state, wanted) for name, state in states.items()]  # those that never began
    return RunTable(folder.name, "Ray", shown_spec(folder), runs)


def _states(folder: Path) -> dict[str, Mapping[str, Any]]:
    """Return what the last state of the experiment says of each trial, by the trial's folder."""
    files = sorted(folder.glob(STATE))
    if not files:
        return {}
    data = _json(files[-1])
    found: dict[str, Mapping[str, Any]] = {}
    rows = data.get("trial_data") or data.get("checkpoints") if isinstance(data, Mapping) else None
    for row in rows or []:
        state: dict[str, Any] = {}
        for text in row if isinstance(row, list) else [row]:
            part = json.loads(text) if isinstance(text, str) else text
            if isinstance(part, Mapping):
                state |= part
        name = state.get("relative_logdir") or Path(str(state.get("logdir") or state.get("trial_id") or "")).name
        if name:
            found[str(name)] = state
    return found


def _run(folder: Path, state: Mapping[str, Any] | None, wanted: Sequence[str]) -> Run:
    known = state or {}
    config = _json(folder / PARAMS) if (folder / PARAMS).exists() else known.get("config")
    last: Mapping[str, Any] = {}
    curves: dict[str, dict[int, float]] = {metric: {} for metric in wanted}
    begun = math.nan
    for row in _results(folder / RESULTS):
        last = flat(row, separator="/")
        if begun != begun:
            begun = float(row.get("timestamp") or math.nan) - float(row.get("time_total_s") or 0)
        step = row.get(_STEP)
        for metric in wanted:
            value = number(last.get(metric))
            if value is not None and isinstance(step, int):
                curves[metric][step] = value
    if config is None:
        config = {k.removeprefix("config/"): v for k, v in last.items() if k.startswith("config/")}
    own = known.get("trial_id") or last.get("trial_id") or folder.name
    run = Run(f"ray/{own}")
    run.params = flat(config, separator="/") if isinstance(config, Mapping) else {}
    for key, value in last.items():
        if key not in _OWN and not key.startswith("config/"):
            run.metrics[key] = value
    run.curves = {metric: curve for metric, curve in curves.items() if curve}
    failed = (folder / "error.txt").exists()
    run.state = str(known.get("status") or ("ERROR" if failed else "TERMINATED"))
    if failed:
        lines = (folder / "error.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        run.reason = lines[-1] if lines else None
    run.started = float(known.get("start_time") or begun)
    run.finished = float(known.get("last_result_time") or last.get("timestamp") or math.nan)
    return run


def _results(path: Path) -> Iterator[Mapping[str, Any]]:
    """Return the lines of a result file; a last line that is cut off is left out."""
    if not path.exists():
        return
    lines = path.read_bytes().splitlines(keepends=True)
    for place, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError as error:
            if place == len(lines) and not line.endswith(b"\n"):
                return
            raise SourceError(f"{shown_spec(path)}, line {place}: this is no JSON: {error}") from error
        if isinstance(row, Mapping):
            yield row


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise SourceError(f"{shown_spec(path)} is damaged: {error}") from error
