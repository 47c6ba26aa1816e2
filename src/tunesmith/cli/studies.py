"""``tunesmith studies``: the studies of a storage."""

from __future__ import annotations

from typing import Any

import click

from tunesmith.cli.options import existing, json_option, storage_argument
from tunesmith.cli.output import print_json, print_table


@click.command()
@storage_argument
@json_option
def studies(storage: str, as_json: bool) -> None:
    """List the studies of a storage: their counts, best values and last trial."""
    opened = existing(storage)
    found: list[dict[str, Any]] = []
    for record in opened.list_studies():
        counts = opened.count(record.id)
        best = opened.best(record.id, record.directions[0]) if len(record.directions) == 1 else None
        found.append(
            {
                "name": record.name,
                "directions": list(record.directions),
                "trials": {state.name.lower(): n for state, n in counts.items() if n},
                "best_value": None if best is None else best.value,
                "best_trial": None if best is None else best.number,
            }
        )
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("There is no study yet.")
        return
    rows = []
    for one in found:
        counts = one["trials"]
        others = ", ".join(f"{n} {state}" for state, n in counts.items() if state != "complete")
        rows.append([one["name"], ", ".join(one["directions"]), counts.get("complete", 0), others, one["best_value"]])
    print_table(["study", "directions", "complete", "others", "best value"], rows)
