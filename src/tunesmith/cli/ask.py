"""``tunesmith ask`` and ``tunesmith tell``: for programs in any language that hold the loop themselves."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from typing import Any

import click

from tunesmith.cli.asking import ENDS, LEASE, in_order, lend, report, study_to_ask, study_to_tell, trial_facts
from tunesmith.cli.asking import ask as begin
from tunesmith.cli.asking import tell as end
from tunesmith.cli.output import echo, json_text
from tunesmith.cli.run import TYPES, Time, settings_from
from tunesmith.cli.settings import params_of_json
from tunesmith.compat import commands
from tunesmith.errors import SpaceExhaustedError, TrialsSpentError
from tunesmith.foundation import registry
from tunesmith.foundation.text import close_matches, did_you_mean, listing, shown

NOTHING_LEFT = 3  # the exit status of an ask that gets no trial, so that a loop ends
STORAGE_HELP = "A file or a database's URL (tune.db)."
STUDY_HELP = "The study; it need not be named where there is only one."
FILE_HELP = "Read the settings from FILE, as `run` does (tune.toml, if it is here)."


@click.command(
    epilog='Example:  tunesmith ask -p "lr=log(1e-5, 1e-1)" -p "opt=sgd | adam" --minimize loss --pid $$ prints '
    '{"study": "study", "number": 0, "params": {"lr": 0.003, "opt": "sgd"}, ...}; then tunesmith tell 0 0.31'
)
@click.option(
    "-p",
    "--param",
    "params",
    metavar="NAME=WHAT",
    multiple=True,
    help="A parameter: log(1e-5, 1e-1), int(1, 5), sgd | adam, fixed(3). The first ask needs them.",
)
@click.option(
    "--search-space",
    metavar="JSON",
    help=f'The parameters as a JSON object, {{"lr": "log(1e-5, 1e-1)"}}; {commands.OR_DISTRIBUTIONS}.',
)
@click.option("--file", metavar="FILE", help=FILE_HELP)
@click.option("--minimize", metavar="METRIC", multiple=True, help="An objective, to be as low as possible.")
@click.option("--maximize", metavar="METRIC", multiple=True, help="The same, as high as possible.")
@click.option("--storage", metavar="PLACE", help=STORAGE_HELP)
@click.option("--study", "--study-name", "study", metavar="NAME", help=STUDY_HELP)
@click.option("--trials", metavar="N", type=TYPES["trials"], help="How many trials the study has in all.")
@click.option("--seed", metavar="N", type=TYPES["seed"], help="Of a new study; random by default.")
@click.option("--sampler", metavar="NAME", help=f"Who proposes: auto, tpe, gp, random, ...; {commands.OR_CLASS}.")
@click.option(
    "--pruner", metavar="NAME", type=TYPES["pruner"], help="Who stops hopeless trials: auto, nop, median, ..."
)
@click.option(
    "--priors/--no-priors", default=None, help="Begin where parameters of such names are usually good (as by default)."
)
@click.option("--change", is_flag=True, help="Go on with a study although the parameters are not those that it has.")
@click.option(
    "--pid",
    type=click.IntRange(min=1),
    metavar="N",
    help="The process that holds the loop, such as $$ in a shell: when it has ended, its trials are run again.",
)
@click.option(
    "--lease",
    type=Time(),
    default=LEASE,
    help="After this time the trial may be given to another one (1d); not while the process of --pid lives.",
)
@click.option(
    "-f", "--format", "form", type=click.Choice(commands.FORMATS), default="json", help="Of the output (json)."
)
@commands.flatten_option
@click.option("--sampler-kwargs", metavar="JSON", help=commands.ARGUMENTS_HELP)
@commands.class_option
def ask(
    params: Sequence[str],
    search_space: str | None,
    file: str | None,
    storage: str | None,
    study: str | None,
    change: bool,
    pid: int | None,
    lease: float,
    form: str,
    flatten: bool,
    sampler: str | None,
    sampler_kwargs: str | None,
    storage_class: str | None,
    **given: Any,
) -> int:
    """Begin a trial, and print its number and parameters as JSON; `tell` ends it.

    For programs that hold the loop themselves. The first ask makes the study, from the parameters and what is to be
    minimized or maximized; the same command again goes on. The exit status is 3 where no trial is left.
    """
    if sampler_kwargs and not sampler:
        raise click.UsageError("--sampler-kwargs are the arguments of --sampler; give both")
    told = commands.json_object("--search-space", search_space)
    if told and params:
        raise click.UsageError("give the parameters by -p or by --search-space, not both")
    storage = storage or _storage_of_the_environment()
    try:
        if commands.is_search_space(told) or commands.is_sampler(sampler) or storage_class:
            if params or given["minimize"] or given["maximize"]:
                raise click.UsageError(commands.NOT_WITH_OURS)
            arguments = commands.json_object("--sampler-kwargs", sampler_kwargs)
            facts = _ask_in_other_words(storage, storage_class, study, sampler, arguments, told, lease, pid)
        else:
            if sampler is not None and sampler not in registry.names("samplers"):
                known = sorted(registry.names("samplers"))
                raise click.UsageError(
                    f"--sampler {sampler!r}{did_you_mean(sampler, known)}: there are {', '.join(known)}"
                )
            given |= {"storage": storage, "study": study, "sampler": sampler}
            settings = settings_from((), file, params, given)
            settings.params |= params_of_json(told)
            asked, below = study_to_ask(settings, change=change)
            facts = begin(asked, below, lease, pid)
    except (TrialsSpentError, SpaceExhaustedError) as error:
        echo(f"no trial is left: {error}", err=True)
        return NOTHING_LEFT
    if form == "json":
        columns = {f"params_{key}": value for key, value in facts.pop("params").items()} if flatten else {}
        print_line(facts | columns)
    else:
        commands.print_record({key: facts[key] for key in ("number", "params")}, form, flatten)
    return 0


def _ask_in_other_words(
    storage: str | None,
    storage_class: str | None,
    name: str | None,
    sampler: str | None,
    arguments: dict[str, Any],
    told: dict[str, Any],
    lease: float,
    pid: int | None,
) -> dict[str, Any]:
    """Begin a trial of a study that was made before, with Optuna's words for it."""
    study, space = commands.study_and_space(storage, storage_class, name, sampler, arguments, told)
    until = time.time() + lease
    lend(study.native, until, pid)
    try:
        trial = study.ask(space)
    except (KeyError, TypeError, ValueError) as error:
        raise click.ClickException(str(error.args[0] if error.args else error)) from error
    return trial_facts(study.native, trial.native, until)


