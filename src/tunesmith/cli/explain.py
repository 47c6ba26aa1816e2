"""``tunesmith explain``: what is believed of each parameter before there are results, and why."""

from __future__ import annotations

import click

from tunesmith.cli.options import json_option, look_at, storage_argument, study_option
from tunesmith.cli.output import echo, print_json
from tunesmith.foundation.reader import in_english
from tunesmith.foundation.text import printable


@click.command()
@storage_argument
@study_option
@json_option
def explain(storage: str, name: str | None, as_json: bool) -> None:
    """Tell which values of each parameter the search begins with, and why."""
    seen = look_at(storage, name)
    if as_json:
        with in_english():
            print_json(seen.explain())
        return
    told = seen.explain()
    if not told:
        echo(f"no parameter of {printable(seen.study_name)} is known yet")
    for param, sentence in told.items():
        echo(f"{printable(param)}: {printable(sentence)}")
