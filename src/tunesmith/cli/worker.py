"""``tunesmith worker``: the worker program."""

from __future__ import annotations

import click

from tunesmith.worker.command import main


@click.command(
    add_help_option=False,  # the worker's own parser has one
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "allow_interspersed_args": False},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def worker(words: tuple[str, ...]) -> int:
    """Run trials of a study that many processes share."""
    return main(words, "tunesmith worker")