@click.command(
    context_settings=commands.SEVERAL,  # so that a negative number is no option
    epilog="Examples:  tunesmith tell 0 0.31;  tunesmith tell 1 loss=0.31 size=12;  tunesmith tell 2 --fail --reason "
    "'out of memory';  tunesmith tell 3 0.5 --step 4 reports how trial 3 stands, and prints whether it should stop.",
)
@click.argument("words", nargs=-1, metavar="NUMBER [VALUE | NAME=VALUE | JSON]...")
@click.option("--fail", is_flag=True, help="The trial failed.")
@click.option("--pruned", is_flag=True, help="It was stopped; its value is the last one that was reported.")
@click.option("--reason", metavar="TEXT", help="Why it failed or was stopped.")
@click.option("--step", type=click.IntRange(min=0), metavar="N", help="The value is that after a step.")
@click.option("--noise", metavar="SD", multiple=True, help="The standard deviation of the value's error; one for each.")
@click.option("--cost", metavar="COST", help="What it cost, in a unit of your own; by default the seconds.")
@click.option(
    "--constraint", "constraints", metavar="NAME=VALUE", multiple=True, help="At most 0 where the trial is feasible."
)
@click.option("--attr", "attrs", metavar="NAME=VALUE", multiple=True, help="A note to keep; JSON or text.")
@click.option("--skip-if-finished", is_flag=True, help="Do nothing if the trial is finished.")
@click.option("--file", metavar="FILE", help=FILE_HELP)
@click.option("--storage", metavar="PLACE", help=STORAGE_HELP)
@click.option("--study", "--study-name", "study", metavar="NAME", help=STUDY_HELP)
@click.option("--trial-number", type=int, metavar="N", help=commands.TRIAL_HELP)
@click.option("--values", multiple=True, metavar="VALUE ...", help=commands.VALUES_HELP)
@click.option("--state", type=click.Choice(list(ENDS)), help=commands.STATE_HELP)
@commands.class_option
def tell(
    words: tuple[str, ...],
    fail: bool,
    pruned: bool,
    reason: str | None,
    step: int | None,
    noise: tuple[str, ...],
    cost: str | None,
    constraints: tuple[str, ...],
    attrs: tuple[str, ...],
    skip_if_finished: bool,
    file: str | None,
    storage: str | None,
    study: str | None,
    trial_number: int | None,
    values: tuple[str, ...],
    state: str | None,
    storage_class: str | None,
) -> None:
    """End a trial that `ask` began, with its value, and print what is stored as JSON.

    Several objectives take their values in the order of the study, by name, or as a JSON object. NaN is a failure. The
    same result told twice is stored once; another one is an error.
    """
    number, results = _number_and_results(words, trial_number, values)
    ends = {ENDS[state]} if state else set()
    ends |= ({ENDS["fail"]} if fail else set()) | ({ENDS["pruned"]} if pruned else set())
    if len(ends) > 1:
        raise click.UsageError("a trial ends in one way: give one of --fail, --pruned and --state")
    ended = next(iter(ends), None)
    if ended in (ENDS["fail"], ENDS["pruned"]) and results:
        how = "failed" if ended is ENDS["fail"] else "was pruned; its value is the last report"
        raise click.UsageError(f"a trial that {how} takes no value; got {' '.join(results)}")
    if step is not None and (ended or not results):
        raise click.UsageError("--step goes with a value, and with no end: `tunesmith tell 0 0.5 --step 4`")
    if ended is None and not results:
        raise click.UsageError(f"give the value, as in `tunesmith tell {number} 0.31`, or --fail or --pruned")
    given = {"storage": storage or _storage_of_the_environment(), "study": study, "minimize": (), "maximize": ()}
    found = study_to_tell(settings_from((), file, (), given))
    numbers = in_order(found, _result(results)) if results else None
    spent = None if cost is None else _figure("--cost", cost)
    notes = dict(_pair("--attr", text) for text in attrs)
    if step is not None and numbers is not None:
        if noise or constraints or skip_if_finished:
            raise click.UsageError("--noise, --constraint and --skip-if-finished are for the end, and not for --step")
        facts = report(found, number, numbers, step, spent, {key: _json(value) for key, value in notes.items()})
    else:
        figures = dict(_pair("--constraint", text) for text in constraints)
        facts = end(
            found,
            number,
            numbers,
            ended,
            reason=reason,
            cost=spent,
            noise=[_figure("--noise", text) for text in noise],
            constraints={key: _figure("--constraint", value) for key, value in figures.items()},
            attrs={key: _json(value) for key, value in notes.items()},
            skip_if_finished=skip_if_finished,
        )
    if trial_number is None:  # else as `optuna tell`, which prints nothing
        print_line(facts)


