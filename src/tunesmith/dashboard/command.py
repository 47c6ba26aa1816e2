"""``tunesmith dashboard``: studies in a browser."""

from __future__ import annotations

import click

from tunesmith.cli.options import existing, storage_argument
from tunesmith.cli.output import echo


@click.command()
@storage_argument
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
@click.option(
    "--allowed-host", "hosts", multiple=True, metavar="NAME", help="A name by which it may be called besides."
)
@click.option("--token", help="What a browser must know; else TUNESMITH_DASHBOARD_TOKEN, else one is made up.")
@click.option("--no-token", is_flag=True, help="Let every user of this machine in.")
@click.option("--read-only", is_flag=True, help="Let nothing be changed.")
@click.option(
    "--logs",
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    help="Show what trials print below DIR too: the --directory of tunesmith run.",
)
def dashboard(
    storage: str,
    host: str,
    port: int,
    hosts: tuple[str, ...],
    token: str | None,
    no_token: bool,
    read_only: bool,
    logs: str | None,
) -> None:
    """Show studies in a browser, live."""
    from tunesmith.dashboard import serve

    if no_token and token:
        raise click.UsageError("give --token or --no-token, not both")
    opened = existing(storage)
    try:
        serve(
            opened,
            host=host,
            port=port,
            token="" if no_token else token,
            allowed_hosts=hosts,
            read_only=read_only,
            logs=logs,
            announce=lambda address: echo(f"The dashboard is at {address}   (Ctrl-C ends it)"),
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{host}:{port} cannot be listened at: {error.strerror or error}") from error
