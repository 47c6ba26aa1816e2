"""Tables in files and in memory, as rows: CSV, TSV, JSON, JSON lines, Parquet; data frames, lists of dicts."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tunesmith.errors import MissingDependencyError, SourceError
from tunesmith.foundation.text import did_you_mean, listing, shown
from tunesmith.interchange.limits import (
    TABLE_COLUMNS,
    Limits,
    as_dict,
    cell_number,
    is_empty,
    leaves,
    moment,
    parsed_json,
    plain_cell,
    typed,
)
from tunesmith.interchange.runs import Run, RunTable, Wishes
from tunesmith.storage.redact import shown_spec
from tunesmith.trial.metrics import Series, series_of

TABLE_ENDINGS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")
_CSV_SIGNS = (",", ";", "\t")
_COMMA = re.compile(r"^\s*([-+]?\d+),(\d+(?:[eE][-+]?\d+)?)\s*$")  # a number with a decimal comma
_LISTS = ("trials", "runs", "results", "data", "rows")  # under which a JSON document may have its rows
_PARQUET_ROWS = 4096  # rows of Parquet that are read at once
Rows = list[Mapping[str, Any]]


def read_table_file(path: Path, limits: Limits) -> Rows:
    """Return the rows of a file.

    Args:
        path: its ending says what it is.

    Raises:
        SourceError: it is damaged, or no table, or has more than is read.
        MissingDependencyError: it is Parquet, and PyArrow is not installed.
    """
    ending = path.suffix.lower()
    try:
        if ending in (".csv", ".tsv"):
            return _csv(path, limits)
        if ending == ".parquet":
            return _parquet(path, limits)
        return _rows_of_json(path, limits)
    except UnicodeDecodeError as error:
        raise SourceError(f"{shown_spec(path)} is no UTF-8 text ({error}); save it as UTF-8") from error


def of_object(source: Any) -> Rows:
    """Return the rows of a data frame, a list of dicts, or a dict of lists.

    Raises:
        TypeError: it is something else.
    """
    if hasattr(source, "to_dicts"):  # polars
        return list(source.to_dicts())
    if hasattr(source, "columns") and hasattr(source, "to_dict"):  # pandas
        names = [".".join(map(str, filter(None, c))) if isinstance(c, tuple) else str(c) for c in source.columns]
        return [dict(zip(names, row, strict=True)) for row in source.itertuples(index=False, name=None)]
    if hasattr(source, "to_pylist"):  # PyArrow
        return list(source.to_pylist())
    if isinstance(source, Mapping) and source and all(isinstance(v, Sequence) for v in source.values()):
        return [dict(zip(source, row, strict=True)) for row in zip(*source.values(), strict=True)]
    if (
        isinstance(source, Sequence)
        and not isinstance(source, str | bytes)
        and all(isinstance(r, Mapping) for r in source)
    ):
        return list(source)
    if hasattr(source, "get_trials") and hasattr(source, "study_name"):  # a study of Optuna's
        raise TypeError(
            f"got {shown(source)}; give where it is stored (a file or a URL), or its table: study.trials_dataframe()"
        )
    raise TypeError(f"expected a path, a URL, a data frame or a list of dicts; got {shown(source)}")


def check_width(rows: Rows, limits: Limits) -> None:
    """Refuse rows with so many columns that to look at each in each row would take for ever.

    Raises:
        SourceError: they have.
    """
    columns = len({key for row in rows for key in row})
    if columns > TABLE_COLUMNS or columns * len(rows) > 20 * limits.max_rows:
        raise SourceError(
            f"{limits.place} has {columns:,} columns and {len(rows):,} rows; leave out columns (at most "
            f"{TABLE_COLUMNS:,} are read), or allow more rows: --max-rows N (in Python max_rows=)"
        )


def _csv(path: Path, limits: Limits) -> Rows:
    text = limits.read(path).decode("utf-8-sig")
    separator = max(_CSV_SIGNS, key=text[: text.find("\n")].count)  # spreadsheets of many countries write semicolons
    lines = []
    try:
        for line in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True):
            limits.count(1)
            lines.append(line)
    except csv.Error as error:
        raise SourceError(f"{shown_spec(path)} is damaged: {error}") from error
    if not lines or not any(lines[0]):
        raise SourceError(f"{shown_spec(path)} is empty; the first line of a table has the names of its columns")
    names = [name or f"column {i}" for i, name in enumerate(lines[0])]  # pandas writes an index without a name
    if len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise SourceError(f"{shown_spec(path)} has two columns called {twice!r}; rename one")
    for number, line in enumerate(lines[1:], 2):
        if line and len(line) != len(names):
            raise SourceError(
                f"{shown_spec(path)}, row {number}: {len(line)} cells, and the first line has {len(names)} names"
            )
    if separator == ";":  # and commas in numbers
        lines = [[_COMMA.sub(r"\1.\2", cell) for cell in line] for line in lines]
    index = names[0] == "column 0"  # a count of the rows, which is no parameter
    return [dict(list(zip(names, line, strict=True))[index:]) for line in lines[1:] if line]


def _rows_of_json(path: Path, limits: Limits) -> Rows:
    text = limits.read(path).decode("utf-8-sig")
    try:
        data = parsed_json(text)
    except ValueError as whole:
        lines = [line for line in text.split("\n") if line.strip()]
        limits.count(len(lines))
        try:
            data = [parsed_json(line) for line in lines]
        except ValueError as error:
            told = error if len(lines) > 1 else whole
            raise SourceError(f"{shown_spec(path)} is no JSON and no JSON lines: {told}") from error
    if isinstance(data, Mapping):
        data = next((data[key] for key in _LISTS if isinstance(data.get(key), list)), None) or _of_columns(data)
    if not isinstance(data, list) or not all(isinstance(row, Mapping) for row in data):
        raise SourceError(f"{shown_spec(path)} is no list of objects; expected one JSON object for each run")
    limits.count(len(data))
    return data


def _of_columns(data: Mapping[str, Any]) -> Any:
    """Return the rows of a JSON object that has a list, or an object by row, for each column, as pandas writes it."""
    columns = [list(v.values()) if isinstance(v, Mapping) else v for v in data.values()]
    lists = bool(columns) and all(isinstance(c, list) for c in columns) and len({len(c) for c in columns}) == 1
    return [dict(zip(data, row, strict=True)) for row in zip(*columns, strict=True)] if lists else [data]


def _parquet(path: Path, limits: Limits) -> Rows:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise MissingDependencyError("Parquet needs PyArrow: pip install pyarrow") from error
    data = limits.read(path)
    rows: Rows = []
    words: dict[Any, Any] = {}
    try:
        schema = parquet.ParquetFile(io.BytesIO(data)).schema
        # As dictionaries, since a text that is stored once may stand in each of a million rows.
        texts = [schema.column(i).path for i in range(len(schema.names))]
        file = parquet.ParquetFile(io.BytesIO(data), read_dictionary=texts)
        names = file.schema_arrow.names
        if len(set(names)) < len(names):
            raise SourceError(f"{shown_spec(path)} has two columns called {Counter(names).most_common(1)[0][0]!r}")
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        limits.count(file.metadata.num_rows, sum(max(0, group.total_byte_size) for group in groups))
        for batch in file.iter_batches(_PARQUET_ROWS):
            columns = [_cells_of_column(column, words) for column in batch.columns]
            limits.count(size=sum(len(cell) for column in columns for cell in column if isinstance(cell, str | bytes)))
            rows += [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    except (ArrowException, OSError) as error:
        raise SourceError(f"{shown_spec(path)} cannot be read as Parquet: {error}") from error
    return rows


def _cells_of_column(column: Any, words: dict[Any, Any]) -> list[Any]:
    """Return the cells of a column; equal texts of a dictionary are one object, which `words` keeps."""
    if not hasattr(column, "dictionary"):
        return list(column.to_pylist())
    places = column.indices.to_pylist()
    used = {}
    for place in set(places) - {None}:
        word = column.dictionary[place].as_py()
        used[place] = words.setdefault(word, word)
    return [None if place is None else used[place] for place in places]


# ----------------------------------------------------------------------------------------------------------------------
# Rows of tables as runs: ours, Optuna's, MLflow's, Ray's and W&B's, as their users save them, and any other.
#
# A row may be nested. What is in a group ("params", "config", "metrics", "summary") is known for what it is, and so is
# a column whose name begins with one ("params.lr", "config/lr", "params_lr"). Of other columns, those for the state,
# the times and the id of a run are known by name.

PARAMS, METRICS, ATTRS, CONSTRAINTS, CURVE = "params", "metrics", "attrs", "constraints", "curve"
_GROUPS = {
    **dict.fromkeys(("params", "param", "config", "parameters", "hyperparameters", "hparams"), PARAMS),
    **dict.fromkeys(("metrics", "metric", "summary", "results", "scores"), METRICS),
    **dict.fromkeys(("tags", "user_attrs", "system_attrs", "attrs"), ATTRS),
    "constraints": CONSTRAINTS,
    "intermediate_values": CURVE,
}
_GROUP_PREFIX = re.compile(rf"({'|'.join(sorted(_GROUPS, key=len, reverse=True))})([./_])(.+)")
_UNDERSCORE = ("params", "values", "user_attrs", "system_attrs", "constraints")  # data frames of Optuna's and ours
_NOISE = re.compile(r"noise(_\d+)?")  # ours: standard deviations of the errors of the values
# What a column is, by its name in small letters; the first that is there counts.
ROLES: dict[str, tuple[str, ...]] = {
    "state": ("state", "status"),
    "id": ("run_id", "trial_id", "id", "number", "trial"),
    "started": ("started", "start_time", "datetime_start", "created", "created_at", "timestamp", "date"),
    "finished": ("finished", "end_time", "datetime_complete", "completed"),
    "reason": ("reason", "error"),
}
# Columns that trackers add, which are neither parameters nor results.
NOTES = {
    "name", "notes", "user", "tags", "runtime", "sweep", "experiment_id", "artifact_uri", "duration", "hostname", "pid",
    "node_ip", "done", "training_iteration", "timesteps_total", "episodes_total", "iterations_since_restore", "logdir",
    "time_this_iter_s", "time_total_s", "time_since_restore", "checkpoint_dir_name", "experiment_tag", "agent",
    "commit", "description", "github", "group", "job type", "updated", "seconds", "output", "attempt", "cost",
    "_step", "_runtime", "_timestamp", "_wandb",
}  # fmt: skip


def table_of(rows: Sequence[Mapping[str, Any]], name: str, place: str, program: str, wishes: Wishes) -> RunTable:
    """Return the runs of the rows of a table.

    Args:
        rows: column to cell.
        program: what wrote them, for people.
        wishes: what the user says of them.

    Raises:
        SourceError: a column that was named is not there, or a row is not a mapping.
    """
    columns = list(dict.fromkeys(str(key) for row in rows for key in row))
    roles = _roles(columns, wishes.columns, place)
    groups = {column: _group(column) for column in columns if column not in roles.values()}
    for column, group in groups.items():
        if group is not None and not group[1] and all(as_dict(plain_cell(row.get(column))) is None for row in rows):
            groups[column] = None  # only its name is that of a group, as a metric may be called "metric"
    if "Runtime" in columns and {"Name", "State"} <= set(columns):
        program = "W&B"
    declared = any(group is not None and group[0] == PARAMS for group in groups.values())
    runs = [_run_of_row(row, i, roles, groups, declared, program) for i, row in enumerate(rows)]
    counted = roles.get("id", "").lower() == "number"
    for run in runs if counted else ():
        own = typed(run.key.partition("/")[2])
        run.number = own if type(own) is int and own >= 0 else None
    keys = [run.key for run in runs]
    if len(set(keys)) < len(keys):  # the column of ids has none, or the same one twice
        for i, run in enumerate(runs):
            run.key = f"{program.lower()}/{i}"
    if not counted and all(run.started == run.started for run in runs):
        runs.sort(key=lambda run: run.started)  # trackers often list the newest first
    return RunTable(name, program, place, runs, declared)


def without_groups(names: Sequence[str]) -> tuple[str, ...]:
    """Return names as they are in their groups: "val_loss" for "metrics.val_loss", the column of a table."""
    return tuple(group[1] if (group := _group(name)) is not None and group[1] else name for name in names)


def _roles(columns: Sequence[str], given: Mapping[str, str], place: str) -> dict[str, str]:
    """Return which column has which role."""
    found: dict[str, str] = {}
    for role, column in given.items():
        if role not in ROLES:
            raise SourceError(f"--column {role}={column}: there is no role {role!r}; there are {listing(ROLES)}")
        if column not in columns:
            raise SourceError(
                f"{place} has no column {column!r}{did_you_mean(column, columns)}; there are {listing(columns, 30)}"
            )
        found[role] = column
    by_name = {column.lower(): column for column in reversed(columns)}
    for role, names in ROLES.items():
        if role not in found:
            known = next((by_name[n] for n in names if n in by_name and by_name[n] not in found.values()), None)
            if known is not None:
                found[role] = known
    return found


def _group(column: str) -> tuple[str, str] | None:
    """Return the group of a column and its name in it ("": the whole group); None: it is in none."""
    if column.lower() in _GROUPS:
        return _GROUPS[column.lower()], ""
    if column == "values" or re.fullmatch(r"values_.+", column):
        return METRICS, column
    match = _GROUP_PREFIX.fullmatch(column)
    if match is None or (match[2] == "_" and match[1] not in _UNDERSCORE):
        return None
    return _GROUPS[match[1]], match[3]


def _run_of_row(
    row: Mapping[str, Any],
    place: int,
    roles: Mapping[str, str],
    groups: Mapping[str, tuple[str, str] | None],
    declared: bool,
    program: str,
) -> Run:
    def role(name: str) -> Any:
        return plain_cell(row.get(roles[name])) if name in roles else None

    is_ours = declared and any(re.fullmatch(r"value|values(_\d+)?", column) for column in row)
    own = role("id")
    run = Run(f"{program.lower()}/{place if is_empty(own) else own}")
    run.state = "" if is_empty(role("state")) else str(role("state"))
    run.reason = None if is_empty(role("reason")) else str(role("reason"))
    run.started, run.finished = moment(role("started")), moment(role("finished"))
    for column in row:
        value = plain_cell(row[column])
        if column not in groups or is_empty(value):
            continue
        group = groups[column]
        if group is not None:
            _into(run, group[0], group[1], value)
        elif column.lower() in NOTES or (column.startswith("_") and not declared):
            run.attrs[column] = value
        elif is_ours and _NOISE.fullmatch(column):
            run.noise += value if isinstance(value, list) else [value]
        elif declared:  # what is no parameter is a result, if it is a number
            (run.metrics if cell_number(value) is not None else run.attrs)[column] = value
        else:
            run.params[column] = value
    if isinstance(values := run.metrics.get("values"), list | tuple):
        del run.metrics["values"]
        run.metrics |= {"value": values[0]} if len(values) == 1 else {f"values_{i}": v for i, v in enumerate(values)}
    return run


def _into(run: Run, group: str, name: str, value: Any) -> None:
    """Put a cell, or the many of a whole group, where it belongs."""
    if not name:
        whole = as_dict(value)
        if whole is None:
            run.attrs[group] = value
            return
        if group == CURVE:
            steps = {typed(k): cell_number(c) for k, c in whole.items()}
            reported = {k: v for k, v in steps.items() if type(k) is int and v is not None}
            run.reports = series_of(reported.keys(), reported.values()) if reported else None
            return
        if group == METRICS:
            curves = {name: curve for name, c in whole.items() if (curve := _columns_of(c)) is not None}
            run.curves |= curves
            whole = {name: c for name, c in whole.items() if name not in curves}
        cells = leaves({k: _unwrapped(v) for k, v in whole.items()} if group == PARAMS else whole)
    else:
        cells = {name: value}
    if group == CONSTRAINTS:
        run.constraints = (run.constraints or {}) | {
            k: v for k, c in cells.items() if (v := cell_number(c)) is not None
        }
        return
    target = {PARAMS: run.params, METRICS: run.metrics, ATTRS: run.attrs}[group]
    for key, cell in cells.items():
        if key.startswith("_") and group != ATTRS:  # of W&B's own
            run.attrs[key] = plain_cell(cell)
        else:
            target[key] = plain_cell(cell)


def _columns_of(cell: Any) -> Series | None:
    """Return a metric's values as JSON of ours has them: {"steps": [0, 1], "values": [0.5, null]}; None: it is none."""
    if not isinstance(cell, Mapping) or cell.keys() != {"steps", "values"}:
        return None
    steps, values = cell["steps"], cell["values"]
    if not (isinstance(steps, list) and isinstance(values, list) and len(steps) == len(values)):
        return None
    if any(type(step) is not int for step in steps):
        return None
    return series_of(steps, (math.nan if (number := cell_number(v)) is None else number for v in values))


def _unwrapped(value: Any) -> Any:
    """Return a value of a W&B config, which may stand with its description."""
    return (
        value["value"]
        if isinstance(value, Mapping) and value.keys() <= {"value", "desc"} and "value" in value
        else value
    )
