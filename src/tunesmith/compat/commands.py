"""Optuna's commands with Optuna's options, for scripts: ``create-study`` and ``best-trial``.

``ask`` and ``tell`` are this library's own commands, which take Optuna's options too; what of that is Optuna's is here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tunesmith.foundation.formats import plain
from tunesmith.foundation.text import did_you_mean, printable

if TYPE_CHECKING:
    from tunesmith.compat.optuna.storages import BaseStorage
    from tunesmith.compat.optuna.study import Study

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
STORAGES = ("OPTUNA_STORAGE", "TUNESMITH_STORAGE")  # environment variables, in this order
OR_DISTRIBUTIONS = "or Optuna's distributions by name"
OR_CLASS = "or Optuna's class"
ARGUMENTS_HELP = 'Arguments of Optuna\'s class, such as {"seed": 1}.'
TRIAL_HELP, VALUES_HELP = "The trial, as Optuna's option.", "The values, as Optuna's option."
STATE_HELP = "How it ended, as Optuna's option."
NOT_WITH_OURS = (
    "Optuna's distributions, sampler classes and storage classes are for a study that `tunesmith create-study` made; "
    "with -p, --minimize and --maximize, name a sampler as in --sampler tpe"
)
FORMATS = ("value", "json", "table", "yaml")
DIRECTIONS = ("minimize", "maximize")
FILES = ("JournalFileBackend", "JournalFileStorage")
# Commands of Optuna that have other names here -> what to use.
ELSEWHERE: dict[str, str] = {
    "delete-study": "tunesmith delete STORAGE --study NAME",
    "study": "study.set_user_attr(KEY, VALUE) in Python, after study = tunesmith.load_study(study_name=, storage=)",
    "study-names": "tunesmith studies STORAGE",
    "best-trials": "tunesmith best STORAGE --study NAME, which prints the Pareto front of several objectives",
    "storage": "tunesmith upgrade STORAGE",
}

storage_option: Decorator = click.option(
    "--storage", metavar="URL", help=f"A file or a database's URL; left out: {' or '.join(STORAGES)}."
)
class_option: Decorator = click.option(
    "--storage-class", metavar="CLASS", help="RDBStorage, or JournalFileBackend for a file of any name."
)
study_name_option: Decorator = click.option(
    "--study-name", metavar="NAME", help="The study; it need not be named where there is only one."
)
flatten_option: Decorator = click.option(
    "--flatten", is_flag=True, help="A column for each parameter and attribute, such as params_x."
)
SEVERAL = {"ignore_unknown_options": True}  # so that a negative number after the first one is no option


def format_option(default: str) -> Decorator:
    """Return the option ``--format``."""
    return click.option(
        "-f", "--format", "form", type=click.Choice(FORMATS), default=default, show_default=True, help="Of the output."
    )


@click.command("create-study", context_settings=SEVERAL)
@storage_option
@class_option
@click.option("--study-name", metavar="NAME", help="Unique in the storage; made up if it is left out.")
@click.option("--direction", type=click.Choice(DIRECTIONS), help="Of the only objective; minimize if left out.")
@click.option("--directions", multiple=True, metavar="DIRECTION ...", help="One for each of several objectives.")
@click.option("--skip-if-exists", is_flag=True, help="Go on with the study of that name if there is one.")
@click.argument("more", nargs=-1, metavar="")
def create_study(
    storage: str | None,
    storage_class: str | None,
    study_name: str | None,
    direction: str | None,
    directions: tuple[str, ...],
    skip_if_exists: bool,
    more: tuple[str, ...],
) -> None:
    """Create a study, and print its name; as `optuna create-study` does."""
    from tunesmith.compat import optuna

    given = all_of("--directions", directions, more, _direction)
    if direction and given:
        raise click.UsageError("give --direction of one objective, or --directions of several; not both")
    study = _checked(
        lambda: optuna.create_study(
            storage=_storage(storage, storage_class),
            study_name=study_name,
            direction=direction,
            directions=given or None,
            load_if_exists=skip_if_exists,
        )
    )
    _echo(printable(study.study_name))


@click.command("best-trial")
@storage_option
@class_option
@study_name_option
@format_option("table")
@flatten_option
def best_trial(
    storage: str | None, storage_class: str | None, study_name: str | None, form: str, flatten: bool
) -> None:
    """Print the best trial; as `optuna best-trial` does. `tunesmith best` says how good it really is."""
    study = _study(storage, storage_class, study_name)
    trial = _checked(lambda: study.best_trial)
    record = {
        "number": trial.number,
        "value": trial.value,
        "datetime_start": trial.datetime_start,
        "datetime_complete": trial.datetime_complete,
        "duration": trial.duration,
        "params": trial.params,
        "user_attrs": trial.user_attrs,
        "state": trial.state.name,
    }
    print_record({key: value for key, value in record.items() if value != {} or key == "params"}, form, flatten)


# -- for `ask` -----------------------------------------------------------------------------------------------------


def is_search_space(told: dict[str, Any]) -> bool:
    """Tell whether a search space in JSON is written as Optuna writes distributions."""
    return any(isinstance(entry, dict) and "attributes" in entry for entry in told.values())


def is_sampler(name: str | None) -> bool:
    """Tell whether a sampler is named as Optuna's classes are."""
    return name is not None and name.endswith("Sampler")


