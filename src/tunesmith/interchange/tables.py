"""Tables in files and in memory, as rows: CSV, TSV, JSON, JSON lines, Parquet; data frames, lists of dicts."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tunesmith.errors import MissingDependencyError, SourceError
from tunesmith.interchange.limits import MOST_COLUMNS, Limits, parsed
from tunesmith.storage.redact import shown_spec
from tunesmith.text import shown

ENDINGS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")
_SEPARATORS = (",", ";", "\t")
_COMMA = re.compile(r"^\s*([-+]?\d+),(\d+(?:[eE][-+]?\d+)?)\s*$")  # a number with a decimal comma
_LISTS = ("trials", "runs", "results", "data", "rows")  # under which a JSON document may have its rows
_BATCH = 4096  # rows of Parquet that are read at once
Rows = list[Mapping[str, Any]]


def read_file(path: Path, limits: Limits) -> Rows:
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
        return _json(path, limits)
    except UnicodeDecodeError as error:
        raise SourceError(f"{shown_spec(path)} is no UTF-8 text ({error}); save it as UTF-8") from error


def of_object(source: Any) -> Rows:
    """Return the rows of a data frame, a list of dicts, or a dict of lists.

    Raises:
        TypeError: it is none of these.
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
    if columns > MOST_COLUMNS or columns * len(rows) > 20 * limits.max_rows:
        raise SourceError(
            f"{limits.place} has {columns:,} columns and {len(rows):,} rows; leave out columns (at most "
            f"{MOST_COLUMNS:,} are read), or allow more rows: --max-rows N (in Python max_rows=)"
        )


def _csv(path: Path, limits: Limits) -> Rows:
    text = limits.read(path).decode("utf-8-sig")
    separator = max(_SEPARATORS, key=text[: text.find("\n")].count)  # spreadsheets of many countries write semicolons
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


def _json(path: Path, limits: Limits) -> Rows:
    text = limits.read(path).decode("utf-8-sig")
    try:
        data = parsed(text)
    except ValueError as whole:
        lines = [line for line in text.split("\n") if line.strip()]
        limits.count(len(lines))
        try:
            data = [parsed(line) for line in lines]
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
        for batch in file.iter_batches(_BATCH):
            columns = [_cells(column, words) for column in batch.columns]
            limits.count(size=sum(len(cell) for column in columns for cell in column if isinstance(cell, str | bytes)))
            rows += [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    except (ArrowException, OSError) as error:
        raise SourceError(f"{shown_spec(path)} cannot be read as Parquet: {error}") from error
    return rows


def _cells(column: Any, words: dict[Any, Any]) -> list[Any]:
    """Return the cells of a column; equal texts of a dictionary are one object, which `words` keeps."""
    if not hasattr(column, "dictionary"):
        return list(column.to_pylist())
    places = column.indices.to_pylist()
    used = {}
    for place in set(places) - {None}:
        word = column.dictionary[place].as_py()
        used[place] = words.setdefault(word, word)
    return [None if place is None else used[place] for place in places]
