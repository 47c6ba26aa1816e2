"""The program that ``tunesmith run`` is told to tune: made from its settings, and looked at before it runs."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from typing import Any

import click

from tunesmith.cli.settings import Settings, study_name
from tunesmith.program import Program
from tunesmith.program.template import places
from tunesmith.space import Space
from tunesmith.text import did_you_mean

FIELDS = (
    "take",
    "shell",
    "pty",
    "resumable",
    "params_file",
    "tensorboard",
    "memory_limit",
    "grace",
)  # of a program, as settings


def space_of(settings: Settings) -> Space:
    """Return what is searched; UsageError if there is no parameter."""
    if not settings.params:
        raise click.UsageError(
            "there is no parameter: give -p 'lr=log(1e-5, 1e-1)' once for each, or a file with [params]; "
            "`tunesmith init -- COMMAND` suggests one"
        )
    return settings.space()


def program_of(settings: Settings, storage: str) -> Program:
    """Return the program.

    Args:
        settings: what was given.
        storage: where the study is.

    Returns:
        the program, with the name of its study.

    Raises:
        UsageError: the command, the metric or a parameter is missing, or something is not valid.
    """
    if not settings.command:
        raise click.UsageError(
            "there is no command: give it after --, as in `tunesmith run -p 'lr=log(1e-5, 1e-1)' --minimize val_loss "
            "-- python train.py --lr {lr}`, or a file that has it"
        )
    if not settings.metrics:
        raise click.UsageError("there is no metric: give --minimize NAME or --maximize NAME, as the program prints it")
    name = settings.study or study_name(settings.command, bool(settings.shell))
    try:
        return Program(
            command=settings.command,
            metrics=settings.metrics,
            names=list(space_of(settings).names),
            directory=directory_of(settings, storage, name),
            study=name,
            storage=from_anywhere(storage),
            **given_fields(settings),
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def given_fields(settings: Settings) -> dict[str, Any]:
    """Return the fields of a program that were given."""
    return {name: value for name in FIELDS if (value := getattr(settings, name)) is not None}


def directory_of(settings: Settings, storage: str, name: str) -> str:
    """Return where the folders of the trials are.

    Args:
        settings: what was given.
        storage: where the study is; they are beside its file.
        name: the study's name.

    Returns:
        the folder, from anywhere.
    """
    if settings.directory is not None:
        return os.path.abspath(settings.directory)
    place = "tunesmith" if "://" in storage else storage
    return os.path.join(os.path.abspath(f"{place}.trials"), re.sub(r"[^\w.+-]", "_", name).lstrip(".") or "study")


def from_anywhere(storage: str) -> str:
    """Return a storage as programs that run in other folders name it."""
    return storage if "://" in storage else os.path.abspath(storage)


def warn_of_names(program: Program, space: Space) -> None:
    """Warn of parameters that the command does not use, where it uses others.

    Args:
        program: the program.
        space: what is searched.
    """
    used = [name for word in program.command for name in places(word)]
    if {"args", "overrides", "params_file"} & set(used):
        return
    unknown = [name for name in used if name not in space.names and re.fullmatch(r"[A-Za-z_][\w.]*", name)]
    unused = [name for name in space.names if name not in used]
    if len(unused) == len(space.names) and not unknown:
        return  # the program reads them from the environment, or from the file
    for name in unused:
        close = [u for u in unknown if did_you_mean(u, [name])]
        hint = f"; {{{close[0]}}} stays as it is, did you mean {{{name}}}?" if close else ""
        click.echo(f"warning: the command does not use the parameter {name!r}{hint}", err=True)


def check_program(program: Program) -> None:
    """Raise UsageError if there is no such program."""
    word = program.command[0]
    if program.shell or "{" in word or shutil.which(word) is not None:
        return
    if os.path.isdir(word):
        raise click.UsageError(f"{word!r} is a folder, and no program")
    if os.path.isfile(word):
        with open(word, "rb") as file:
            first = file.readline(200)
        how = f"make it executable (chmod +x {shlex.quote(word)})"
        if not first.startswith(b"#!"):
            how += ", or name what runs it, as in `python train.py`"
        beside = "" if os.sep in word else f"; write ./{word} for a file of this folder, and"
        raise click.UsageError(f"{word!r} is a file that cannot be run{beside}: {how}")
    hint = "; give --shell for a line that a shell is to read" if re.search(r"[\s|;&<>]", word) else ""
    raise click.UsageError(f"there is no program {word!r}, neither here nor in PATH{hint}")
