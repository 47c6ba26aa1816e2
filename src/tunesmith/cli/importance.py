"""``tunesmith importance``: which parameters mattered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tunesmith.cli.options import json_option, look_at, storage_argument, study_option, target_of, target_option
from tunesmith.cli.output import draws, echo, print_json, print_table
from tunesmith.foundation import registry

if TYPE_CHECKING:
    from tunesmith.importance import Importance


@click.command()
@storage_argument
@study_option
@click.option(
    "--evaluator",
    type=click.Choice(sorted(registry.names("evaluators"))),
    default="ped-anova",
    show_default=True,
    help="How it is measured.",
)
@click.option("--param", "params", multiple=True, metavar="NAME", help="Only these; may be repeated.")
@target_option
@json_option
def importance(
    storage: str, name: str | None, evaluator: str, params: tuple[str, ...], target: str | None, as_json: bool
) -> None:
    """Tell which parameters mattered, with intervals and what noise would show."""
    from tunesmith.importance import importance as evaluate
    from tunesmith.visualization.figures.param_importances import as_function

    seen = look_at(storage, name)
    about = as_function(seen, target_of(seen, target))
    try:
        table = evaluate(seen, evaluator=evaluator, params=list(params) or None, target=about)
    except (ValueError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        print_json(table.to_dicts())
    else:
        _print(table)


def _print(table: Importance) -> None:
    """Print a table: in a terminal with its intervals drawn, and without what there is no room for."""
    if not draws():
        echo(str(table))
        return
    from tunesmith.foundation.look.drawn import interval_text

    title, heads, rows, lines = table.drawn_by(interval_text, "")
    echo(title)
    print_table(heads, rows, are_names=True, fold=(5, 4, 3))
    for line in lines:
        echo(line, wrap=True)
