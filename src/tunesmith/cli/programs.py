"""The program that ``tunesmith run`` is told to tune: made from its settings, and looked at before it runs."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
from collections.abc import Collection
from typing import Any

import click

from tunesmith.cli.output import echo
from tunesmith.cli.settings import Settings, study_name
from tunesmith.program import Program
from tunesmith.program.template import PREFIX, places, variable
from tunesmith.space import Space
from tunesmith.text import close_matches

_IDENTIFIER = re.compile(r"[A-Za-z_][\w.-]*")  # a name in braces that may be meant as a placeholder
PARAMS_FILE = "TUNESMITH_PARAMS_FILE"
LOOKED_AT = 1_000_000  # characters of a file of the command that are looked through
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
    place = _file_of(storage) or "tunesmith"
    return os.path.join(os.path.abspath(f"{place}.trials"), re.sub(r"[^\w.+-]", "_", name).lstrip(".") or "study")


def from_anywhere(storage: str) -> str:
    """Return a storage as programs that run in other folders name it."""
    file = _file_of(storage)
    if file is None:
        return storage
    scheme, sign, rest = storage.partition("://")
    if not sign:
        return os.path.abspath(file)
    return f"{scheme}:///{os.path.abspath(file)}{rest.removeprefix('/').removeprefix(file)}"


def _file_of(storage: str) -> str | None:
    """Return the file of a storage; None: it is no file."""
    if "://" not in storage:
        return storage
    scheme, _, path = storage.partition("://")
    path = path.partition("?")[0].removeprefix("/")
    is_file = scheme.partition("+")[0] == "sqlite" and path not in ("", ":memory:") and not path.startswith("file:")
    return path if is_file else None


def check_names(program: Program, space: Space) -> None:
    """Check that every parameter reaches the program, and that the names in braces are meant.

    Args:
        program: the program.
        space: what is searched.

    Raises:
        UsageError: a name in braces is near to one that is known, and not known itself; or the command has some of the
            parameters, and not others.
    """
    known = {*space.names, *program.placeholders}
    texts = [*program.command, *([] if program.tensorboard is None else [program.tensorboard])]
    used = [name for text in texts for name in places(text)]
    meant = [name for text in texts for name in places(re.sub(r"\$\{[^{}]*\}", "", text))]  # ${HOME} is the shell's
    unknown = [name for name in dict.fromkeys(meant) if name not in known and _IDENTIFIER.fullmatch(name)]
    told = []
    for name in unknown:
        if close := _near(name, known):
            told.append(f"the command has {{{name}}}, and there is no parameter {name!r}; did you mean {{{close}}}?")
    unused = [
        name
        for name, parameter in space.params.items()
        if name not in used and getattr(parameter, "n_values", None) != 1
    ]
    if told or {"args", "overrides", "params_file"} & set(used) or _reads_by_itself(program):
        unused = []
    elif len(unused) == len(space.names) and not unknown:
        echo(
            "warning: no parameter stands in the command, so that each trial runs the same unless the program reads "
            f"{variable(unused[0])} from its environment; to give it all of them as options, write {{args}}",
            err=True,
        )
        unused = []
    for name in unused:
        other = f"; {{{unknown[0]}}} stays as it is, did you mean {{{name}}}?" if len(unknown) == 1 else ""
        told.append(f"the command does not use the parameter {name!r}{other or f': write {{{name}}} where it goes'}")
    if told:
        unless = f", if the program reads {variable(unused[0])} from its environment" if unused else ""
        raise click.UsageError("\n".join([*told, f"--as-written runs it as it is{unless}"]))


def _near(name: str, known: Collection[str]) -> str | None:
    """Return the known name for which a name may be a slip of the pen; for short names, of its letters' order only."""
    cutoff = 0.75 if len(name) > 2 else 0.99
    return next(iter(close_matches(name, known, cutoff)), None)


def _reads_by_itself(program: Program) -> bool:
    """Tell whether a command, or a file that it names, speaks of parameters in the environment or in a file."""
    words = " ".join(program.command).split() if program.shell else program.command
    texts = list(words)
    for word in words:
        if os.path.isfile(word):
            with contextlib.suppress(OSError), open(word, encoding="utf-8", errors="replace") as file:
                texts.append(file.read(LOOKED_AT))
    return any(PREFIX in text or PARAMS_FILE in text for text in texts)


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
