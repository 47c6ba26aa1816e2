"""MLflow's results: the folder ``mlruns``, and the database of a tracking server. Each experiment is a study."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import sqlalchemy as sa  # noqa: TID253 - imported only when results of MLflow are read

from tunesmith.errors import SourceError
from tunesmith.interchange import limits as checked
from tunesmith.interchange.limits import Limits
from tunesmith.interchange.runs import Run, RunTable
from tunesmith.storage.redact import shown_spec
from tunesmith.trial.metrics import series_of

MLFLOW_TABLES = {"experiments", "runs", "params", "metrics", "latest_metrics", "tags"}
_STATUS = {"1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}  # of files, as numbers
_STORED_INFINITY = 1.7976931348623157e308  # what the database has for infinity


def is_store(folder: Path) -> bool:
    """Tell whether a folder is an ``mlruns`` folder."""
    return any(folder.glob("*/meta.yaml")) and not (folder / "meta.yaml").exists()


def experiments_of_folder(folder: Path, limits: Limits) -> dict[str, Path]:
    """Return the experiments of an ``mlruns`` folder that are not deleted: name to folder."""
    found: dict[str, Path] = {}
    for home in limits.folders(folder):
        meta = _meta(home, limits)
        if meta is not None and meta.get("lifecycle_stage", "active") == "active" and home.name != ".trash":
            name = meta.get("name", home.name)
            found[name if name not in found else f"{name} ({home.name})"] = home
    return found


def read_folder(name: str, folder: Path, wanted: Sequence[str], limits: Limits) -> RunTable:
    """Return the runs of an experiment's folder.

    Args:
        folder: its folder in ``mlruns``.
        wanted: the metrics that count; without any, only the last values are read.

    Raises:
        SourceError: a file is damaged or a link, or there is more than is read.
    """
    runs = []
    for home in limits.folders(folder):
        meta = _meta(home, limits)
        if meta is None or meta.get("lifecycle_stage", "active") != "active":
            continue
        status = meta.get("status", "")
        run = Run(f"mlflow/{meta.get('run_id', home.name)}", state=_STATUS.get(status, status))
        run.started, run.finished = _unix_time(meta.get("start_time")), _unix_time(meta.get("end_time"))
        run.params = {name: text for name, _, text in _texts_below(home / "params", limits)}
        tags = {name: text for name, _, text in _texts_below(home / "tags", limits)}
        _keep_tags(run, tags | {"mlflow.runName": meta.get("run_name", "")})
        for metric, path, text in _texts_below(home / "metrics", limits):
            points = _metric_points(path, text, limits)
            if points:
                run.metrics[metric] = points[-1][2]
                if wanted:
                    run.curves[metric] = series_of((step for step, _, _ in points), (value for *_, value in points))
        runs.append(run)
    runs.sort(key=lambda run: run.started if run.started == run.started else math.inf)
    return RunTable(name, "MLflow", shown_spec(folder.parent), runs)


def _metric_points(path: Path, text: str, limits: Limits) -> list[tuple[int, int, float]]:
    """Return (step, moment, value) of the lines of a metric's file, sorted."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    limits.count(len(lines))
    try:
        return sorted((int(p[2]) if len(p) > 2 else i, int(p[0]), float(p[1])) for i, p in enumerate(lines))
    except (ValueError, IndexError) as error:
        raise SourceError(f"{shown_spec(path)} is damaged: a line is no moment, value and step: {error}") from error


def experiments_of_database(connection: sa.Connection, limits: Limits) -> dict[str, int]:
    """Return the experiments of a database that are not deleted: name to id."""
    query = "SELECT name, experiment_id FROM experiments WHERE lifecycle_stage = 'active' ORDER BY experiment_id"
    found: dict[str, int] = {}
    for name, number in limits.counted(connection.execute(sa.text(query))):
        name = str(name)
        found[name if name not in found else f"{name} ({number})"] = checked.checked_whole(number, "an experiment's id")
    return found


