"""``tunesmith init``: writes a first tune.toml for a program."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import click

from tunesmith.cli.output import echo
from tunesmith.cli.settings import study_name
from tunesmith.executors.launch import how_it_ended
from tunesmith.foundation.formats import size_text
from tunesmith.foundation.system import Command, command_line, start, was_no_program
from tunesmith.foundation.system.replacing import write_text
from tunesmith.foundation.text import is_unicode, listing, printable
from tunesmith.integrations.scaffold.options import (
    RUN_DIR,
    Option,
    arguments_in_help,
    groups_in_help,
    is_help,
    merged,
    options_in_config,
    options_in_help,
    options_in_source,
    suggestion,
)

HELP_SECONDS = 5.0  # seconds that a program may take to say what its options are
OUTPUT_LOOK_SECONDS = 0.1  # seconds between two looks at how much it has printed
ENDLESS_BYTES = 16_000_000  # which no help has
HELP_BYTES = 1_000_000  # of that, which are looked at
FILES_LOOKED_AT = 20_000  # that are looked at to see which ones the program wrote
SOURCE_ENDINGS = (".py", ".r", ".jl", ".sh", ".pl", ".rb", ".js", ".jar", ".lua")  # what another program runs
LINES_SHOWN, LINE_WIDTH = 3, 200  # of what it printed that are shown, and characters of each
_METRICS = re.compile(
    r"\b((?:val|valid|test|eval|dev)[ _/]?\w*(?:loss|acc\w*|f1|auc|error|score|rmse|mae)|loss|accuracy)\b"
)


@click.command(
    context_settings={"allow_interspersed_args": False},
    epilog="Example:  tunesmith init -- python train.py",
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, required=True)
@click.option("-o", "--output", metavar="FILE", default="tune.toml", show_default=True, help="What to write.")
@click.option("--minimize", metavar="METRIC", help="The metric, to be as low as possible.")
@click.option("--maximize", metavar="METRIC", help="The metric, to be as high as possible.")
@click.option(
    "--wait",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    default=HELP_SECONDS,
    show_default=True,
    help="How long the program may take to print its help.",
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def init(
    command: tuple[str, ...], output: str, minimize: str | None, maximize: str | None, wait: float, force: bool
) -> None:
    """Write a first tune.toml for a program: its options, with ranges to begin with.

    COMMAND is the program, after --. It is run once with --help (a Hydra program with --cfg job too); one that does not
    end by itself is ended, and nothing of what it printed is used.
    """
    path = Path(output)
    if path.exists() and not force:
        raise click.UsageError(f"{output} is there already; give --force to replace it, or -o for another file")
    for word in (*command, minimize or "", maximize or ""):
        if not is_unicode(word):
            raise click.UsageError(f"{word!r} is no text in UTF-8, as the words of a settings file must be")
    options, hydra, arguments = find_options(command, wait)
    given = {word.lstrip("-").partition("=")[0] for word in command if word.startswith("-")}
    options = [option for option in options if option.name not in given]  # the command says what these are
    if not options:
        echo("warning: it is not known what options the program has; the parameters are left for you", err=True)
    write_text(path, as_toml(command, options, hydra, arguments, minimize, maximize))
    active = [o.name for o in options if suggestion(o)[1]]
    if missing := [o.dash + o.name for o in options if o.required and not suggestion(o)[1]]:
        echo(f"warning: the program needs {listing(missing)} too: add it to the command in {output}", err=True)
    if arguments:
        how = f"`tunesmith init -- {command_line([*command, *(_stand_in(name) for name in arguments)])}`"
        echo(
            f"warning: the program needs {listing(arguments)} behind its name: put the value there, in {output} or as "
            f"in {how}",
            err=True,
        )
    rest = len(options) - len(active)
    more = f"; {rest} more option{'' if rest == 1 else 's'} in comments" if rest else ""
    echo(f"wrote {output}, with the parameters {', '.join(active) or '(none yet)'}{more}")
    echo("next: look at the ranges" + ("" if minimize or maximize else " and fill in the metric") + ", then:")
    echo("  tunesmith run" + ("" if output == "tune.toml" else f" -f {output}"))


def find_options(command: Sequence[str], wait: float = HELP_SECONDS) -> tuple[list[Option], bool, list[str]]:
    """Return the options of a program, whether it takes them as Hydra does, and the positional arguments that it lacks.

    Args:
        command: its words, perhaps with placeholders, which are left out.
        wait: seconds that it may take to say so.
    """
    from tunesmith.program.template import names_in_braces

    words = [word for word in command if not names_in_braces(word)]
    sources = [Path(word) for word in words if word.endswith(".py") and os.path.isfile(word)]
    told = help_of_program([*words, "--help"], wait)
    if not told and _stands_alone(words):  # behind its arguments, it may not look for options
        alone = [words[0], "--help"]
        if told := help_of_program(alone, wait):
            echo(f"the options are those that `{command_line(alone)}` printed", err=True)
    uses_hydra = "powered by hydra" in told.lower()
    for source in sources:
        uses_hydra = uses_hydra or bool(
            re.search(r"^\s*@hydra\.main|^from hydra import main", _text_of_file(source), re.MULTILINE)
        )
    if uses_hydra:
        config = options_in_config(help_of_program([*words, "--cfg", "job"], wait))
        for source in sources if not config else ():
            for folder in ("conf", "config", "configs", "."):
                config = config or options_in_config(_text_of_file(source.parent / folder / "config.yaml"))
        return [*config, *(group for group in groups_in_help(told) if len(group.choices or ()) > 1)], True, []
    declared = [o for source in sources for o in options_in_source(source)]
    return merged(options_in_help(told), declared), False, arguments_in_help(told, command)


def _stands_alone(words: Sequence[str]) -> bool:
    """Tell whether a command is a program with files to read, and none of these is the program that is meant."""
    files = [word for word in words[1:] if os.path.isfile(word)]
    programs = (word for word in words[1:] if Path(word).suffix.lower() in SOURCE_ENDINGS or shutil.which(word))
    return bool(files) and next(programs, None) is None and not any(os.access(word, os.X_OK) for word in files)


def help_of_program(words: Sequence[str], wait: float = HELP_SECONDS) -> str:
    """Return the help that a program prints; nothing if that is not help, and then the user is told what happened.

    Args:
        words: its command line.
        wait: seconds that it may take. Then it is ended, with all that it started.

    Returns:
        its output, of both streams.

    Raises:
        UsageError: there is no such program.
    """
    called = command_line(words)
    before = _file_times()
    with tempfile.TemporaryFile() as file:
        code = _run_and_wait(words, file, wait)
        endless = code is None and _is_too_much(file)
        file.seek(0)
        text = file.read(HELP_BYTES).decode(errors="replace")
    if code is not None and was_no_program(code, text):
        raise click.UsageError(f"the program {words[0]!r} cannot be started: {text.strip()}")
    if wrote := sorted(name for name, when in _file_times().items() if before.get(name) != when):
        echo(f"warning: while `{called}` ran, these files were written: {listing(wrote, LINES_SHOWN)}", err=True)
    if endless:
        echo(
            f"warning: `{called}` printed more than {size_text(ENDLESS_BYTES)}. It was ended, with all that it "
            "started, and nothing of what it printed is used",
            err=True,
        )
        return ""
    if code is None:
        echo(
            f"warning: `{called}` took longer than {wait:g} s. It was ended, with all that it started, and nothing of "
            f"what it printed is used. If it only needs long to load, give --wait {6 * wait:g}",
            err=True,
        )
        return ""
    lists = bool(options_in_help(text)) or "powered by hydra" in text.lower() or words[-2:] == ["--cfg", "job"]
    if lists and (code == 0 or (code > 0 and is_help(text))):
        return text
    lines = [line.rstrip() for line in printable(text, lines=True).splitlines() if line.strip()][-LINES_SHOWN:]
    printed = (
        ", and printed at last:" + "".join(f"\n    {line[:LINE_WIDTH]}" for line in lines) if lines else ", silently"
    )
    echo(f"warning: `{called}` printed no help that is understood; it {_end_in_words(code)}{printed}", err=True)
    return ""


def _run_and_wait(words: Sequence[str], file: IO[bytes], wait: float) -> int | None:
    """Run a program; return its exit code, or None if it was ended."""
    env = {**os.environ, "COLUMNS": "160", "NO_COLOR": "1", "TERM": "dumb", "PYTHONUNBUFFERED": "1"}
    try:
        group = start(Command(words, env, (file.fileno(), file.fileno()), "nothing"))
    except OSError as error:
        raise click.UsageError(f"the program {words[0]!r} cannot be started: {error}") from error
    end = time.monotonic() + wait
    try:
        while True:
            try:
                return group.wait(min(OUTPUT_LOOK_SECONDS, max(0.0, end - time.monotonic())))
            except subprocess.TimeoutExpired:
                if time.monotonic() >= end or _is_too_much(file):
                    return None
    finally:
        group.kill()  # what it started may live on
        group.wait()
        group.release()


def _is_too_much(file: IO[bytes]) -> bool:
    """Tell whether a program has printed what no help is long enough for: it must not fill the disk meanwhile."""
    return os.fstat(file.fileno()).st_size > ENDLESS_BYTES


def _end_in_words(code: int) -> str:
    return "ended as if it had done its work" if code == 0 else f"ended with {how_it_ended(code)}"


def _file_times() -> dict[str, float]:
    """Return when each file of this folder, and of the folders in it, was written; hidden ones do not count."""
    found: dict[str, float] = {}
    for folder, folders, names in os.walk("."):
        folders[:] = [
            name for name in folders if not name.startswith((".", "__pycache__")) and folder.count(os.sep) < 2
        ]
        for name in names:
            with contextlib.suppress(OSError):
                path = os.path.join(folder, name)
                found[os.path.relpath(path)] = os.stat(path).st_mtime
        if len(found) > FILES_LOOKED_AT:
            break
    return found


def as_toml(
    command: Sequence[str],
    options: Sequence[Option],
    hydra: bool,
    arguments: Sequence[str],
    minimize: str | None,
    maximize: str | None,
) -> str:
    """Return the file.

    Args:
        command: the program.
        options: what it can be given.
        hydra: whether it takes these as Hydra does.
        arguments: what it needs behind its name besides, and the command does not have.
        minimize: the metric, if it is known.
        maximize: the same.

    Returns:
        its text.
    """
    from tunesmith.program.template import names_in_braces

    words = list(command)
    one_dash = any(o.dash == "-" and suggestion(o)[1] for o in options)
    if not any(names_in_braces(word) for word in words):
        if one_dash:
            words += [part for o in options if suggestion(o)[1] for part in (o.dash + o.name, f"{{{o.name}}}")]
        else:
            words += ["{overrides}", RUN_DIR] if hydra else ["{args}"]
    how = "{args} is each parameter as --name value; {lr} would be the value of lr alone"
    if hydra:
        how = "{overrides} is each parameter as name=value"
    elif one_dash:
        how = "{lr} is the value of lr; {args} would be each parameter as --name value"
    lines = [
        f"# What `tunesmith run` reads. {how[0].upper()}{how[1:]}.",
        f"command = [{', '.join(map(_toml_text, words))}]",
        *_lines_of_arguments(command, words, arguments),
        "",
        "# The metric, as the program prints it: a line such as `val_loss: 0.31`, or JSON.",
    ]
    if minimize or maximize:
        lines += [f"minimize = {_toml_text(minimize)}"] if minimize else []
        lines += [f"maximize = {_toml_text(maximize)}"] if maximize else []
    else:
        lines += [f"# minimize = {_toml_text(_guess(words))}"]
    lines += [
        "",
        "trials = 50           # in all; the same command again goes on",
        "jobs = 1              # how many run at once",
        '# timeout = "8h"      # begin none after this time',
        'storage = "tune.db"',
        f"study = {_toml_text(study_name(command, shell=False))}",
        "",
        "# log(1e-5, 1e-1), float(0, 1), int(1, 5), sgd | adam, small < large; one value is fixed(3).",
        "[params]",
    ]
    for option in options:
        described, safe = suggestion(option)
        if described is not None:
            default = "" if option.default is None else f"  # default: {_one_line(str(option.default))}"
            if option.is_group:
                default = "  # a group: settings that only one of them has need a condition, as in `... if NAME == one`"
            lines.append(f"{'' if safe else '# '}{_toml_name(option.name)} = {_toml_text(described)}{default}")
    if not any(suggestion(option)[0] for option in options):
        lines.append('# lr = "log(1e-5, 1e-1)"')
    rest = [o for o in options if suggestion(o)[0] is None]
    if needed := [o.dash + o.name for o in options if o.required and not suggestion(o)[1]]:
        lines += ["", f"# The program needs these, so the command must have them: {_one_line(', '.join(needed))}"]
    if rest:
        lines += ["", f"# Not suggested: {_one_line(', '.join(o.name for o in rest))}"]
    return "\n".join(lines) + "\n"


def _lines_of_arguments(command: Sequence[str], words: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """Return the lines that say how to give the positional arguments that the command lacks."""
    if not arguments:
        return []
    whole = [*command, *(_stand_in(name) for name in arguments), *words[len(command) :]]
    return [
        f"# The program needs {_one_line(', '.join(arguments))} behind its name. Put the value there:",
        f"# command = [{', '.join(_toml_text(_one_line(word)) for word in whole)}]",
    ]


def _stand_in(argument: str) -> str:
    """Return what to write where the value of an argument is to stand: its name, or the first of its choices."""
    return re.sub(r"[^\w]+", "_", argument).upper() if argument[0] != "{" else argument[1:-1].partition(",")[0]


def _guess(words: Sequence[str]) -> str:
    """Return a name that the program may have for its metric."""
    for word in words:
        if word.endswith(".py") and os.path.isfile(word) and (found := _METRICS.findall(_text_of_file(Path(word)))):
            return str(max(found, key=len))  # val_loss rather than loss
    return "val_loss"


def _toml_name(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml_text(name)


def _toml_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:100]


def _text_of_file(path: Path) -> str:
    if not path.is_file():  # a pipe would be waited for
        return ""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
