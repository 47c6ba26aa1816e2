"""The program ``tunesmith``: which commands there are, and how it ends."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from tunesmith import __version__
from tunesmith.errors import TunesmithError
from tunesmith.foundation.reader import LANGUAGE_CODES, choose, language
from tunesmith.foundation.text import did_you_mean, printable

ERROR, USAGE, INTERRUPTED = 1, 2, 130
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)  # why what is printed cannot be written

# name: ("module:object" in cli/, or "room.module:object", and what --help says of it); in the order of --help
COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Tune": {
        "run": ("run:run", "Tune a program in any language: find the parameters of a command with the best metric."),
        "tune": (
            "tables.command:tune",
            "Tune a model for a table: choose it, fit it, and say what to expect of it.",
        ),
        "predict": (
            "tables.command:predict",
            "Predict the rows of a table by a model that `tune` wrote, as CSV.",
        ),
        "init": (
            "integrations.scaffold.command:init",
            "Write a first tune.toml for a program: its options, with ranges to begin with.",
        ),
        "compat": ("compat.program:compat", "Run a Python program of another tuner, unchanged, on this library."),
        "worker": ("worker:worker", "Run trials of a study that many processes share."),
    },
    "Look": {
        "studies": ("studies:studies", "List the studies of a storage."),
        "dashboard": ("dashboard.command:dashboard", "Show studies in a browser, live."),
        "show": ("show:show", "Show a study: its best trial, counts, and what failed."),
        "best": ("best:best", "Print the best parameters, also as flags, YAML, TOML, environment or Python."),
        "trials": ("trials:trials", "List trials, filtered and sorted."),
        "export": ("interchange.command:export", "Write all trials to a CSV, JSON or Parquet file."),
        "report": ("report:report", "Write a report of a study: one page that opens from the disk, or Markdown."),
        "importance": ("importance:importance", "Tell which parameters mattered."),
        "explain": ("explain:explain", "Tell which values of each parameter the search begins with, and why."),
        "plot": ("plot:plot", "Draw a figure of a study."),
        "scaling": (
            "scaling.command:scaling",
            "Tell what to set in a large run, from a table of small ones.",
        ),
    },
    "Change": {
        "enqueue": ("enqueue:enqueue", "Add a trial with given parameters to those that wait."),
        "confirm": ("confirm:confirm", "Run the best points again with fresh seeds."),
        "import": ("interchange.command:import_", "Bring along the results of another program, as studies."),
        "copy": ("change:copy", "Copy a study, to another storage too."),
        "rename": ("change:rename", "Give a study another name."),
        "delete": ("change:delete", "Delete a study."),
        "upgrade": ("change:upgrade", "Bring a storage of an earlier version up to date."),
    },
    "Ask and tell": {
        "ask": ("compat.commands:ask", "Begin a trial, and print its number and parameters as JSON."),
        "tell": ("compat.commands:tell", "End a trial that `ask` began, with its value."),
        "create-study": ("compat.commands:create_study", "Create a study, and print its name."),
        "best-trial": ("compat.commands:best_trial", "Print the best trial."),
        "mcp": (
            "integrations.mcp.server:mcp",
            "Serve studies to an assistant by the Model Context Protocol, read-only.",
        ),
    },
    "Help": {
        "doctor": ("doctor:doctor", "Check the installation, a storage, and the speed of its disk."),
    },
}
_HOME = {name: entry for section in COMMANDS.values() for name, entry in section.items()}


class LazyGroup(click.Group):
    """A group that imports a command when it is called, and not for ``--help``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(_HOME)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None: there is none of that name."""
        if cmd_name not in _HOME:
            return None
        import importlib

        module, _, name = _HOME[cmd_name][0].partition(":")
        path = f"tunesmith.{module}" if "." in module else f"tunesmith.cli.{module}"
        command: click.Command = getattr(importlib.import_module(path), name)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command that the first word names."""
        if args and not args[0].startswith("-") and args[0] not in _HOME:
            from tunesmith.foundation.registry import where_command_is

            if (instead := where_command_is(args[0])) is not None:
                raise click.UsageError(f"there is no command {args[0]!r} here: use {instead}", ctx)
            hint = did_you_mean(args[0], _HOME) or f": there are {', '.join(_HOME)}"
            raise click.UsageError(f"there is no command {args[0]!r}{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections of ``--help``."""
        for section, entries in COMMANDS.items():
            with formatter.section(section):
                formatter.write_dl([(name, summary) for name, (_, summary) in entries.items()], col_max=12)


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="tunesmith COMMAND --help says what a command takes. STORAGE is a file (tune.db) or a database's URL; where "
    "it is left out, the value of TUNESMITH_STORAGE, or else tune.db.",
)
@click.version_option(__version__, prog_name="tunesmith", message="%(prog)s %(version)s")
@click.option(
    "--lang",
    type=click.Choice(LANGUAGE_CODES),
    help="Language of help, messages, reports and figures: en or zh; by default that of the environment.",
)
def cli(lang: str | None) -> None:  # `choose` has read it
    """Find good hyperparameters with few training runs, and an honest figure for how good they are."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program.

    Args:
        arguments: the command line without the program's name; None: that of this process.

    Returns:
        the exit status: 0 all went well, 1 an error, 2 the command cannot be run as it was given, 3 no trial is left to
        ``ask`` for, 130 Ctrl-C.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    choose(given)
    if language() != "en":
        from tunesmith.cli.speech import ChineseHelp

        click.Context.formatter_class = ChineseHelp
    try:
        status = cli.main(given, "tunesmith", standalone_mode=False)
        sys.stdout.flush()  # so that what is wrong with it is said here
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        text = shown.getvalue().rstrip("\n")
        if language() != "en":
            from tunesmith.cli.speech import error as said

            text = said(text)
        _say_error(text)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except TunesmithError as error:
        notes = getattr(error, "__notes__", ())
        _say_error("\n".join([f"error: {error}", *notes]))
        return ERROR
    except BrokenPipeError:  # what read the output has ended, `head` for instance
        _print_no_more()
        return 0
    except OSError as error:  # of a file that was named, as a rule: it cannot be written
        if error.filename is None and error.errno not in DISK_FULL:
            raise
        if error.filename is None:
            _print_no_more()
        where = "the output" if error.filename is None else printable(str(error.filename))
        _say_error(f"error: {where}: {error.strerror}")
        return ERROR
    finally:
        click.Context.formatter_class = click.HelpFormatter
    return status if isinstance(status, int) else 0


def _print_no_more() -> None:
    """Let what is still to be printed go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say_error(text: str) -> None:
    from tunesmith.cli.output import echo  # not for --help

    echo(text, err=True)


def _open_streams() -> None:
    """Open the standard streams that this process was started without: else the next file would get their numbers."""
    while (file := os.open(os.devnull, os.O_RDWR)) <= 2:
        continue
    os.close(file)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # open until the end


def run() -> None:
    """The entry point of the installed program."""
    _open_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a code page that lacks a sign is no reason to end
            stream.reconfigure(errors="backslashreplace")
    sys.exit(main())