def study_and_space(
    storage: str | None,
    storage_class: str | None,
    name: str | None,
    sampler: str | None,
    arguments: dict[str, Any],
    told: dict[str, Any],
) -> tuple[Study, dict[str, Any]]:
    """Return a study under Optuna's names, and the distributions to ask it for.

    Args:
        storage: a file or a URL; None: as the environment says.
        storage_class: Optuna's class of the storage; None: by what is there.
        name: of the study; None: it is the only one.
        sampler: the class of who proposes; None: the default.
        arguments: those of the class.
        told: distributions by name, as ``distribution_to_json`` writes them.

    Raises:
        UsageError: there is no such class or study.
        ClickException: a distribution or an argument is not valid.
    """
    from tunesmith.compat.optuna.distributions import json_to_distribution

    space = _checked(lambda: {key: json_to_distribution(json.dumps(told[key])) for key in told})
    return _study(storage, storage_class, name, _sampler(sampler, arguments)), space


# -- the parts -----------------------------------------------------------------------------------------------------


def _echo(text: str) -> None:
    """Print a text that cannot control the terminal."""
    click.echo(printable(text, lines=True))


def _storage(url: str | None, storage_class: str | None) -> BaseStorage:
    from tunesmith.compat.optuna.storages import BaseStorage, get_storage
    from tunesmith.storage import open_storage

    url = url or next((found for name in STORAGES if (found := os.environ.get(name))), None)
    if not url:
        raise click.UsageError("give --storage, such as sqlite:///tune.db")
    if storage_class in FILES or (storage_class is None and os.path.isfile(url)):  # of any name, as there
        return BaseStorage(open_storage(Path(url)))
    if storage_class not in (None, "RDBStorage"):
        known = (*FILES, "RDBStorage")
        raise click.UsageError(
            f"--storage-class {storage_class!r}{did_you_mean(str(storage_class), known)}: there are {', '.join(known)}"
        )
    return get_storage(url)


def _study(url: str | None, storage_class: str | None, name: str | None, sampler: Any = None) -> Study:
    from tunesmith.compat import optuna

    store = _storage(url, storage_class)
    try:
        study: Study = optuna.load_study(study_name=name, storage=store, sampler=sampler)
    except KeyError as error:
        raise click.ClickException(f"{error.args[0]}; `tunesmith create-study` makes one") from error
    except ValueError as error:
        raise click.UsageError(f"{error}; give --study-name") from error
    return study


def _sampler(name: str | None, arguments: dict[str, Any]) -> Any:
    from tunesmith.compat.optuna import samplers

    if name is None:
        return None
    if name not in samplers.__all__ or not name.endswith("Sampler"):
        known = [known for known in samplers.__all__ if known.endswith("Sampler")]
        raise click.UsageError(f"--sampler {name!r}{did_you_mean(name, known)}: there are {', '.join(known)}")
    return _checked(lambda: getattr(samplers, name)(**arguments))


def _checked(do: Callable[[], Any]) -> Any:
    """Call a function; what is wrong with the user's values is an error of the command line."""
    try:
        return do()
    except (KeyError, TypeError, ValueError) as error:
        raise click.ClickException(printable(str(error.args[0] if error.args else error))) from error


def json_object(option: str, text: str | None) -> dict[str, Any]:
    """Return the JSON object that an option was given, an empty one where it was not; UsageError if it is none."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"{option}: no JSON: {error}") from error
    if not isinstance(value, dict):
        raise click.UsageError(f'{option}: a JSON object is expected, such as {{"name": ...}}')
    return value


def all_of(option: str, first: Sequence[str], more: Sequence[str], read: Callable[[str, str], Any]) -> list[Any]:
    """Return the values of an option that takes several: the first one is the option's, the others follow it."""
    if more and not first:
        raise click.UsageError(f"unexpected argument {more[0]!r}")
    return [read(option, text) for text in (*first, *more)]


def number(option: str, text: str) -> float:
    """Return the number that an option was given; UsageError if it is none."""
    try:
        return float(text)
    except ValueError:
        raise click.UsageError(f"{option}: {text!r} is no number") from None


def _direction(option: str, text: str) -> str:
    if text not in DIRECTIONS:
        raise click.UsageError(f"{option}: {text!r} is neither minimize nor maximize")
    return text


def print_record(record: dict[str, Any], form: str, flatten: bool) -> None:
    """Print one record.

    Args:
        form: one of FORMATS.
        flatten: a column for each entry of a dict.
    """
    columns: dict[str, Any] = {}
    for key, value in record.items():
        if flatten and isinstance(value, dict):
            columns |= {f"{key}_{name}": item for name, item in value.items()}
        else:
            columns[key] = value.strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else value
    safe = {
        key: plain(value if value is None or isinstance(value, bool | int | float | str | dict | list) else str(value))
        for key, value in columns.items()
    }
    cells = {printable(key): "" if value is None else printable(str(value)) for key, value in safe.items()}
    if form == "json":
        _echo(json.dumps(safe))
    elif form == "yaml":  # in which JSON is one way to write a value
        _echo("\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in safe.items()))
    elif form == "value":
        _echo(" ".join(cells.values()))
    else:  # in the characters that scripts look for
        widths = [max(len(key), len(cell)) for key, cell in cells.items()]
        rule = f"+{'+'.join('-' * (width + 2) for width in widths)}+"
        head, row = (
            f"| {' | '.join(text.ljust(width) for text, width in zip(line, widths, strict=True))} |"
            for line in (cells.keys(), cells.values())
        )
        _echo("\n".join([rule, head, rule, row, rule]))
