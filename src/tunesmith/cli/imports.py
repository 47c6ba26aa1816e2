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
@json_option
def import_(source: str, storage: str, name: str | None, new_name: str | None, if_exists: str, as_json: bool) -> None:
    """Bring along the results of another program, as studies.

    SOURCE is a storage of Optuna's: an SQLite file or the URL of a database.
    """
    from tunesmith import compat

    studies = compat.read(source, study=name)
    if new_name is not None and len(studies) > 1:
        raise click.UsageError(f"{source} holds {len(studies)} studies; --as needs --study NAME, to name one of them")
    told: list[dict[str, Any]] = []
    for old in studies:
        made = old.create_study(storage=storage, study_name=new_name, if_exists=if_exists)
        told.append(
            {
                "program": old.program,
                "source": old.place,
                "study": old.name,
                "as": made.study_name,
                "storage": storage,
                "trials": len(old.trials),
                "states": old.counts,
                "notes": old.notes,
            }
        )
        if not as_json:
            states = ", ".join(f"{n:,} {state}" for state, n in old.counts.items()) or "no trial"
            click.echo(f"imported {printable(made.study_name)} from {old.program}: {states}")
            for note in old.notes:
                click.echo(f"  {printable(note)}")
    if as_json:
        print_json(told)
