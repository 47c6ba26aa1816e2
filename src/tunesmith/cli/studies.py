"""``tunesmith studies``: the studies of a storage."""

from __future__ import annotations

from typing import Any

import click

from tunesmith.cli.options import existing, json_option, storage_argument
from tunesmith.cli.output import echo, print_json, print_table, word
from tunesmith.study.summary import summary_of


@click.command()
@storage_argument
@json_option
def studies(storage: str, as_json: bool) -> None:
    """List the studies of a storage: their counts, best values and last trial."""
    opened = existing(storage)
    found: list[dict[str, Any]] = []
    for record in opened.list_studies():
        summary = summary_of(opened, record)
        best = summary.best_record
        found.append(
            {
                "name": summary.name,
                "directions": list(summary.directions),
                "trials": summary.counts,
                "best_value": None if best is None else best.value,
                "best_trial": summary.best_trial,
            }
        )
    if as_json:
        print_json(found)
        return
    if not found:
        echo("There is no study yet.")
        return
    rows = []
    for one in found:
        counts = one["trials"]
        others = ", ".join(f"{n} {word(state)}" for state, n in counts.items() if state != "complete")
        rows.append(
            [one["name"], ", ".join(map(word, one["directions"])), counts.get("complete", 0), others, one["best_value"]]
        )
    print_table(["study", "directions", "complete", "others", "best value"], rows, fold=(1, 3))
