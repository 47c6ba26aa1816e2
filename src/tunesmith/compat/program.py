"""``tunesmith compat``: runs a Python program of Optuna or Hyperopt, unchanged, on this library."""

from __future__ import annotations

import os
import runpy
import sys
import traceback

import click

from tunesmith.foundation.text import printable


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("-m", "--module", "is_module", is_flag=True, help="PROGRAM is a module, as after `python -m`.")
@click.argument("program")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[ARGUMENTS]...")
def compat(program: str, arguments: tuple[str, ...], is_module: bool) -> None:
    """Run a Python program of another tuner, unchanged, on this library.

    In it, and in what it imports, `import optuna` and `import hyperopt` mean tunesmith.compat.optuna and
    tunesmith.compat.hyperopt. Neither has to be installed. What follows PROGRAM is the program's own.
    """
    from tunesmith.compat import hyperopt, optuna

    if not is_module and not os.path.isfile(program):
        raise click.UsageError(f"there is no file {printable(program)!r}; -m runs a module")
    arguments_before, path_before = sys.argv, list(sys.path)
    sys.argv = [program, *arguments]
    sys.path.insert(0, os.getcwd() if is_module else os.path.dirname(os.path.abspath(program)))
    try:
        with hyperopt.install(), optuna.install():
            if is_module:
                runpy.run_module(program, run_name="__main__", alter_sys=True)
            else:
                runpy.run_path(program, run_name="__main__")
    except Exception:  # the program's own, which is no error of this command
        traceback.print_exc()
        sys.exit(1)
    finally:  # whoever calls the command from Python goes on without it
        sys.argv, sys.path[:] = arguments_before, path_before
