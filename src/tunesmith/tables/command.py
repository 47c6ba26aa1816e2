"""``tunesmith tune`` and ``predict``: from a file with a table to a model in a file, and to predictions."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tunesmith.cli.options import STORAGE_VARIABLE, json_option
from tunesmith.cli.output import draws, echo, pass_on, print_json, print_table
from tunesmith.cli.progress import progress_option, shows_progress
from tunesmith.cli.run import POSITIVE, TIME, Amount
from tunesmith.errors import MissingDependencyError, ResumeError, SourceError
from tunesmith.foundation.formats import csv_chunks
from tunesmith.foundation.languages import say, told, words_of
from tunesmith.foundation.reader import LANGUAGE_CODES
from tunesmith.foundation.system.replacing import write_text
from tunesmith.foundation.text import did_you_mean, listing, printable

if TYPE_CHECKING:
    from tunesmith.tables import TableTuner
    from tunesmith.tables.files import Source

USUAL_TIME = 60.0


def _folds_of(text: str) -> int | str:
    """Return "auto", or a number of folds; raises ValueError where it is neither."""
    if text == "auto":
        return text
    if not text.isdecimal() or int(text) < 2:
        raise ValueError(f"{text!r} is neither 'auto' nor a number of folds, which is 2 or more")
    return int(text)


FOLDS = Amount("FOLDS", _folds_of)
REPORT_SHARE = 0.1  # of the time, for the fits that a report takes
LEFT_SHARE = 0.2  # of the time, which the search has however long the table takes to read
FileName: Any = click.Path(dir_okay=False, path_type=Path)
LOADING_CODE = "from tunesmith.tables import load_model; model = load_model({!r})"


# What a file of settings holds, by the options' names in Python; where files go and what is kept is not part of it.
AGAIN = (
    *("target", "timeout", "trials", "task", "scoring", "groups", "weight", "ids", "models", "cv", "no_ensemble"),
    *("level", "jobs", "seed"),
)


def _table_of(ctx: click.Context, param: click.Parameter, given: Path) -> Path:
    """Return the table; of a file of settings, its table, and let its settings stand where no option is given."""
    if given.suffix.lower() != ".toml":
        return given
    from tunesmith.tables.again import read_settings

    try:
        table, settings, same = read_settings(given, AGAIN)
    except SourceError as error:
        raise click.UsageError(str(error)) from error
    ctx.default_map = settings
    if not same:
        echo(f"warning: {printable(str(table))} has changed since {printable(str(given))} was written", err=True)
    return table


@click.command(
    epilog="Example:  tunesmith tune train.csv --target price --timeout 10m -o model.skops --report report.html",
)
@click.argument("table", type=click.Path(path_type=Path), is_eager=True, callback=_table_of)
@click.option("--target", required=True, metavar="COLUMN", help="The column to predict.")
@click.option(
    "--timeout",
    type=TIME,
    help="Time for all: 90s, 15m, 8h (60s; with --trials alone there is no limit). What fits in a time differs from "
    "run to run; --trials alone with --seed finds the same again.",
)
@click.option("--trials", metavar="N", type=POSITIVE, help="How many candidates to try in all.")
@click.option(
    "--task", type=click.Choice(["classification", "regression"]), help="By default as the target looks; it is told."
)
@click.option("--scoring", metavar="METRIC", help="The metric, by scikit-learn's names (accuracy, or r2).")
@click.option("--groups", metavar="COLUMN", help="Rows with the same value are not trained and tested on at once.")
@click.option("--weight", metavar="COLUMN", help="Weights of the rows.")
@click.option(
    "--id", "ids", multiple=True, metavar="COLUMN", help="A name of the rows, which no model sees; may be repeated."
)
@click.option(
    "--models", metavar="NAMES", help="What to choose from: linear,lightgbm,forest; by default the usual ones."
)
@click.option(
    "--cv",
    metavar="N|auto",
    type=FOLDS,
    help="How many folds (5, or as many as time allows); auto: such as keep identifiers together and time in order.",
)
@click.option("--no-ensemble", is_flag=True, help="Return one model, and never an average of several.")
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="Of the intervals.",
)
@click.option(
    "--storage",
    metavar="PLACE",
    envvar=STORAGE_VARIABLE,
    help="Keep candidates in a file or a database; the same command then goes on.",
)
@click.option("--study", metavar="NAME", help="The study (named after the table).")
@click.option("--jobs", metavar="N", type=POSITIVE, default=1, show_default=True, help="How many fits run at once.")
@click.option("--seed", metavar="N", type=click.IntRange(min=0), help="Random by default.")
@click.option(
    "-o",
    "--out",
    type=FileName,
    metavar="FILE",
    help="Write the model to FILE; by default it is named after the table, as train.skops of train.csv.",
)
@click.option("--no-model", is_flag=True, help="Write no model.")
@click.option(
    "--report", "page", type=FileName, metavar="FILE", help="Write a report: a page (.html) or Markdown (.md)."
)
@click.option("--card", type=FileName, metavar="FILE", help="Write a model card, in Markdown.")
@click.option(
    "--lang",
    type=click.Choice(LANGUAGE_CODES),
    help="Language of the report and the card; by default that of the command line.",
)
@click.option("--code", type=FileName, metavar="FILE", help="Write a Python program that makes the same model by hand.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@progress_option
@click.option("--quiet", is_flag=True, help="Print no more than the result.")
@json_option
def tune(
    table: Path,
    target: str,
    timeout: float | None,
    trials: int | None,
    task: str | None,
    scoring: str | None,
    groups: str | None,
    weight: str | None,
    ids: tuple[str, ...],
    models: str | None,
    cv: int | str | None,
    no_ensemble: bool,
    level: float,
    storage: str | None,
    study: str | None,
    jobs: int,
    seed: int | None,
    out: Path | None,
    no_model: bool,
    page: Path | None,
    card: Path | None,
    lang: str | None,
    code: Path | None,
    force: bool,
    progress: bool | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Tune a model for a table: choose it, fit it, and say what to expect of it.

    TABLE has one row for each case, and names of columns in its first line. It is a .csv, .tsv, .txt or .jsonl file
    (.gz too), or a .parquet or .feather file. The model is written to a file in the working folder, whose name is told
    before the search begins. Beside it stands a file of settings, such as train.tune.toml: given as TABLE, it makes the
    same search again; options that are given too win over it.
    """
    if no_model and out is not None:
        raise click.UsageError("--no-model and -o contradict one another; give one of them")
    for file, option in ((out, "-o"), (page, "--report"), (card, "--card"), (code, "--code")):
        _check_output(file, option, force)
    named = [os.path.realpath(file) for file in (out, page, card, code) if file is not None]
    if len(set(named)) < len(named) or os.path.realpath(table) in named:
        raise click.UsageError("-o, --report, --card, --code and the table are one file each; two have one name")
    _check_skops(out)
    is_usual = not no_model and out is None
    if is_usual:
        out = _usual_file(table, force)
    if timeout is None and trials is None:
        timeout = USUAL_TIME
    start = time.monotonic()
    shows = shows_progress(progress, quiet or as_json)
    source, frame = _read_table(table, shows)
    named_columns = {"--target": target, "--weight": weight, "--groups": groups}
    _check_columns(table, list(frame.columns), named_columns | {f"--id {name}": name for name in ids})
    names = [name for name in (target, weight, groups, *ids) if name is not None]
    X = frame.drop(columns=names) if hasattr(frame, "iloc") else frame.drop(names)
    of_groups, of_weights = _groups_column(frame, groups), _weights_column(frame, weight)
    from tunesmith.tables import TableTuner, model_code, save_model

    if not (no_model or (quiet and out)):  # before hours of work, not after them
        echo(_where_the_model_goes(out), err=as_json or quiet)
    if timeout is not None:  # it is for all, and a large table takes a while to read
        timeout = max(timeout - (time.monotonic() - start), LEFT_SHARE * timeout)
        if page is not None or card is not None:  # their fits take the rest
            timeout *= 1.0 - REPORT_SHARE
    tuner = TableTuner(
        "auto" if models is None else [name.strip() for name in models.split(",")],
        task=task,
        scoring=scoring,
        cv=cv,
        timeout=timeout,
        n_trials=trials,
        level=level,
        ensemble=not no_ensemble,
        storage=storage,
        study_name=study or printable(table.name.partition(".")[0]) or None,
        n_jobs=jobs,
        random_state=seed,
        verbose=not quiet and not as_json,
        progress=shows,
    )
    try:
        tuner.fit(X, frame[target], groups=of_groups, sample_weight=of_weights)
    except ResumeError as error:
        raise click.UsageError(f"{error}; on the command line --study and --storage") from error
    except (ValueError, MissingDependencyError) as error:
        raise click.UsageError(str(error)) from error
    except KeyboardInterrupt:
        goes_on = "" if storage is None else "; the same command goes on with the candidates that are there"
        echo(f"interrupted: no file was written{goes_on}", err=True)
        raise
    if is_usual and out is not None:  # a file of that name may have come meanwhile
        out = _usual_file(table, force) or out
    trusted = [] if out is None else save_model(tuner, out)
    again = None if out is None else _write_settings(click.get_current_context(), table, out, tuner, force)
    if page is not None or card is not None:
        from tunesmith.report import write_report
        from tunesmith.tables.report import TableResults

        results = TableResults(tuner, target, *(str(file or "") for file in (table, out, again)))
        for file, form in ((page, None), (card, "card")):
            if file is not None:  # `_check_output` asked whether it may be replaced
                write_report(results, file, format=form, lang=lang, overwrite=True)
    if code is not None:
        left_out = [name for name in (groups, *ids) if name is not None]
        remarks = tuner.report_.sentences()
        saved = None if out is None else str(out)

        text = model_code(
            tuner.best_estimator_, source, target, weight=weight, left_out=left_out, out=saved, remarks=remarks
        )
        write_text(code, text)
    written_files = (("model", out), ("report", page), ("card", card), ("code", code), ("settings", again))
    files = {name: str(file) for name, file in written_files if file is not None}
    if as_json:
        print_json(_facts_of_tuner(tuner, target, files, trusted))
        return
    if quiet:
        echo(tuner.report_.verdict())
    elif draws():
        from tunesmith.foundation.look.drawn import interval_text

        heads, rows = tuner.leaderboard_.drawn_by(partial(interval_text, columns=17), "")
        print_table(heads, rows, are_names=True, fold=[k for k in (7, 6, 5, 4, 3, 8, 2) if k < len(heads)])
    else:
        print_table(*tuner.leaderboard_.table(words_of(None)), are_names=True)
    for name, written in files.items():
        echo(f"{name}: {printable(written)}")
    if out is not None and not quiet:
        echo(f"predict: tunesmith predict {printable(str(out))} NEW_TABLE -o predictions.csv")
        echo(f"in Python: {LOADING_CODE.format(str(out))}")
        echo(f"again: tunesmith tune {printable(str(again))}")


