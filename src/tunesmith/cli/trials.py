"""``tunesmith trials`` and ``tunesmith export``: many trials, as a table or as a file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from tunesmith.cli.options import json_option, look_at, open_study, storage_argument, study_option
from tunesmith.cli.output import echo, json_text, param, pass_on, print_json, print_table
from tunesmith.cli.records import reason_text, trial_dict, value_cells, value_names
from tunesmith.errors import QueryError
from tunesmith.foundation.formats import csv_chunks
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.system.replacing import replacing
from tunesmith.study.engine.metrics import with_metrics
from tunesmith.study.frame import metrics_columns, to_columns
from tunesmith.study.query.columns import ABSENT

if TYPE_CHECKING:
    from tunesmith.study import Study
    from tunesmith.study.snapshot import Snapshot
    from tunesmith.trial.record import FrozenTrial

STATES = [state.name.lower() for state in TrialState]
FORMATS = ("csv", "json", "parquet")
MOST_PARAMETERS = 20  # in one table
TRIALS_AT_ONCE = 100  # whose metrics are in memory
Key = tuple[str, str]  # an attribute, and the key in it
ATTRS = ("number", "state", "value", "noise", "params", "user_attrs", "constraints", "cost", "duration", "reason")


@click.command()
@storage_argument
@study_option
@click.option(
    "--where", default="", metavar="EXPRESSION", help="""Only these: 'value < 0.1 and opt in ("adam", "sgd")'."""
)
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Only these; may be repeated.")
@click.option(
    "--sort",
    default="number",
    metavar="NAME",
    help="A column, as in --where; with a minus before it, the highest first.",
)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many.")
@json_option
def trials(
    storage: str, name: str | None, where: str, states: tuple[str, ...], sort: str, limit: int, as_json: bool
) -> None:
    """List trials, filtered and sorted.

    Columns are number, state, value, duration, feasible, parameters (x, or params.x) and user attributes (user.x).
    Of failed trials the reason is shown, in short; ``tunesmith show --trial N`` has all of it.
    """
    seen = look_at(storage, name)
    table = seen.table
    try:
        wanted = table.where(where)
        if states:
            wanted &= np.isin(table.state, [TrialState[s.upper()] for s in states])
        rows = table.order(np.flatnonzero(wanted), sort.removeprefix("-"), descending=sort.startswith("-"))
    except QueryError as error:
        raise click.UsageError(str(error)) from error
    numbers = table.number[rows[:limit]].tolist()
    by_number = {t.number: t for t in seen.get_trials(numbers=numbers)}
    shown = [by_number[number] for number in numbers]
    if as_json:
        print_json([trial_dict(t) for t in shown])
        return
    if not shown:
        echo("No trial is like that." if where or states else f"{seen.study_name!r} has no trials yet.")
        return
    every = list(dict.fromkeys(key for t in shown for key in t.flat_params))
    params = every[:MOST_PARAMETERS]
    names = value_names(seen)
    heads = ["trial", "state", *names]
    cells = [[t.number, t.state.name.lower(), *value_cells(t, len(names))] for t in shown]
    reasons = [reason_text(t) for t in shown]
    if any(reasons):
        heads.append("reason")
        cells = [[*row, why] for row, why in zip(cells, reasons, strict=True)]
    cells = [[*row, *_params(t.flat_params, params)] for row, t in zip(cells, shown, strict=True)]
    print_table([*heads, *params], cells, are_names=True)
    if len(every) > len(params):
        echo(f"{len(params)} of {len(every):,} parameters are shown; --json and `tunesmith export` have all.")
    if len(rows) > limit:
        echo(f"{limit} of {len(rows):,} are shown; --limit shows more.")


def _params(found: Mapping[str, Any], names: Sequence[str]) -> list[Any]:
    return [param(found[name]) if name in found else None for name in names]


@click.command()
@storage_argument
@study_option
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file; by default, it is printed."
)
@click.option("--format", "form", type=click.Choice(FORMATS), help="By default what the file's name ends with, or csv.")
@click.option("--metrics", is_flag=True, help="What trials logged instead: a row for each trial and step.")
@json_option
def export(storage: str, name: str | None, output: Path | None, form: str | None, metrics: bool, as_json: bool) -> None:
    """Write all trials to a CSV, JSON or Parquet file, or for another program.

    --json prints what was written where there is an --output, and else the trials.
    """
    if as_json and output is None and form is None:
        form = "json"
    suffix = "" if output is None else output.suffix.removeprefix(".").lower()
    form = form or (suffix if suffix in FORMATS else None)
    if form is None and suffix:
        raise click.UsageError(f"{output}: its name does not end with .{', .'.join(FORMATS)}; give --format")
    study = open_study(storage, name)
    if form == "parquet":
        if output is None:
            raise click.UsageError("Parquet is not printed; give a file with --output")
        _parquet(study.metrics_dataframe() if metrics else study.trials_dataframe(), output)
        _told(study, output, as_json)
        return
    write = WRITERS[form or "csv", metrics]
    if output is None:
        _passed_on(study, write, pass_on)
    elif output.exists() and not output.is_file():  # a pipe or a device, where nothing can be begun anew
        with replacing(output) as part, part.open("w", encoding="utf-8", newline="") as file:
            _passed_on(study, write, file.write)
        _told(study, output, as_json)
    else:
        with replacing(output) as part, part.open("w", encoding="utf-8", newline="") as file:
            write(study, file)
        _told(study, output, as_json)


def _passed_on(study: Study, write: Callable[[Study, IO[str]], None], put: Callable[[str], Any]) -> None:
    """Write a table, and give it on, some at a time."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as file:
        write(study, file)
        file.seek(0)
        while text := file.read(2**20):
            put(text)