def read_database(
    connection: sa.Connection, limits: Limits, name: str, experiment: int, wanted: Sequence[str]
) -> RunTable:
    """Return the runs of an experiment.

    Raises:
        SourceError: there is more than is read.
        ValueError: a cell is damaged.
    """

    def rows(table: str, columns: str, more: str = "") -> Any:
        # "key" is a word of MySQL's own, and every database takes a column with its table's name before it.
        cells = ", ".join(f"t.{column}" for column in columns.split())
        query = (
            f"SELECT t.run_uuid, {cells} FROM {table} t JOIN runs r ON r.run_uuid = t.run_uuid "
            f"WHERE r.experiment_id = :experiment AND r.lifecycle_stage = 'active' {more}"
        )
        return limits.counted(connection.execute(sa.text(query), {"experiment": experiment}))

    runs: dict[str, Run] = {}
    for key, _, status, started, finished in rows("runs", "name status start_time end_time", "ORDER BY t.start_time"):
        runs[key] = Run(f"mlflow/{key}", state=str(status), started=_unix_time(started), finished=_unix_time(finished))
    for run_id, key, text in rows("params", "key value"):
        runs[run_id].params[str(key)] = text
    tags: dict[str, dict[str, str]] = {}
    for run_id, key, text in rows("tags", "key value"):
        tags.setdefault(run_id, {})[str(key)] = text
    for run_id, found in tags.items():
        _keep_tags(runs[run_id], found)
    for run_id, key, value, is_nan in rows("latest_metrics", "key value is_nan"):
        runs[run_id].metrics[str(key)] = _metric_value(value, is_nan, key)
    if wanted:
        points = rows("metrics", "key step value is_nan", "ORDER BY t.run_uuid, t.key, t.step, t.timestamp")
        for (run_id, key), some in groupby(points, lambda row: (row[0], row[1])):
            steps, values = [], []
            for _, _, step, value, is_nan in some:
                steps.append(checked.checked_whole(step, f"a step of the metric {key!r}"))
                values.append(_metric_value(value, is_nan, key))
            runs[run_id].curves[str(key)] = series_of(steps, values)
    return RunTable(name, "MLflow", limits.place, list(runs.values()))


def _metric_value(value: Any, is_nan: Any, metric: Any) -> float:
    if is_nan:
        return math.nan
    value = checked.checked_number(value, f"a value of the metric {metric!r}")
    return math.copysign(math.inf, value) if abs(value) >= _STORED_INFINITY else value


def _keep_tags(run: Run, tags: dict[str, str]) -> None:
    """Keep the tags of the user's, and the run's name."""
    run.attrs = {key: text for key, text in tags.items() if not key.startswith("mlflow.")}
    if tags.get("mlflow.runName"):
        run.attrs.setdefault("name", tags["mlflow.runName"])


def _texts_below(folder: Path, limits: Limits) -> list[tuple[str, Path, str]]:
    """Return the name, the path and the text of all files below a folder; names may have slashes."""
    return [(path.relative_to(folder).as_posix(), path, limits.text(path)) for path in limits.files(folder)]


def _meta(folder: Path, limits: Limits) -> dict[str, str] | None:
    """Return the plain entries of a folder's meta.yaml, if it has one.

    MLflow writes one a line, and no YAML reader is needed for that.
    """
    path = folder / "meta.yaml"
    if not limits.exists(path):
        return None
    found = {}
    for line in limits.text(path).splitlines():
        key, colon, text = line.partition(": ")
        if colon and not line.startswith((" ", "-")):
            found[key.strip()] = text.strip().strip("'\"")
    return {key: text for key, text in found.items() if text != "null"}


def _unix_time(milliseconds: Any) -> float:
    try:
        return float(milliseconds) / 1000
    except (TypeError, ValueError):
        return math.nan
