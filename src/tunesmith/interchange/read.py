"""`read`: what a source is, and who reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from tunesmith.errors import SourceError, TunesmithError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import say
from tunesmith.foundation.text import did_you_mean, listing, message_of, name_and_message, printable, shorten, shown
from tunesmith.interchange.limits import MAX_BYTES, MAX_ROWS, Limits
from tunesmith.interchange.progress import ImportLine
from tunesmith.interchange.progress import shown as shown_progress
from tunesmith.interchange.recognise import PICKLE_BEGINNINGS
from tunesmith.interchange.runs import RunTable, Wishes, study_of
from tunesmith.interchange.study import ImportedStudy
from tunesmith.interchange.tables import (
    TABLE_ENDINGS,
    check_width,
    of_object,
    read_table_file,
    table_of,
    without_groups,
)
from tunesmith.storage import is_no_database
from tunesmith.storage.redact import shown_spec

ERROR_CHARACTERS = 1000  # characters of an error
DATABASE_BYTES = 512  # bytes of an SQLite database


@checked()
def read(
    source: Any,
    *,
    study: str | None = None,
    minimize: str | Sequence[str] = (),
    maximize: str | Sequence[str] = (),
    params: Mapping[str, Any] | Iterable[str] = (),
    columns: Mapping[str, str] | None = None,
    unsafe_pickle: bool = False,
    max_bytes: int = MAX_BYTES,
    max_rows: int = MAX_ROWS,
    facts: bool = False,
    progress: bool | None = None,
) -> list[ImportedStudy]:
    """Read the results of another program.

    Args:
        source: an Optuna storage (an SQLite file, the URL of a database, a journal file); a pickle of Hyperopt's
            ``Trials``; a folder of Ray Tune; MLflow's ``mlruns`` folder or database; a folder of TensorBoard; a table
            (CSV, TSV, JSON, JSON lines, Parquet, a data frame, a list of dicts), such as W&B and MLflow export.
        study: the name of one study of the source, or what a study is to be called where the source has no name for
            it; None: all of them.
        minimize: the values that count, the smaller the better; of Optuna's and Hyperopt's results it is known.
        maximize: the values that count, the larger the better.
        params: the ranges of parameters by name, in any form that `tunesmith.Space` takes; None for one that is to be
            taken from the values. Of a table that does not say which of its columns are parameters, only these are;
            if none is named, each column that varies is one. A list of names is the same as None for each.
        columns: the columns of a table by what they are, where it does not follow from their names: "id", "state",
            "started", "finished", "reason".
        unsafe_pickle: whether a pickle may be loaded. That runs whatever code is in it: only for files that you trust.
        max_bytes: an error if the source has more.
        max_rows: an error if it has more rows: runs, values of metrics, lines.
        facts: keep what the source says of each trial, for `differences`.
        progress: whether to show, from the first second on, a line with what was read; None: in a terminal or a
            notebook, if no library calls.

    Returns:
        the studies, oldest first; each has ``create_study(storage=...)``.

    Raises:
        SourceError: the source is not there, is nothing that is known, or is damaged; or it does not say what counts.
        MissingDependencyError: it needs a package that is not installed.
        TypeError: the source is an object of another kind.

    Example:
        ```python
        from tunesmith import compat

        rows = [{"lr": 0.01, "opt": "sgd", "loss": 0.3}, {"lr": 0.1, "opt": "adam", "loss": 0.2}]
        (old,) = compat.read(rows, minimize="loss", params={"lr": "log(1e-4, 1)", "opt": None})
        study = old.create_study(storage="tune.db")
        print(study.best_params)
        ```
    """
    ranges = dict(params) if isinstance(params, Mapping) else dict.fromkeys(params)
    ranges = dict(zip(without_groups(list(ranges)), ranges.values(), strict=True))
    wishes = Wishes(_metric_names(minimize), _metric_names(maximize), ranges, dict(columns or {}), study, facts)
    twice = next((name for name in wishes.metrics if wishes.metrics.count(name) > 1), None)
    if twice is not None:
        raise SourceError(f"{twice!r} is asked for twice; a value is minimized or maximized, once")
    name = Path(source).name if isinstance(source, str | Path) and "://" not in str(source) else "the source"
    try:
        with shown_progress(progress, say("reading {}", printable(name))) as line:
            return _read_source(source, wishes, unsafe_pickle, (max_bytes, max_rows, line))
    except SourceError as error:  # it may quote what is in the source
        raise SourceError(_one_line(message_of(error))) from error
    except (TunesmithError, KeyboardInterrupt):
        raise
    except Exception as error:
        if not isinstance(source, str | Path):
            raise
        told = message_of(error) if isinstance(error, ValueError) else name_and_message(error)
        raise SourceError(f"{shown_spec(source)} cannot be read: {_one_line(told)}") from error


def _one_line(text: str) -> str:
    """Return a text, in which there may be anything, as one line that is not too long."""
    return " ".join(shorten(text, ERROR_CHARACTERS).split())


def _read_source(
    source: Any, wishes: Wishes, unsafe_pickle: bool, most: tuple[int, int, ImportLine | None]
) -> list[ImportedStudy]:
    if type(source).__module__.partition(".")[0] == "hyperopt":
        from tunesmith.interchange.hyperopt import study_of_trials

        return [study_of_trials(source, "hyperopt", "the object", wishes)]
    if not isinstance(source, str | Path):
        limits = Limits(f"source ({type(source).__name__})", None, *most)
        return [_of_table(of_object(source), "imported", "table", wishes, limits)]
    if not str(source):
        raise SourceError("source is an empty text; give a file, a folder or a database's URL")
    if str(source).startswith(("http://", "https://")):
        raise SourceError(f"{shown_spec(source)} is an address on the web; save the file, and give its path")
    if str(source).startswith("file:"):  # MLflow writes its folders so
        source = Path(url2pathname(urlsplit(str(source)).path))
    if "://" in str(source):
        return _database(source, wishes, Limits(shown_spec(source), None, *most))
    path, place = Path(source), shown_spec(source)
    limits = Limits(place, path if path.is_dir() else None, *most)
    if path.is_dir():
        return _folder(path, wishes, limits)
    if not path.is_file():
        raise SourceError(f"{place} does not exist; give a file, a folder or a database's URL")
    # SQLite takes a file that is shorter than one page of its own for an empty database.
    if path.stat().st_size >= DATABASE_BYTES and not is_no_database(path):
        return _database(path, wishes, limits)
    if path.suffix.lower() in TABLE_ENDINGS:
        return [_of_table(read_table_file(path, limits), path.stem, path.suffix[1:].upper(), wishes, limits)]
    return _by_beginning(path, wishes, unsafe_pickle, limits)


def _metric_names(given: str | Sequence[str]) -> tuple[str, ...]:
    return without_groups((given,) if isinstance(given, str) else tuple(given))


def _of_table(rows: list[Mapping[str, Any]], name: str, program: str, wishes: Wishes, limits: Limits) -> ImportedStudy:
    check_width(rows, limits)
    return study_of(table_of(rows, name, limits.place, program, wishes), wishes)


def _by_beginning(path: Path, wishes: Wishes, unsafe_pickle: bool, limits: Limits) -> list[ImportedStudy]:
    """Read a file whose name does not say what it is."""
    place = limits.place
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise SourceError(f"{place} is empty")
    if head.startswith(PICKLE_BEGINNINGS):
        from tunesmith.interchange.hyperopt import pickle_refusal, read_trials

        if not unsafe_pickle:
            raise SourceError(pickle_refusal(place))
        return [read_trials(path, place, wishes, limits)]
    if b'"op_code"' in head.split(b"\n", 1)[0]:
        from tunesmith.interchange.optuna.journal import Journal

        _refuse_wishes(wishes, "Optuna's journals", place)
        journal = Journal(path, limits)
        return [journal.study(name, wishes.facts) for name in study_names(journal.studies, wishes.study, place)]
    raise SourceError(
        f"{place} is nothing that is known here: an SQLite database, a journal of Optuna's, a pickle, or a file ending "
        f"in {', '.join(TABLE_ENDINGS)}"
    )


def _folder(path: Path, wishes: Wishes, limits: Limits) -> list[ImportedStudy]:
    from tunesmith.interchange import mlflow, ray_tune, tensorboard

    place = limits.place
    home = next((h for h in (path, path / "mlruns") if h.is_dir() and mlflow.is_store(h)), None)
    if home is not None:
        found = mlflow.experiments_of_folder(home, limits)
        return _experiments(
            found, wishes, limits, lambda name: mlflow.read_folder(name, found[name], wishes.metrics, limits)
        )
    folders = {folder.name: folder for folder in ray_tune.experiments_in(path, limits)}
    if not folders:
        runs = tensorboard.experiments_in(path, limits)
        if runs:
            return _experiments(runs, wishes, limits, lambda name: tensorboard.read_runs(name, runs[name], limits))
        raise SourceError(
            f"{place} is a folder without results of Ray Tune (experiment_state-*.json, result.json), MLflow "
            "(meta.yaml) or TensorBoard (*tfevents*); give the folder that has them, or a file"
        )
    return _experiments(
        folders, wishes, limits, lambda name: ray_tune.read_experiment(folders[name], wishes.metrics, limits)
    )


def _experiments(
    names: Mapping[str, Any], wishes: Wishes, limits: Limits, table: Callable[[str], RunTable]
) -> list[ImportedStudy]:
    """Read those of several experiments that have runs, or the one that was asked for."""
    tables = [table(name) for name in study_names(names, wishes.study, limits.place)]
    kept = [found for found in tables if found.runs] or tables[:1]
    for found in kept:
        found.notes += limits.notes()
    return [study_of(found, replace(wishes, study=None)) for found in kept]


def _database(source: str | Path, wishes: Wishes, limits: Limits) -> list[ImportedStudy]:
    from tunesmith.interchange import mlflow
    from tunesmith.interchange.databases import reading, table_names
    from tunesmith.interchange.optuna.database import OPTUNA_TABLES, OptunaDatabase

    with reading(source) as (connection, place):
        tables = table_names(connection)
        if tables >= mlflow.MLFLOW_TABLES and not tables >= OPTUNA_TABLES:
            ids = mlflow.experiments_of_database(connection, limits)
            of = partial(mlflow.read_database, connection, limits)
            return _experiments(ids, wishes, limits, lambda name: of(name, ids[name], wishes.metrics))
        if "tunesmith_studies" in tables and not tables >= OPTUNA_TABLES:
            raise SourceError(f"{place} is a storage of tunesmith's own; `tunesmith copy` copies a study of it")
        found = OptunaDatabase(connection, limits)
        _refuse_wishes(wishes, "Optuna's databases", place)
        names = found.names()
        return [found.study(name, names[name], wishes.facts) for name in study_names(names, wishes.study, place)]


def _refuse_wishes(wishes: Wishes, what: str, place: str) -> None:
    """Refuse what a source says itself."""
    if wishes.metrics or wishes.params or wishes.columns:
        raise SourceError(
            f"{place}: {what} say what counts and which ranges there are; leave out what you gave of that"
        )


def study_names(names: Mapping[str, Any], study: str | None, place: str) -> list[str]:
    """Return the names of the studies to read.

    Args:
        study: the one that was asked for; None: all.

    Raises:
        SourceError: there is none, or none of that name.
    """
    if not names:
        raise SourceError(f"{place} holds no study")
    if study is None:
        return list(names)
    if study not in names:
        raise SourceError(
            f"{place} has no study {shown(study)}{did_you_mean(study, names)}; there are {listing(names)}"
        )
    return [study]