def print_line(facts: dict[str, Any]) -> None:
    """Print one JSON object on one line."""
    echo(json_text(facts, None))


def _storage_of_the_environment() -> str | None:
    return next((found for name in commands.STORAGES if (found := os.environ.get(name))), None)


def _number_and_results(
    words: tuple[str, ...], trial_number: int | None, values: tuple[str, ...]
) -> tuple[int, tuple[str, ...]]:
    """Return the number of the trial, and the words of its result; the number comes first, or by its option."""
    context = click.get_current_context()
    for word in words:
        if word.startswith("--"):
            known = [name for option in context.command.params for name in option.opts if name.startswith("--")]
            close = close_matches(word.partition("=")[0], known)
            raise click.UsageError(f"No such option: {word}{f' Did you mean {close[0]}?' if close else ''}", context)
    if trial_number is not None:
        return trial_number, (*values, *words)
    if not words:
        raise click.UsageError("Missing argument 'NUMBER': that of the trial, as `tunesmith ask` printed it", context)
    first, *rest = words
    if not first.isdecimal() or not first.isascii():
        raise click.UsageError(
            f"{first!r} is no number of a trial, which comes first: `tunesmith tell 0 0.31`", context
        )
    return int(first), (*values, *rest)


def _result(words: tuple[str, ...]) -> Any:
    """Return a result as numbers: one, a list of them, or a dict by name."""
    if len(words) == 1 and words[0].lstrip().startswith(("{", "[")):
        try:
            return json.loads(words[0])
        except (ValueError, RecursionError) as error:
            raise click.UsageError(f"{shown(words[0])} is no JSON: {error}") from error
    named = [word for word in words if "=" in word]
    if not named:
        return [_figure("the value", word) for word in words]
    if len(named) < len(words):
        raise click.UsageError(f"give all values by name or none; got {' '.join(words)}")
    pairs = [_pair("the value", word) for word in words]
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise click.UsageError(f"a value is given twice: {listing(names)}")
    return {name: _figure(name, text) for name, text in pairs}


def _pair(what: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.UsageError(f"{what}: expected NAME=VALUE; got {text!r}")
    return name, value


def _figure(what: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise click.UsageError(f"{what}: {text!r} is no number") from None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