def _parts(study: Study) -> Iterator[list[FrozenTrial]]:
    """Yield all trials by number, some at a time; numbers have no gaps."""
    return study.trials_in_parts()


def _write_json(study: Study, file: IO[str]) -> None:
    before = "[\n"
    for trials in _parts(study):
        for trial in with_metrics(trials):
            text = json_text(trial_dict(trial, whole=True), 1)
            file.write(before + " " + text.replace("\n", "\n "))
            before = ",\n"
    file.write("[]\n" if before == "[\n" else "\n]\n")


def _write_csv(study: Study, file: IO[str]) -> None:
    """Write a table whose columns are all that any trial has; where a later trial has others, it is begun anew."""
    keys: dict[Key, None] = {}
    whole = False  # whether the columns of all trials are known
    while True:
        file.seek(0)
        file.truncate()
        for trials in _parts(study):
            columns = to_columns(trials, len(study.directions), ATTRS)
            if not keys.keys() >= columns.keys():
                if keys:
                    break
                keys = dict.fromkeys(columns)
            nothing = [ABSENT] * len(trials)
            rows = zip(*(_cells(key, columns.get(key, nothing)) for key in keys), strict=True)
            head = [f"{attr}_{key}" if key else attr for attr, key in keys] if file.tell() == 0 else None
            file.writelines(csv_chunks(head, [rows]))
        else:
            return
        if whole:
            raise click.ClickException(f"{study.study_name!r} changed while it was written; call export again")
        keys, whole = _keys(study), True


def _cells(key: Key, values: Sequence[Any]) -> list[Any]:
    return [None if v is ABSENT else param(v) if key[0] == "params" else v for v in values]


def _keys(study: Study) -> dict[Key, None]:
    """Return the columns of all trials, those of an attribute side by side."""
    found: dict[str, dict[Key, None]] = {attr: {} for attr in ATTRS}
    for trials in _parts(study):
        for key in to_columns(trials, len(study.directions), ATTRS):
            found[key[0]][key] = None
    return {key: None for keys in found.values() for key in keys}


def _told(study: Study, output: Path, as_json: bool) -> None:
    if as_json:
        print_json({"study": study.study_name, "file": str(output)})


def _write_metrics_csv(study: Study, file: IO[str]) -> None:
    """Write a row for each trial and step, with a column for each metric."""
    for k, columns in enumerate(_metrics_in_parts(study.snapshot())):
        rows = ([None if cell != cell else cell for cell in row] for row in _rows_of(columns))
        file.writelines(csv_chunks(list(columns) if k == 0 else None, [rows]))


def _write_metrics_json(study: Study, file: IO[str]) -> None:
    """Write an object for each trial and step, with the metrics that the trial logged there."""
    before = "[\n"
    for columns in _metrics_in_parts(study.snapshot()):
        for row in _rows_of(columns):
            found = {name: cell for name, cell in zip(columns, row, strict=True) if cell == cell}
            file.write(f"{before} {json_text(found, None)}")
            before = ",\n"
    file.write("[]\n" if before == "[\n" else "\n]\n")


def _metrics_in_parts(seen: Snapshot) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield what trials logged as columns, of some trials at a time; at least once."""
    logged = seen.logged()
    numbers = np.unique(np.concatenate([np.empty(0, np.int64), *logged.values()])).tolist()
    for start in range(0, max(len(numbers), 1), TRIALS_AT_ONCE):
        yield metrics_columns(seen.metrics(numbers[start : start + TRIALS_AT_ONCE]), list(logged))


def _rows_of(columns: dict[str, NDArray[Any]]) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.tolist() for column in columns.values()), strict=True)


WRITERS = {
    ("csv", False): _write_csv,
    ("json", False): _write_json,
    ("csv", True): _write_metrics_csv,
    ("json", True): _write_metrics_json,
}


def _parquet(frame: Any, output: Path) -> None:
    try:
        for name in frame.columns:  # a column of a file has one type, where parameters may be numbers, texts and None
            if name.startswith("params_") and frame[name].map(type).nunique() > 1:
                frame[name] = frame[name].map(lambda value: value if value != value else str(value))
        with replacing(output) as part:
            frame.to_parquet(part)
    except ImportError as error:
        raise click.ClickException(f"Parquet needs pandas and pyarrow: pip install pandas pyarrow ({error})") from error
