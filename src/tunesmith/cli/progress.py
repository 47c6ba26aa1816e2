"""How commands that search show how it goes."""

from __future__ import annotations

import sys

import click

from tunesmith.cli.options import Decorator

progress_option: Decorator = click.option(
    "--progress/--no-progress",
    default=None,
    help="Show in a line how it goes. By default only in a terminal; elsewhere each trial is told as it ends.",
)


def shows_progress(progress: bool | None, quiet: bool) -> bool:
    """Tell whether a command shows a line. Where nobody looks at a terminal, let each trial be told on standard error.

    Args:
        progress: what was asked for; None: nothing.
        quiet: whether it prints no more than its result.
    """
    from tunesmith.study.progress.audience import is_screen

    if progress is not None or quiet:
        return bool(progress)
    if is_screen(sys.stderr):
        return True
    import logging  # takes milliseconds, and commands that show a line do without it

    logger, handler = logging.getLogger("tunesmith"), logging.StreamHandler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)

    def as_before() -> None:
        logger.removeHandler(handler)
        logger.setLevel(level)

    click.get_current_context().call_on_close(as_before)
    return False
