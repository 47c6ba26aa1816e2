"""``tunesmith import``: results of other tuners, as studies of ours; and ``export``, for other tuners too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tunesmith import interchange
from tunesmith.cli import trials
from tunesmith.cli.options import STANDARD_STORAGE, STORAGE_VARIABLE, json_option, open_study, with_options
from tunesmith.cli.output import echo, print_json, say
from tunesmith.cli.progress import progress_option, shows_progress
from tunesmith.foundation.text import printable, shorten

if TYPE_CHECKING:
    from tunesmith.interchange import ImportedStudy
    from tunesmith.study import Study

ERROR, UPDATE = "error", "update"
LINE_CHARACTERS = 2000  # characters of a line


@click.command("import")
@click.argument("source")
@click.option(
    "--storage", envvar=STORAGE_VARIABLE, default=STANDARD_STORAGE, show_default=True, help="Where the studies go."
)
@click.option("--study", "name", metavar="NAME", help="Only this study of the source.")
@click.option("--as", "new_name", metavar="NAME", help="The name of the new study; by default the same.")
@click.option(
    "--if-exists",
    type=click.Choice([ERROR, UPDATE]),
    default=ERROR,
    show_default=True,
    help="Where it was imported already: update adds the trials that are new.",
)
@click.option("--minimize", multiple=True, metavar="NAME", help="The value that counts, of a table; may be repeated.")
@click.option("--maximize", multiple=True, metavar="NAME", help="The same, where more is better.")
@click.option(
    "--param",
    "-p",
    "params",
    multiple=True,
    metavar="NAME[=RANGE]",
    help="A parameter of a table, such as 'lr=log(1e-5, 1e-1)'; without a range, it is taken from the values.",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="WHAT=COLUMN",
    help="Which column of a table is its id, state, started, finished or reason.",
)
@click.option(
    "--unsafe-pickle", is_flag=True, help="Load a pickle. That runs the code in it: only for files that you trust."
)
@click.option(
    "--verify",
    is_flag=True,
    help="Then read both sides again, and print each field that differs. A study that is there already is compared.",
)
@click.option(
    "--max-bytes",
    type=click.IntRange(1),
    default=2**30,
    show_default="1 GiB",
    help="Refuse a source with more bytes than that.",
)
@click.option(
    "--max-rows",
    type=click.IntRange(1),
    default=10_000_000,
    show_default="10 million",
    help="Refuse a source with more rows, lines and values than that.",
)
@progress_option
@json_option
def import_(
    source: str,
    storage: str,
    name: str | None,
    new_name: str | None,
    if_exists: str,
    minimize: tuple[str, ...],
    maximize: tuple[str, ...],
    params: tuple[str, ...],
    columns: tuple[str, ...],
    unsafe_pickle: bool,
    verify: bool,
    max_bytes: int,
    max_rows: int,
    progress: bool | None,
    as_json: bool,
) -> int:
    """Bring along the results of another program, as studies.

    SOURCE is a storage of Optuna's (an SQLite file, a journal file, the URL of a database), a pickle of Hyperopt's
    Trials, a folder of Ray Tune, an mlruns folder or database of MLflow's, a folder of TensorBoard, or a table: CSV,
    JSON, JSON lines or Parquet, as W&B, MLflow and data frames write it. docs/import.md tells what becomes of each.
    """
    from tunesmith.storage.redact import shown_spec
    from tunesmith.study import load_study

    def read(facts: bool) -> list[ImportedStudy]:
        return interchange.read(
            source,
            study=name,
            minimize=minimize,
            maximize=maximize,
            params={key: what or None for key, _, what in (_name_and_rest(text) for text in params)},
            columns={key: column for key, _, column in (_name_and_rest(text) for text in columns)},
            unsafe_pickle=unsafe_pickle,
            max_bytes=max_bytes,
            max_rows=max_rows,
            facts=facts,
            progress=shows,
        )

    shows = shows_progress(progress, as_json)
    studies = read(facts=False)
    if new_name is not None and len(studies) > 1:
        place = studies[0].place
        raise click.UsageError(f"{place} holds {len(studies)} studies; --as needs --study NAME, to name one of them")
    told: list[dict[str, Any]] = []
    made: list[Study] = []
    for old in studies:
        there = old.find_study(storage, new_name) if verify and if_exists == ERROR else None
        try:
            made.append(
                there or old.create_study(storage=storage, study_name=new_name, if_exists=if_exists, progress=shows)
            )
        except ValueError as error:  # a name that cannot be stored
            raise click.UsageError(str(error)) from error
        told.append(
            {
                "program": old.program,
                "source": old.place,
                "study": old.name,
                "as": made[-1].study_name,
                "storage": shown_spec(storage),
                "trials": len(old.trials),
                "added": old.added,
                "states": old.counts,
                "notes": old.notes,
            }
        )
        if not as_json:
            states = ", ".join(f"{n:,} {state}" for state, n in old.counts.items()) or "no trial"
            new = "" if old.added == len(old.trials) else f"; {old.added:,} of these {len(old.trials):,} are new"
            echo(f"imported {_as_line(made[-1].study_name)} from {old.program}: {states}{new}")
            for note in old.notes:
                echo(f"  {_as_line(note)}")
    differ = False
    if verify:
        for old, study, entry in zip(read(facts=True), made, told, strict=True):
            found = interchange.differences(old, load_study(storage=storage, study_name=study.study_name))
            differ, entry["differences"] = differ or bool(found), found
            if not as_json:
                echo(f"{_as_line(study.study_name)}: {len(found):,} fields differ from {old.program}'s")
                for difference in found:
                    echo(f"  {_as_line(difference)}")
    if as_json:
        print_json(told)
    return int(differ)


def _as_line(text: str) -> str:
    """Return a text that names foreign things as one line of a terminal, not too long."""
    return printable(shorten(text, LINE_CHARACTERS).replace("\n", " "))


def _name_and_rest(text: str) -> tuple[str, str, str]:
    name, equals, what = text.partition("=")
    return name.strip(), equals, what.strip()


# -- export ------------------------------------------------------------------------------------------------------------

export_to_file: Any = trials.export.callback


def _export(
    program: str | None,
    storage: str,
    name: str | None,
    output: Path | None,
    form: str | None,
    metrics: bool,
    as_json: bool,
) -> None:
    if program is None:
        export_to_file(storage=storage, name=name, output=output, form=form, metrics=metrics, as_json=as_json)
        return
    if metrics:
        raise click.UsageError(f"--to {program} writes trials; --metrics goes with --format csv, json or parquet")
    study = open_study(storage, name)
    if output is None:
        raise click.UsageError(f"--to {program} needs a file: -o old.db, or -o old.log for a journal")
    notes = getattr(interchange, interchange.WRITERS[program])(study, output)
    told = "\n".join([f"exported {printable(study.study_name)} to {output}", *(f"  {note}" for note in notes)])
    say(as_json, told, study=study.study_name, file=str(output), notes=notes)


export = with_options(
    trials.export,
    _export,
    click.Option(
        ["--to", "program"],
        type=click.Choice(list(interchange.WRITERS)),
        help="Write for another program, which opens the file; docs/import.md says what it may be.",
    ),
)
