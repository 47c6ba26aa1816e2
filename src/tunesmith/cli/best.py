"""``tunesmith best``: the best parameters in the form that a program takes."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping
from typing import Any

import click

from tunesmith.cli.options import json_option, look_at, storage_argument, study_option
from tunesmith.cli.output import echo, param, pass_on, print_expected, print_json
from tunesmith.cli.records import trial_dict
from tunesmith.foundation.formats import cell_text
from tunesmith.foundation.system import command_line
from tunesmith.foundation.text import printable
from tunesmith.program import template
from tunesmith.program.files import params_text
from tunesmith.selection.report import AVERAGE
from tunesmith.study.engine.replica import none_complete
from tunesmith.study.recommend import recommend
from tunesmith.study.verdict import read_verdict

Params = Mapping[str, Any]


def environment(params: Params) -> str:
    """Return settings of environment variables for a shell, by the names that ``tunesmith run`` gives them."""
    return "\n".join(f"{name}={shlex.quote(value)}" for name, value in template.parameter_variables(params).items())


FORMS: dict[str, Callable[[Params], str]] = {
    "flags": lambda params: command_line(template.flags(params)),
    "json": lambda params: params_text(params, "json").rstrip("\n"),
    "yaml": lambda params: params_text(params, "yaml").rstrip("\n"),
    "toml": lambda params: params_text(params, "toml").rstrip("\n"),
    "env": environment,
    "python": lambda params: repr(dict(params)),
}


@click.command()
@storage_argument
@study_option
@click.option("--as", "form", type=click.Choice(list(FORMS)), help="Print the parameters alone, in this form.")
@click.option(
    "--honest",
    is_flag=True,
    help="Take what the search chose, else the best expected value by a model, and not the best value seen.",
)
@json_option
def best(storage: str, name: str | None, form: str | None, honest: bool, as_json: bool) -> None:
    """Print the best parameters, also as flags, YAML, TOML, environment or Python.

    Where a search of scikit-learn's kind made the study, they are those that it chose, which need not have the best
    value seen. Of other studies that value is mostly luck where results are noisy: --honest, and `tunesmith show`, say
    what to expect.
    """
    seen = look_at(storage, name)
    if len(seen.directions) > 1:
        raise click.UsageError(
            f"the study {seen.study_name!r} has {len(seen.directions)} objectives and so no single best trial; "
            "`tunesmith show` lists those that no other dominates"
        )
    decided = read_verdict(seen.system_attrs, seen.study_name) is not None
    try:
        found = recommend(seen) if honest or decided else None
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    trial = seen.find_best() if found is None else found.trial
    if found is None and trial is None:
        raise click.ClickException(str(none_complete(seen.study_name, seen.tally)))
    params: Params = found.params if found is not None else {} if trial is None else trial.params
    if form is not None:
        if form in ("flags", "env") and sys.stdout.isatty():  # the other ones write signs that are not printable so
            params = {printable(key): printable(v) if isinstance(v, str) else v for key, v in params.items()}
        pass_on(FORMS[form](params) + "\n")
    elif as_json:
        facts = {} if trial is None else trial_dict(trial)
        told = None if found is None else {"verdict": found.verdict(), "expected": found.value, "notes": found.notes}
        print_json({**facts, "params": dict(params), **(told or {})})
    else:
        if found is not None:
            for line in [found.verdict(), *(found.notes if decided else ())]:
                echo(line, wrap=True)
            print_expected(found)
        if trial is not None:
            if found is not None and found.report is not None and AVERAGE in (found.report.chosen or {}):
                echo("the best single model:")
            echo(f"trial {trial.number}, value {cell_text(trial.value)}")
        for key, value in params.items():
            echo(f"  {printable(key)} = {cell_text(param(value))}")
