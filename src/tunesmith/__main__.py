"""``python -m tunesmith``: the command line."""

from tunesmith.cli.main import run

run()
