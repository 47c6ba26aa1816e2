"""Optuna's commands with Optuna's options, for scripts: ``create-study`` and ``best-trial``, ``ask`` and ``tell``.

The last two are this library's own commands, with Optuna's options besides.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tunesmith.cli import ask as native
from tunesmith.cli.asking import TRIAL_ENDS, lend, trial_facts
from tunesmith.cli.options import json_object, study_name_option, with_options
from tunesmith.cli.output import RECORD_FORMATS, echo, flatten_option, print_record
from tunesmith.foundation.text import did_you_mean, printable

if TYPE_CHECKING:
    from tunesmith.compat.optuna.storages import BaseStorage
    from tunesmith.compat.optuna.study import Study

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
STORAGE_VARIABLES = ("OPTUNA_STORAGE", "TUNESMITH_STORAGE")  # environment variables, in this order
NOT_WITH_OURS = (
    "Optuna's distributions, sampler classes and storage classes are for a study that `tunesmith create-study` made; "
    "with -p, --minimize and --maximize, name a sampler as in --sampler tpe"
)
DIRECTION_WORDS = ("minimize", "maximize")
JOURNAL_CLASSES = ("JournalFileBackend", "JournalFileStorage")
storage_option: Decorator = click.option(
    "--storage",
    metavar="URL",
    envvar=STORAGE_VARIABLES,
    help=f"A file or a database's URL; left out: {' or '.join(STORAGE_VARIABLES)}.",
)
CLASS_HELP = "RDBStorage, or JournalFileBackend for a file of any name."
class_option: Decorator = click.option("--storage-class", metavar="CLASS", help=CLASS_HELP)


@click.command("create-study", context_settings={"ignore_unknown_options": True})
@storage_option
@class_option
@click.option("--study-name", metavar="NAME", help="Unique in the storage; made up if it is left out.")
@click.option("--direction", type=click.Choice(DIRECTION_WORDS), help="Of the only objective; minimize if left out.")
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
    study = _as_click_error(
        lambda: optuna.create_study(
            storage=_optuna_storage(storage, storage_class),
            study_name=study_name,
            direction=direction,
            directions=given or None,
            load_if_exists=skip_if_exists,
        )
    )
    echo(printable(study.study_name))


@click.command("best-trial")
@storage_option
@class_option
@study_name_option
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(RECORD_FORMATS),
    default="table",
    show_default=True,
    help="Of the output.",
)
@flatten_option
def best_trial(
    storage: str | None, storage_class: str | None, study_name: str | None, form: str, flatten: bool
) -> None:
    """Print the best trial; as `optuna best-trial` does. `tunesmith best` says how good it really is."""
    study = _optuna_study(storage, storage_class, study_name)
    trial = _as_click_error(lambda: study.best_trial)
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


# -- our own commands, which take Optuna's options too -----------------------------------------------------------------


ask_in_our_words: Any = native.ask.callback
tell_in_our_words: Any = native.tell.callback


def _with_optunas(
    command: click.Command, callback: Callable[..., Any], helps: Mapping[str, str], *options: click.Option
) -> click.Command:
    """Return a command of ours with Optuna's options too, and with other help of some that it has."""
    made = with_options(command, callback, *options)
    for option in made.params:
        if isinstance(option, click.Option):
            option.help = helps.get(str(option.name), option.help)
        if option.name == "storage":
            option.envvar = STORAGE_VARIABLES
    return made


def _ask_trial(sampler_kwargs: str | None, storage_class: str | None, **given: Any) -> Any:
    """Begin a trial; of a study that was made before, with Optuna's words for it."""
    name = given["sampler"]
    if sampler_kwargs and not name:
        raise click.UsageError("--sampler-kwargs are the arguments of --sampler; give both")
    told = json_object("--search-space", given["search_space"])
    are_distributions = any(isinstance(entry, dict) and "attributes" in entry for entry in told.values())
    if not (are_distributions or storage_class or (name or "").endswith("Sampler")):
        return ask_in_our_words(**given)
    native.check_parameters(told, given["params"])
    if given["params"] or given["minimize"] or given["maximize"]:
        raise click.UsageError(NOT_WITH_OURS)

    def begin() -> dict[str, Any]:
        from tunesmith.compat.optuna.distributions import json_to_distribution

        space = _as_click_error(lambda: {key: json_to_distribution(json.dumps(told[key])) for key in told})
        sampler = _optuna_sampler(name, json_object("--sampler-kwargs", sampler_kwargs))
        study = _optuna_study(given["storage"], storage_class, given["study"], sampler)
        until = time.time() + given["lease"]
        lend(study.native, until, given["pid"])
        return trial_facts(study.native, _as_click_error(lambda: study.ask(space)).native, until)

    return native.print_begun(begin, given["form"], given["flatten"])


