"""``tunesmith report``: what was found, how far to trust it, and what it cost, as one file."""

from __future__ import annotations

from pathlib import Path

import click

from tunesmith.cli.options import json_option, look_at, storage_argument, study_option
from tunesmith.cli.output import echo, say
from tunesmith.foundation.reader import LANGUAGE_CODES


@click.command()
@storage_argument
@study_option
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file; by default report.html, and Markdown is printed.",
)
@click.option("--format", "form", type=click.Choice(["html", "md"]), help="By default what the file's name ends with.")
@click.option("--lang", type=click.Choice(LANGUAGE_CODES), help="The language; by default that of the command line.")
@click.option("--interactive", is_flag=True, help="Let figures be zoomed, asked for values and saved.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@json_option
def report(
    storage: str,
    name: str | None,
    output: Path | None,
    form: str | None,
    lang: str | None,
    interactive: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Write a report of a study: one page that opens from the disk, or Markdown.

    The page loads nothing and prints; with --format md it is text for a pull request.
    """
    from tunesmith.report import write_report

    seen = look_at(storage, name)
    if output is None and form == "md":
        echo(write_report(seen, format=form, lang=lang), nl=False)
        return
    file = output or Path("report.html")
    if file.exists() and not force:
        raise click.UsageError(f"{file} is there already; give --force to replace it, or -o for another file")
    write_report(seen, file, format=form, lang=lang, interactive=interactive, overwrite=force)
    say(as_json, str(file), file=str(file))
