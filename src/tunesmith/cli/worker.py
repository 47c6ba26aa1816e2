"""``tunesmith worker``: the worker program."""

from __future__ import annotations

import click

from tunesmith.cli.output import echo
from tunesmith.foundation.reader import language
from tunesmith.worker.command import main


@click.command(
    add_help_option=False,  # the worker's own parser has one
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "allow_interspersed_args": False},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def worker(words: tuple[str, ...]) -> int:
    """Run trials of a study that many processes share."""
    if language() != "en" and {"-h", "--help"} & {*words}:
        from tunesmith.cli.speech import help_of
        from tunesmith.worker.options import parser_of

        echo(help_of(parser_of("tunesmith worker")))
        return 0
    return main(words, "tunesmith worker")