def _tell(storage_class: str | None, **given: Any) -> Any:
    """End a trial; of which class the storage is, it says itself."""
    return tell_in_our_words(**given)


class_param = click.Option(["--storage-class"], metavar="CLASS", help=CLASS_HELP)
ask = _with_optunas(
    native.ask,
    _ask_trial,
    {
        "search_space": 'The parameters as a JSON object, {"lr": "log(1e-5, 1e-1)"}; '
        "or Optuna's distributions by name.",
        "sampler": "Who proposes: auto, tpe, gp, random, ...; or Optuna's class.",
    },
    click.Option(["--sampler-kwargs"], metavar="JSON", help='Arguments of Optuna\'s class, such as {"seed": 1}.'),
    class_param,
)
tell = _with_optunas(
    native.tell,
    _tell,
    {},
    click.Option(["--trial-number"], type=int, metavar="N", help="The trial, as Optuna's option."),
    click.Option(["--values"], multiple=True, metavar="VALUE ...", help="The values, as Optuna's option."),
    click.Option(["--state"], type=click.Choice(list(TRIAL_ENDS)), help="How it ended, as Optuna's option."),
    class_param,
)


# -- the parts -----------------------------------------------------------------------------------------------------


def _optuna_storage(url: str | None, storage_class: str | None) -> BaseStorage:
    from tunesmith.compat.optuna.storages import BaseStorage, get_storage
    from tunesmith.storage import open_storage

    if not url:
        raise click.UsageError("give --storage, such as sqlite:///tune.db")
    if storage_class in JOURNAL_CLASSES or (storage_class is None and os.path.isfile(url)):  # of any name, as there
        return BaseStorage(open_storage(Path(url)))
    if storage_class not in (None, "RDBStorage"):
        known = (*JOURNAL_CLASSES, "RDBStorage")
        raise click.UsageError(
            f"--storage-class {storage_class!r}{did_you_mean(str(storage_class), known)}: there are {', '.join(known)}"
        )
    return get_storage(url)


def _optuna_study(url: str | None, storage_class: str | None, name: str | None, sampler: Any = None) -> Study:
    from tunesmith.compat import optuna

    store = _optuna_storage(url, storage_class)
    try:
        study: Study = optuna.load_study(study_name=name, storage=store, sampler=sampler)
    except KeyError as error:
        raise click.ClickException(f"{error.args[0]}; `tunesmith create-study` makes one") from error
    except ValueError as error:
        raise click.UsageError(f"{error}; give --study-name") from error
    return study


def _optuna_sampler(name: str | None, arguments: dict[str, Any]) -> Any:
    from tunesmith.compat.optuna import samplers

    if name is None:
        return None
    if name not in samplers.__all__ or not name.endswith("Sampler"):
        known = [known for known in samplers.__all__ if known.endswith("Sampler")]
        raise click.UsageError(f"--sampler {name!r}{did_you_mean(name, known)}: there are {', '.join(known)}")
    return _as_click_error(lambda: getattr(samplers, name)(**arguments))


def _as_click_error(do: Callable[[], Any]) -> Any:
    """Call a function; what is wrong with the user's values is an error of the command line."""
    try:
        return do()
    except (KeyError, TypeError, ValueError) as error:
        raise click.ClickException(printable(str(error.args[0] if error.args else error))) from error


def all_of(option: str, first: Sequence[str], more: Sequence[str], read: Callable[[str, str], Any]) -> list[Any]:
    """Return the values of an option that takes several: the first one is the option's, the others follow it."""
    if more and not first:
        raise click.UsageError(f"unexpected argument {more[0]!r}")
    return [read(option, text) for text in (*first, *more)]


def _direction(option: str, text: str) -> str:
    if text not in DIRECTION_WORDS:
        raise click.UsageError(f"{option}: {text!r} is neither minimize nor maximize")
    return text