def _write_settings(ctx: click.Context, table: Path, out: Path, tuner: TableTuner, force: bool) -> Path:
    """Write the settings of a search beside its model; return the file.

    Args:
        ctx: has the options.
        table: the table.
        out: the file of the model.
        tuner: the search.
        force: whether a file that is there is replaced.
    """
    from tunesmith.tables.again import ENDING, settings_text

    file = _free(out.with_name(f"{out.name.partition('.')[0]}{ENDING}"), force)
    settings = {name: ctx.params[name] for name in AGAIN} | {"seed": tuner.study_.seed}
    settings = {name: value for name, value in settings.items() if value not in (None, False, ())}
    tried = len(tuner.cv_results_["params"])
    remarks = [tuner.report_.verdict()]
    if (limit := settings.get("timeout")) is not None:
        settings["timeout"] = f"{limit}s"
        remarks.append(
            f"What fits in a time differs from run to run; trials = {tried} in its place finds the same again."
        )
    elif ctx.params["trials"] is None:
        settings["timeout"] = f"{USUAL_TIME}s"
    write_text(file, settings_text(settings, table, file, remarks))
    return file


def _free(file: Path, force: bool) -> Path:
    """Return a file's name; where there is one already that is not to be replaced, the first free one with a number."""
    stem, dot, ending = file.name.partition(".")
    number, found = 1, file
    while found.exists() and not force:
        number += 1
        found = file.with_name(f"{stem}-{number}{dot}{ending}")
    return found


