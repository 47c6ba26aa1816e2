"""``tunesmith best``: the best parameters in the form that a program takes."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

import click

from tunesmith.cli.options import json_option, open_study, storage_argument, study_option
from tunesmith.cli.output import cell, plain, print_json
from tunesmith.cli.records import trial_dict
from tunesmith.text import printable

Params = Mapping[str, Any]


def flags(params: Params) -> str:
    """Return flags for a shell: ``--lr 0.001 --nesterov``; False is ``--no-nesterov``, and None is left out."""
    words: list[str] = []
    for name, value in params.items():
        if value is True or value is False:
            words.append(f"--{name}" if value else f"--no-{name}")
        elif value is not None:
            words += [f"--{name}", str(value)]
    return shlex.join(words)


def as_json(params: Params) -> str:
    """Return a JSON object."""
    return json.dumps(plain(params), indent=2, ensure_ascii=False)


def yaml(params: Params) -> str:
    """Return YAML: names and values are written as JSON writes them, which YAML takes."""
    return "\n".join(f"{_key(name)}: {json.dumps(plain(value), ensure_ascii=False)}" for name, value in params.items())


def toml(params: Params) -> str:
    """Return TOML; it has no null, so that a parameter that is None is left out."""
    known = {name: value for name, value in params.items() if value is not None}
    return "\n".join(f"{_key(name)} = {json.dumps(plain(value))}" for name, value in known.items())


def env(params: Params) -> str:
    """Return settings of environment variables for a shell, by the names that ``tunesmith run`` gives them."""
    return "\n".join(f"{env_name(name)}={shlex.quote(str(value))}" for name, value in params.items())


def env_name(name: str) -> str:
    """Return the environment variable that holds a parameter."""
    return "TUNESMITH_PARAM_" + re.sub(r"\W", "_", name).upper()


def python(params: Params) -> str:
    """Return a Python dict."""
    return repr(dict(params))


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name) else json.dumps(name)


FORMS: dict[str, Callable[[Params], str]] = {
    "flags": flags,
    "json": as_json,
    "yaml": yaml,
    "toml": toml,
    "env": env,
    "python": python,
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
        raise click.ClickException(f"the study {study.study_name!r}: {error}") from error
    if form is not None:
        click.echo(FORMS[form](trial.params))
    elif as_json:
        print_json(trial_dict(trial))
    else:
        click.echo(f"trial {trial.number}, value {cell(trial.value)}")
        for key, value in trial.params.items():
            click.echo(f"  {printable(key)} = {cell(value)}")
