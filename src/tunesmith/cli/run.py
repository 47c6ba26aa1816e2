"""``tunesmith run``: tunes a program in any language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from tunesmith.cli.progress import progress_option
from tunesmith.cli.settings import Settings, parameter, read_settings
from tunesmith.foundation import registry
from tunesmith.foundation.formats import bytes_of, seconds_of

STANDARD_FILE = "tune.toml"


class Amount(click.ParamType):  # type: ignore[type-arg]  # earlier versions of click have no brackets there
    """A text that says how much.

    Args:
        name: what the help calls it.
        read: returns what it says, such as a number; raises ValueError where it says nothing.
    """

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name, self._read = name, read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return what it says."""
        try:
            return self._read(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _which_report(text: str) -> str:
    """Return which report is the result of a trial; ValueError if the text says none."""
    from tunesmith.trial.result import checked_value  # its room needs NumPy, which the help does not

    return checked_value(text)


TIME = Amount("TIME", seconds_of)  # 90, 90s, 15m, 8h or 2d
SIZE = Amount("SIZE", bytes_of)  # 500MB, 4GB or 1.5GiB
POSITIVE = click.IntRange(min=1)
TYPE_OF: dict[str, click.ParamType[Any]] = {
    "trials": click.IntRange(min=0),
    "timeout": TIME,
    "jobs": POSITIVE,
    "seed": click.IntRange(min=0),
    "sampler": click.Choice(sorted(registry.names("samplers"))),
    "pruner": click.Choice(sorted(registry.names("pruners"))),
    "take": click.Choice(("last", "min", "max")),
    "value": Amount("WHICH", _which_report),
    "timeout_per_trial": TIME,
    "memory_limit": SIZE,
    "max_failures": POSITIVE,
    "grace": TIME,
    "gpus": click.FloatRange(min=0),
    "cpus": click.FloatRange(min=0, min_open=True),
}


@click.command(
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
    epilog='Example:  tunesmith run -p "lr=log(1e-5, 1e-1)" -p "opt=sgd | adam" --minimize val_loss --trials 50 -- '
    "python train.py --lr {lr} --opt {opt}",
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("-f", "--file", "file", metavar="FILE", help="Read the settings from FILE; options win over it.")
@click.option(
    "-p",
    "--param",
    "params",
    metavar="NAME=WHAT",
    multiple=True,
    help="A parameter: log(1e-5, 1e-1), int(1, 5), sgd | adam, fixed(3).",
)
@click.option(
    "--minimize", metavar="METRIC", multiple=True, help="What the program prints or writes, to be as low as possible."
)
@click.option("--maximize", metavar="METRIC", multiple=True, help="The same, as high as possible.")
@click.option("--take", type=TYPE_OF["take"], help="Which of a metric's values counts (last).")
@click.option(
    "--value",
    type=TYPE_OF["value"],
    help="Which counts of stopped trials, too: last, best, 'mean of the last 5'; of a new study.",
)
@click.option("--trials", metavar="N", type=TYPE_OF["trials"], help="How many trials the study has in all.")
@click.option("--timeout", type=TYPE_OF["timeout"], help="Begin no trial after this time: 90s, 15m, 8h, 2d.")
@click.option("--jobs", metavar="N", type=TYPE_OF["jobs"], help="How many trials run at once (1).")
@click.option("--storage", metavar="PLACE", envvar="TUNESMITH_STORAGE", help="A file or a database's URL (tune.db).")
@click.option("--study", metavar="NAME", help="The study (named after the program).")
@click.option("--seed", metavar="N", type=TYPE_OF["seed"], help="Of a new study; random by default.")
@click.option("--sampler", metavar="NAME", type=TYPE_OF["sampler"], help="Who proposes: auto, tpe, gp, random, ...")
@click.option(
    "--pruner", metavar="NAME", type=TYPE_OF["pruner"], help="Who stops hopeless trials: auto, nop, median, ..."
)
@click.option(
    "--priors/--no-priors", default=None, help="Begin where parameters of such names are usually good (as by default)."
)
@click.option("--timeout-per-trial", type=TYPE_OF["timeout_per_trial"], help="End a trial that runs longer.")
@click.option(
    "--memory-limit", type=TYPE_OF["memory_limit"], help="End a trial whose program uses more memory: 500MB, 4GB."
)
@click.option(
    "--max-failures",
    metavar="N",
    type=TYPE_OF["max_failures"],
    help="Give up after N failed trials (3, if all of the first minute fail).",
)
@click.option("--grace", type=TYPE_OF["grace"], help="Time between SIGTERM and SIGKILL (5s).")
@click.option("--cpus", metavar="N", type=TYPE_OF["cpus"], help="Threads for the numeric libraries of each trial.")
@click.option("--gpus", metavar="N", type=TYPE_OF["gpus"], help="GPUs that each trial sees; 0.5: two trials share one.")
@click.option("--as-written", is_flag=True, default=None, help="Run COMMAND although a parameter stands nowhere in it.")
@click.option("--shell/--no-shell", default=None, help="Run the command in a shell.")
@click.option("--pty/--no-pty", default=None, help="Run it in a pseudo-terminal.")
@click.option("--resumable/--not-resumable", default=None, help="It keeps checkpoints in TUNESMITH_CHECKPOINT_DIR.")
@click.option(
    "--params-file", metavar="NAME", help="The file with the parameters, .json, .yaml or .toml (params.json)."
)
@click.option(
    "--tensorboard", metavar="DIR", help="Read the metric from event files, in '{trial_dir}/logs' for example."
)
@click.option("--directory", metavar="DIR", help="Where the folders of the trials are (STORAGE.trials/STUDY).")
@click.option("--change", is_flag=True, help="Go on with a study although the parameters are not those that it has.")
@click.option("--dry-run", is_flag=True, help="Print what the first trial would run, and run nothing.")
@progress_option
@click.option("--quiet", is_flag=True, help="Print no more than the result.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def run(
    command: tuple[str, ...],
    file: str | None,
    params: Sequence[str],
    change: bool,
    dry_run: bool,
    progress: bool | None,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Tune a program in any language: find the parameters of a command with the best metric.

    COMMAND is what a trial runs, after --, with {name} where the parameter goes. The program prints its metric, as in
    "val_loss: 0.31", or last of all as a number alone, or writes it to a file. The same command again goes on; so does
    `tunesmith run --study NAME`.
    """
    from tunesmith.cli.tuning import dry_run as show
    from tunesmith.cli.tuning import run_trials

    settings = settings_from(command, file, params, given)
    if dry_run:
        show(settings, as_json)
        return 0
    return run_trials(settings, change=change, progress=progress, quiet=quiet, as_json=as_json)


def settings_from(command: Sequence[str], file: str | None, params: Sequence[str], given: dict[str, Any]) -> Settings:
    """Return the settings: the options, over those of the file.

    Args:
        command: the words after the options.
        file: the file; None: tune.toml, if no command is given and there is one.
        params: the texts of ``-p``.
        given: the other options, by the names of the settings.

    Raises:
        UsageError: something is not valid.
    """
    described: dict[str, Any] = {}
    for text in params:
        name, description = parameter(text)
        if name in described:
            raise click.UsageError(f"-p: the parameter {name!r} is described twice")
        described[name] = description
    given["minimize"], given["maximize"] = list(given["minimize"]), list(given["maximize"])
    options = Settings(command=list(command) or None, params=described, **given)
    if file is None and not command and Path(STANDARD_FILE).is_file():
        file = STANDARD_FILE
    if file is None:
        return options
    read = read_settings(file, TYPE_OF)
    return options.over(read)