def _usual_file(table: Path, force: bool) -> Path | None:
    """Return the file that the model goes to where none is named; None: it cannot be written.

    Args:
        table: which it is named after.
        force: whether a file that is there is replaced.
    """
    if importlib.util.find_spec("skops") is None or not os.access(Path(), os.W_OK):
        return None
    return _free(Path(f"{table.name.partition('.')[0] or 'model'}.skops"), force)


def _where_the_model_goes(out: Path | None) -> str:
    """Return what is said of the model's file before the search begins."""
    if out is not None:
        return f"The model will be written to {printable(str(out))}."
    from tunesmith.tables.saved import NEEDS

    why = (
        NEEDS
        if importlib.util.find_spec("skops") is None
        else "the working folder cannot be written; -o names a file elsewhere"
    )
    return f"No model will be written: {why}"


def _facts_of_tuner(tuner: TableTuner, target: str, files: dict[str, str], trusted: Sequence[str]) -> dict[str, Any]:
    """Return what was found, for JSON."""
    score = tuner.honest_score_
    return {
        "target": target,
        "task": tuner.target_.task,
        "metric": None if score is None else score.metric,
        "score": None if score is None else score.value,
        "interval": None if score is None else list(score.interval),
        "level": tuner.level,
        "params": tuner.best_params_,
        "leaderboard": tuner.leaderboard_.to_json(),
        "sentences": tuner.report_.sentences(),
        "seconds": tuner.seconds_,
        "files": files,
        "trusted": list(trusted),
    }


