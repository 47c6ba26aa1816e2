"""``tunesmith confirm``: the best points, run again with fresh seeds."""

from __future__ import annotations

import click

from tunesmith.cli.options import json_option, open_study, storage_argument, study_option
from tunesmith.cli.output import say
from tunesmith.cli.progress import progress_option, shows_progress


@click.command()
@storage_argument
@study_option
@click.option(
    "--objective",
    metavar="MODULE:NAME",
    help="What to run; a study of `tunesmith run` knows its program.",
)
@click.option("--directory", default="confirm", show_default=True, help="Where a program's folders are, one a run.")
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="How many points to run again.")
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True, help="How often each of them.")
@click.option("--jobs", type=int, default=1, show_default=True, help="How many runs at once; -1: one a core.")
@progress_option
@click.option("--quiet", is_flag=True, help="Print no more than the result.")
@json_option
def confirm(
    storage: str,
    name: str | None,
    objective: str | None,
    directory: str,
    top: int,
    repeats: int,
    jobs: int,
    progress: bool | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run the best points again with fresh seeds, and say which to use.

    The objective has to draw its random numbers from trial.seed, a program from TUNESMITH_SEED. An interrupted call
    goes on where it was.
    """
    from tunesmith.program.stored import PROGRAM_KEY, load_program
    from tunesmith.worker import target

    study = open_study(storage, name)
    if objective is None and PROGRAM_KEY not in study.system_attrs:
        raise click.UsageError(
            f"the study {study.study_name!r} was not made by `tunesmith run`: give --objective, such as train:objective"
        )
    target.search_here()
    try:
        function = load_program(study, directory, storage) if objective is None else target.load("objective", objective)
        report = study.confirm(function, top, repeats, n_jobs=jobs, progress=shows_progress(progress, quiet or as_json))
    except target.UsageError as error:
        raise click.UsageError(str(error)) from error
    except (ValueError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    score = report.score
    say(
        as_json,
        str(report),
        params=report.chosen,
        value=None if score is None else score.value,
        interval=None if score is None else score.interval,
        kept_default=report.kept_default,
        sentences=report.sentences(),
    )
