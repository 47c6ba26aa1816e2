"""``tunesmith import``: results of other tuners, as studies of ours."""

from __future__ import annotations

from typing import Any

import click

from tunesmith.cli.options import STORAGE, json_option
from tunesmith.cli.output import print_json
from tunesmith.text import printable


@click.command("import")
@click.argument("source")
@click.option("--storage", envvar=STORAGE, default="tune.db", show_default=True, help="Where the studies go.")
@click.option("--study", "name", metavar="NAME", help="Only this study of the source.")
@click.option("--as", "new_name", metavar="NAME", help="The name of the new study; by default the same.")
@click.option(
    "--if-exists",
    type=click.Choice(["error", "update"]),
    default="error",
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
    as_json: bool,
) -> None:
    """Bring along the results of another program, as studies.

    SOURCE is a storage of Optuna's (an SQLite file, a journal file, the URL of a database), a pickle of Hyperopt's
    Trials, a folder of Ray Tune, an mlruns folder or database of MLflow's, or a table: CSV, JSON, JSON lines or
    Parquet, as W&B, MLflow and data frames write it. docs/import.md tells what becomes of each.
    """
    from tunesmith import compat
    from tunesmith.storage.redact import shown_spec

    studies = compat.read(
        source,
        study=name,
        minimize=minimize,
        maximize=maximize,
        params={key: what or None for key, _, what in (_pair(text) for text in params)},
        columns={key: column for key, _, column in (_pair(text) for text in columns)},
        unsafe_pickle=unsafe_pickle,
    )
    if new_name is not None and len(studies) > 1:
        place = studies[0].place
        raise click.UsageError(f"{place} holds {len(studies)} studies; --as needs --study NAME, to name one of them")
    told: list[dict[str, Any]] = []
    for old in studies:
        try:
            made = old.create_study(storage=storage, study_name=new_name, if_exists=if_exists)
        except ValueError as error:  # a name that cannot be stored
            raise click.UsageError(str(error)) from error
        told.append(
            {
                "program": old.program,
                "source": old.place,
                "study": old.name,
                "as": made.study_name,
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
            click.echo(f"imported {printable(made.study_name)} from {old.program}: {states}{new}")
            for note in old.notes:
                click.echo(f"  {printable(note)}")
    if as_json:
        print_json(told)


def _pair(text: str) -> tuple[str, str, str]:
    name, equals, what = text.partition("=")
    return name.strip(), equals, what.strip()
