"""``tunesmith enqueue``: a trial with given parameters, to be run next."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import click

from tunesmith.cli.options import json_option, open_study, storage_argument, study_option
from tunesmith.cli.output import say
from tunesmith.errors import SpaceError
from tunesmith.foundation.text import did_you_mean, listing, printable
from tunesmith.space import Combinatorial
from tunesmith.space.words import words_of_parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tunesmith.space.base import Parameter
    from tunesmith.study import Study


@click.command()
@storage_argument
@study_option
@click.option("-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter; may be repeated.")
@click.option("--skip-if-exists", is_flag=True, help="Do nothing if the study has a trial with these parameters.")
@json_option
def enqueue(storage: str, name: str | None, params: tuple[str, ...], skip_if_exists: bool, as_json: bool) -> None:
    """Add a trial with given parameters to those that wait.

    Parameters that are not given are proposed by the sampler. Whoever runs the study's next trial takes it.
    """
    if not params:
        raise click.UsageError("give at least one parameter, such as -p lr=0.01")
    study = open_study(storage, name)
    texts: dict[str, Any] = {}
    for text in params:
        key, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"-p {text!r}: expected NAME=VALUE, such as -p lr=0.01")
        texts[key] = value
    given = params_of(study, texts)
    try:
        added = study.enqueue_trial(given, skip_if_exists=skip_if_exists)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    point = ", ".join(f"{key}={value}" for key, value in given.items())
    text = f"enqueued {point}" if added else f"nothing enqueued: there is a trial with {point}"
    say(as_json, printable(text), study=study.study_name, params=given, enqueued=added)


def params_of(study: Study, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters of a study by name, from values or from texts that stand for them.

    Raises:
        UsageError: the study has no such parameter, or a text stands for none of its values.
    """
    space = study.history.space
    known = {} if space is None else dict(space.params)
    found: dict[str, Any] = {}
    for key, value in given.items():
        if known and key not in known:
            raise click.UsageError(
                f"the study has no parameter {key!r}{did_you_mean(key, known)}; it has {listing(known)}"
            )
        if isinstance(value, str):
            value = value_of_text(value, known.get(key))
        found[key] = tuple(value) if isinstance(value, list) else value
    return found


def value_of_text(text: str, parameter: Parameter | None) -> Any:
    """Return the value that a text stands for.

    Args:
        text: as it was given.
        parameter: what it is to be a value of; None: that is not known, and the text is read as JSON if it is some.

    Raises:
        UsageError: it is not a value of the parameter.
    """
    if isinstance(parameter, Combinatorial):
        return _items_of_text(text, parameter)
    choices = getattr(parameter, "choices", None) or getattr(parameter, "values", None)
    if choices is not None and not callable(choices):
        for choice in choices:
            if text in (str(choice), repr(choice), getattr(choice, "__name__", None)):
                return choice
        raise click.UsageError(f"{text!r} is none of {listing(choices)}")
    words = [] if parameter is None else [word for word, _ in words_of_parameter(parameter)]
    for word in words:
        if text in (str(word), repr(word), json.dumps(word)):
            return word
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        if parameter is not None:
            raise click.UsageError(f"{text!r} is no number; expected a value of {parameter}") from None
        return text


def _items_of_text(text: str, parameter: Combinatorial) -> tuple[Any, ...]:
    """Return the items that a text lists, as ``a, b`` or ``a > b``."""
    known = {str(label): label for label in parameter.labels}
    named = [part.strip() for part in re.split("[,>]", text)] if text.strip(" ()[]") else []
    items = tuple(known.get(name, name) for name in (part.strip("()[] '\"") for part in named) if name)
    try:
        parameter.to_internal(items)
    except SpaceError as error:
        raise click.UsageError(str(error)) from None
    return items
