"""``tunesmith best``: the best parameters in the form that a program takes."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

import click

from tunesmith.cli.options import json_option, open_study, storage_argument, study_option
from tunesmith.cli.output import cell, param, print_json
from tunesmith.cli.records import trial_dict
from tunesmith.program import template
from tunesmith.program.files import params_text
from tunesmith.text import printable

Params = Mapping[str, Any]


def environment(params: Params) -> str:
    """Return settings of environment variables for a shell, by the names that ``tunesmith run`` gives them."""
    return "\n".join(f"{name}={shlex.quote(value)}" for name, value in template.environment(params).items())


FORMS: dict[str, Callable[[Params], str]] = {
    "flags": lambda params: shlex.join(template.flags(params)),
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
    help="Take the trial with the best expected value by a model, and not the one with the best value seen.",
)
@json_option
def best(storage: str, name: str | None, form: str | None, honest: bool, as_json: bool) -> None:
    """Print the best parameters, also as flags, YAML, TOML, environment or Python.

    The best value seen is mostly luck where results are noisy: --honest, and `tunesmith show`, say what to expect.
    """
    study = open_study(storage, name)
    if len(study.directions) > 1:
        raise click.UsageError(
            f"the study {study.study_name!r} has {len(study.directions)} objectives and so no single best trial; "
            "`tunesmith show` lists those that no other dominates"
        )
    try:
        trial = study.recommend().trial if honest else study.best_trial
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    if form is not None:
        click.echo(FORMS[form](trial.params))
    elif as_json:
        print_json(trial_dict(trial))
    else:
        click.echo(f"trial {trial.number}, value {cell(trial.value)}")
        for key, value in trial.params.items():
            click.echo(f"  {printable(key)} = {cell(param(value))}")
