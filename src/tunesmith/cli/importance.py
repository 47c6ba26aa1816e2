"""``tunesmith importance``: which parameters mattered."""

from __future__ import annotations

import click

from tunesmith.cli.options import json_option, look_at, storage_argument, study_option, target_of, target_option
from tunesmith.cli.output import echo, print_json
from tunesmith.foundation import registry


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
        echo(str(table))