@click.command(epilog="Example:  tunesmith predict model.skops new.csv -o predictions.csv")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("table", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=FileName, metavar="FILE", help="Write predictions to FILE; by default they are printed."
)
@click.option(
    "--id", "ids", multiple=True, metavar="COLUMN", help="Write this column of the table before it; may be repeated."
)
@click.option("--proba", is_flag=True, help="Write probabilities of the classes too.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def predict(model: Path, table: Path, out: Path | None, ids: tuple[str, ...], proba: bool, force: bool) -> None:
    """Predict the rows of a table by a model that `tune` wrote, as CSV.

    TABLE has the columns of the table that the model was made from, in any order; the target is not needed.
    """
    _check_output(out, "-o", force)
    _check_skops(model)
    from tunesmith.study.progress.audience import is_screen
    from tunesmith.tables import load_model

    try:
        fitted = load_model(model)
        columns = getattr(fitted, "columns_", None)
        roles = {} if columns is None else columns.roles_
        texts = [n for n, r in roles.items() if r in ("category", "ordinal", "text")]
        texts += [name for name in ids if name not in roles]  # 007 stays 007
        _, frame = _read_table(table, is_screen(sys.stderr), texts)
        for name in ids:
            _check_column(table, list(frame.columns), "--id", name)
        found = {"prediction": fitted.predict(frame)}
        if proba:
            if not hasattr(fitted, "predict_proba"):
                raise click.UsageError("--proba is for classes, and this model predicts numbers")
            shares = fitted.predict_proba(frame)
            found |= {f"probability {label}": shares[:, i] for i, label in enumerate(fitted.classes_)}
    except FileNotFoundError as error:
        raise click.UsageError(f"{printable(str(model))} does not exist") from error
    except (ValueError, MissingDependencyError) as error:
        raise click.UsageError(str(error)) from error
    names = ([None if value != value else value for value in frame[name]] for name in ids)
    rows = zip(*names, *map(list, found.values()), strict=True)
    text = "".join(csv_chunks([*ids, *found], [rows], line_end="\n"))
    if out is None:
        pass_on(text)
    else:
        write_text(out, text)
        echo(f"{len(found['prediction']):,} predictions: {printable(str(out))}", err=True)


# -- what can be wrong, before anything is fitted ------------------------------------------------------------------


def _check_output(file: Path | None, option: str, force: bool) -> None:
    """Raise UsageError if a file is there already, or cannot be written."""
    if file is None:
        return
    if file.exists() and not force:
        raise click.UsageError(f"{printable(str(file))} is there already; give --force to replace it, or another file")
    try:
        with tempfile.TemporaryFile(dir=file.parent):
            pass
    except OSError as error:
        raise click.UsageError(f"{option}: {printable(str(file))} cannot be written: {error.strerror}") from error
    if file.exists() and not os.access(file, os.W_OK):
        raise click.UsageError(f"{option}: {printable(str(file))} cannot be written")


def _check_skops(file: Path | None) -> None:
    """Raise UsageError if a file of a model is asked for, and skops is not installed."""
    if file is not None and importlib.util.find_spec("skops") is None:
        from tunesmith.tables.saved import NEEDS

        raise click.UsageError(f"{printable(str(file))}: {NEEDS}")


def _read_table(table: Path, shows: bool, texts: Sequence[str] = ()) -> tuple[Source, Any]:
    """Return how a table is read, and the table.

    Args:
        shows: whether it is shown how far it is.
    """
    from tunesmith.tables.files import find_source

    try:
        with _reading(table, shows) as seen:
            source = find_source(table, seen)
            return source, source.read(texts)
    except (SourceError, MissingDependencyError) as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.UsageError(f"{printable(str(table))} cannot be read: {error.strerror or error}") from error


@contextmanager
def _reading(table: Path, shows: bool) -> Iterator[Callable[[int], None]]:
    """Show in a terminal that a large table is being read; what is yielded takes how many bytes of it were."""
    from tunesmith.foundation.formats import size_text
    from tunesmith.study.progress import ProgressLine

    bytes_seen = 0

    class Line(ProgressLine):
        def head(self) -> str:
            return told(say("reading {}", printable(table.name)))

        def look(self) -> None:
            self.saved = size_text(bytes_seen) if bytes_seen else ""

    def seen(size: int) -> None:
        nonlocal bytes_seen
        bytes_seen = size

    if not shows:
        yield seen
        return
    line = Line(always=False)
    try:
        yield seen
    finally:
        line.close()


def _check_columns(table: Path, there: Sequence[str], named: dict[str, str | None]) -> None:
    """Raise UsageError if a column is named that the table does not have, or one for two things."""
    wanted = {option: name for option, name in named.items() if name is not None}
    for option, name in wanted.items():
        _check_column(table, there, option, name)
    if len(set(wanted.values())) < len(wanted):
        raise click.UsageError(f"{', '.join(wanted)} are columns of their own; two of them are the same")
    if len(there) == len(wanted):
        raise click.UsageError(f"{printable(str(table))} has no column to predict from besides {listing(there)}")


def _check_column(table: Path, there: Sequence[str], option: str, name: str) -> None:
    """Raise UsageError if the table does not have a column that an option names."""
    if name in there:
        return
    hint = did_you_mean(name, there)
    if not hint and any(re.fullmatch(r"[+-]?[\d.]+(e[+-]?\d+)?", one) for one in there):
        hint = "; its first line seems to hold values: names of columns must stand there"
    raise click.UsageError(
        f"{option}: {printable(str(table))} has no column {name!r}{hint} (columns: {listing(there)})"
    )


def _groups_column(frame: Any, name: str | None) -> Any:
    """Return the column of groups; UsageError if it has gaps."""
    import numpy as np

    if name is None:
        return None
    found = np.asarray(frame[name])
    missing = sum(value is None or value != value for value in found.tolist())
    if missing:
        raise click.UsageError(f"--groups: {name!r} has no value in {missing:,} rows; each row belongs to a group")
    return found.astype(str) if found.dtype == object else found


def _weights_column(frame: Any, name: str | None) -> Any:
    """Return the column of weights; UsageError if it holds anything but numbers >= 0."""
    import numpy as np

    if name is None:
        return None
    try:
        found = np.asarray(frame[name], np.float64)
    except (TypeError, ValueError) as error:
        raise click.UsageError(f"--weight: {name!r} holds no numbers ({error})") from error
    wrong = int((~(np.isfinite(found) & (found >= 0))).sum())
    if wrong:
        raise click.UsageError(f"--weight: {name!r} has gaps or numbers below 0 in {wrong:,} rows")
    return found
