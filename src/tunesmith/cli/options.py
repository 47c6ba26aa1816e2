"""Arguments and options that several commands share, and the study that they name."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from tunesmith.foundation.text import did_you_mean, listing, printable

if TYPE_CHECKING:
    from tunesmith.space import Space
    from tunesmith.storage.base import Storage, StudyRecord
    from tunesmith.study import Study
    from tunesmith.study.snapshot import Snapshot

STORAGE_VARIABLE = "TUNESMITH_STORAGE"  # the environment variable in which passwords are out of sight of `ps`
STANDARD_STORAGE = "tune.db"  # where `run` writes to if it is told nothing else

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def storage_of(ctx: click.Context, param: click.Parameter | None, given: str | None) -> str:
    """Return the storage that was given, or else the one that ``run`` takes, if it is there.

    Raises:
        UsageError: none was given, and there is none here.
    """
    if given is not None:
        return given
    if not Path(STANDARD_STORAGE).is_file():
        raise click.UsageError(
            f"Missing argument 'STORAGE': there is no {STANDARD_STORAGE} here; give the file of a study, or a URL, or "
            f"set {STORAGE_VARIABLE}",
            ctx,
        )
    return STANDARD_STORAGE


storage_argument: Decorator = click.argument("storage", envvar=STORAGE_VARIABLE, required=False, callback=storage_of)
study_option: Decorator = click.option(
    "--study", "name", metavar="NAME", help="The study; it need not be named where there is only one."
)
study_name_option: Decorator = click.option(
    "--study-name", metavar="NAME", help="The study; it need not be named where there is only one."
)
target_option: Decorator = click.option(
    "--target", metavar="WHAT", help="What it is about: the number of an objective, from 0, or user_attrs_NAME."
)
json_option: Decorator = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def storage_and(last: str | None, first: str | None, name: str) -> tuple[str, str]:
    """Return the storage and what follows it on the command line, where the storage may be left out.

    Args:
        last: the second word; None: there is only one.
        first: the first word.
        name: of what follows, for the error.

    Raises:
        UsageError: it is missing, or there is no storage.
    """
    if last is not None and first is not None:
        return first, last
    context = click.get_current_context()
    if first is None or context.get_parameter_source("storage") is ParameterSource.ENVIRONMENT:
        raise click.UsageError(f"Missing argument '{name}'.", context)
    return storage_of(context, None, os.environ.get(STORAGE_VARIABLE)), first


def target_of(study: Study | Snapshot, given: str | None) -> int | str | None:
    """Return what ``--target`` names.

    Args:
        study: the study, or the first of several.
        given: the text; None: the only objective.

    Raises:
        UsageError: the study has several objectives, and none is named.
    """
    n = len(study.directions)
    if given is None and n > 1:
        raise click.UsageError(
            f"the study {study.study_name!r} has {n} objectives, and this is about one: give --target 0 to "
            f"--target {n - 1}"
        )
    if given is not None and given.isdecimal():
        if int(given) >= n:
            raise click.UsageError(f"--target {given}: the objectives of {study.study_name!r} are 0 to {n - 1}")
        return int(given)
    if given is not None and not given.startswith("user_attrs_"):
        raise click.UsageError(f"--target: expected the number of an objective, or user_attrs_NAME; got {given!r}")
    return given


def existing(spec: str) -> Storage:
    """Open a storage that is there.

    Args:
        spec: a file or a URL.

    Raises:
        UsageError: there is no such file.
    """
    from tunesmith.storage import open_storage
    from tunesmith.storage.redact import shown_spec

    if "://" not in spec and not Path(spec).is_file():
        if not os.path.abspath(spec).isprintable():
            open_storage(spec)  # which says what is wrong with such a name
        what = "is a folder" if Path(spec).is_dir() else "does not exist"
        raise click.UsageError(f"{os.fspath(spec)} {what}; give the file of a study, such as tune.db, or a URL")
    try:
        return open_storage(spec if "://" in spec else Path(spec))  # a file that is there may have any name
    except ValueError as error:
        raise click.UsageError(f"{shown_spec(spec)}: {error}") from error


def study_record(storage: Storage, spec: str, name: str | None) -> StudyRecord:
    """Return the study that is named, or the only one.

    Args:
        storage: where it is.
        spec: the storage as it was given.
        name: of the study; None: it is the only one.

    Raises:
        UsageError: there is none of that name, or several and none is named.
    """
    from tunesmith.storage.redact import shown_spec

    there = {record.name: record for record in storage.list_studies()}
    place = shown_spec(spec)
    if not there:
        raise click.UsageError(f"{place} holds no study yet")
    if name is None:
        if len(there) > 1:
            raise click.UsageError(f"{place} holds {len(there)} studies; give --study, one of {listing(there)}")
        return next(iter(there.values()))
    if name not in there:
        raise click.UsageError(f"{place} has no study {name!r}{did_you_mean(name, there)}; there are {listing(there)}")
    return there[name]


def look_at(spec: str, name: str | None) -> Snapshot:
    """Return a snapshot of the study that is named, or of the only one of a storage."""
    from tunesmith.errors import StudyNotFoundError
    from tunesmith.study.snapshot import read_snapshot

    storage = existing(spec)
    try:
        return read_snapshot(storage, name)
    except StudyNotFoundError:
        return read_snapshot(storage, study_record(storage, spec, name).name)  # which says what is there


def open_study(spec: str, name: str | None) -> Study:
    """Load the study that is named, or the only one of a storage."""
    from tunesmith.study import load_study

    storage = existing(spec)
    return load_study(study_name=study_record(storage, spec, name).name, storage=storage)


def declare(study: Study, space: Space, storage: str, change: bool) -> None:
    """Let a study search a space; UsageError if it has trials of another one, unless `change` says so."""
    there = study.space
    if there is not None and there != space and not change and any(study.counts.values()):
        raise click.UsageError(_other_parameters(study, there, space, storage))
    study.declare(space)


def _other_parameters(study: Study, there: Space, space: Space, storage: str) -> str:
    from tunesmith.storage.redact import shown_spec

    differ = [n for n in dict.fromkeys([*there.names, *space.names]) if there.params.get(n) != space.params.get(n)]
    pairs = [(n, there.params.get(n) or "none", space.params.get(n) or "none") for n in differ]
    lines = [printable(f"  {n}: {before} there, {now} here") for n, before, now in pairs]
    return "\n".join(
        [
            f"the study {study.study_name!r} in {shown_spec(storage)} has other parameters:",
            *lines,
            "give --study NAME for a new study, or --change to go on with these",
        ]
    )


def metrics_of(study: Study | Snapshot) -> Sequence[str]:
    """Return the names of the metrics of the program that a study tunes; none: it has no program."""
    from tunesmith.program.stored import PROGRAM_KEY

    found: Sequence[str] = (study.system_attrs.get(PROGRAM_KEY) or {}).get("metrics", ())
    return found


def json_object(option: str, text: str | None) -> dict[str, Any]:
    """Return the JSON object that an option was given, an empty one if it was not given; else raise UsageError."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"{option}: no JSON: {error}") from error
    if not isinstance(value, dict):
        raise click.UsageError(f'{option}: a JSON object is expected, such as {{"name": ...}}')
    return value


def name_and_value(option: str, text: str) -> tuple[str, str]:
    """Return both sides of ``NAME=VALUE``; UsageError if it is something else."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.UsageError(f"{option}: expected NAME=VALUE; got {text!r}")
    return name, value


def with_options(command: click.Command, callback: Callable[..., Any], *options: click.Option) -> click.Command:
    """Return a command with more options, for a satellite that knows more of what it does.

    Args:
        command: it stays as it is.
        callback: what is called in place of its own, with these options too.
        options: they come after its own.
    """
    made = copy(command)
    made.callback, made.params = callback, [*map(copy, command.params), *options]
    return made
