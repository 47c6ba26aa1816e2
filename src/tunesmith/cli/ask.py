"""``tunesmith ask`` and ``tunesmith tell``: for programs in any language that hold the loop themselves."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from tunesmith.cli.asking import (
    LEASE_SECONDS,
    TRIAL_ENDS,
    begin_trial,
    end_trial,
    in_order,
    report_step,
    study_to_ask,
    study_to_tell,
)
from tunesmith.cli.options import STORAGE_VARIABLE, json_object, name_and_value
from tunesmith.cli.output import RECORD_FORMATS, echo, flatten_option, json_text, print_record
from tunesmith.cli.run import TIME, TYPE_OF, settings_from
from tunesmith.cli.settings import params_of_json
from tunesmith.errors import SpaceExhaustedError, TrialsSpentError
from tunesmith.foundation import registry
from tunesmith.foundation.text import close_matches, did_you_mean, listing, shown

NOTHING_LEFT = 3  # the exit status of an ask that gets no trial, so that a loop ends
storage_option = click.option(
    "--storage", metavar="PLACE", envvar=STORAGE_VARIABLE, help="A file or a database's URL (tune.db)."
)
study_option = click.option(
    "--study", "--study-name", "study", metavar="NAME", help="The study; it need not be named where there is only one."
)
file_option = click.option(
    "--file", metavar="FILE", help="Read the settings from FILE, as `run` does (tune.toml, if it is here)."
)


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
@click.option("--search-space", metavar="JSON", help='The parameters as a JSON object, {"lr": "log(1e-5, 1e-1)"}.')
@file_option
@click.option("--minimize", metavar="METRIC", multiple=True, help="An objective, to be as low as possible.")
@click.option("--maximize", metavar="METRIC", multiple=True, help="The same, as high as possible.")
@storage_option
@study_option
@click.option("--trials", metavar="N", type=TYPE_OF["trials"], help="How many trials the study has in all.")
@click.option("--seed", metavar="N", type=TYPE_OF["seed"], help="Of a new study; random by default.")
@click.option("--sampler", metavar="NAME", help="Who proposes: auto, tpe, gp, random, ...")
@click.option(
    "--pruner", metavar="NAME", type=TYPE_OF["pruner"], help="Who stops hopeless trials: auto, nop, median, ..."
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
    type=TIME,
    default=LEASE_SECONDS,
    help="After this time the trial may be given to another one (1d); not while the process of --pid lives.",
)
@click.option("-f", "--format", "form", type=click.Choice(RECORD_FORMATS), default="json", help="Of the output (json).")
@flatten_option
def ask(
    params: Sequence[str],
    search_space: str | None,
    file: str | None,
    change: bool,
    pid: int | None,
    lease: float,
    form: str,
    flatten: bool,
    **given: Any,
) -> int:
    """Begin a trial, and print its number and parameters as JSON; `tell` ends it.

    For programs that hold the loop themselves. The first ask makes the study, from the parameters and what is to be
    minimized or maximized; the same command again goes on. The exit status is 3 where no trial is left.
    """
    told = json_object("--search-space", search_space)
    check_parameters(told, params)
    if (sampler := given["sampler"]) is not None and sampler not in registry.names("samplers"):
        known = sorted(registry.names("samplers"))
        raise click.UsageError(f"--sampler {sampler!r}{did_you_mean(sampler, known)}: there are {', '.join(known)}")

    def begun() -> dict[str, Any]:
        settings = settings_from((), file, params, given)
        settings.params |= params_of_json(told)
        return begin_trial(*study_to_ask(settings, change=change), lease, pid)

    return print_begun(begun, form, flatten)


def check_parameters(told: Mapping[str, Any], params: Sequence[str]) -> None:
    """Raise UsageError if parameters were given in both ways."""
    if told and params:
        raise click.UsageError("give the parameters by -p or by --search-space, not both")


def print_begun(begun: Callable[[], dict[str, Any]], form: str, flatten: bool) -> int:
    """Print a trial that begins, and return the exit status.

    Args:
        begun: begins it, and returns what it is.
        form: one of FORMATS.
        flatten: whether each parameter is a column.
    """
    try:
        facts = begun()
    except (TrialsSpentError, SpaceExhaustedError) as error:
        echo(f"no trial is left: {error}", err=True)
        return NOTHING_LEFT
    if form != "json":
        print_record({key: facts[key] for key in ("number", "params")}, form, flatten)
        return 0
    columns = {f"params_{key}": value for key, value in facts.pop("params").items()} if flatten else {}
    echo(json_text(facts | columns, None))
    return 0


@click.command(
    context_settings={"ignore_unknown_options": True},  # so that a negative number is no option
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
@file_option
@storage_option
@study_option
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
    trial_number: int | None = None,
    values: tuple[str, ...] = (),
    state: str | None = None,
) -> None:
    """End a trial that `ask` began, with its value, and print what is stored as JSON.

    Several objectives take their values in the order of the study, by name, or as a JSON object. NaN is a failure. The
    same result told twice is stored once; another one is an error.
    """
    number, results = _number_and_results(words, trial_number, values)
    ways = {way for way, is_given in (("fail", fail), ("pruned", pruned), (state, state)) if is_given}
    if len(ways) > 1:
        raise click.UsageError("a trial ends in one way: give one of --fail, --pruned and --state")
    ended = TRIAL_ENDS[ways.pop() or ""] if ways else None
    if ended in (TRIAL_ENDS["fail"], TRIAL_ENDS["pruned"]) and results:
        how = "failed" if ended is TRIAL_ENDS["fail"] else "was pruned; its value is the last report"
        raise click.UsageError(f"a trial that {how} takes no value; got {' '.join(results)}")
    if step is not None and (ended or not results):
        raise click.UsageError("--step goes with a value, and with no end: `tunesmith tell 0 0.5 --step 4`")
    if ended is None and not results:
        raise click.UsageError(f"give the value, as in `tunesmith tell {number} 0.31`, or --fail or --pruned")
    given = {"storage": storage, "study": study, "minimize": (), "maximize": ()}
    found = study_to_tell(settings_from((), file, (), given))
    numbers = in_order(found, _result(results)) if results else None
    spent = None if cost is None else _figure("--cost", cost)
    notes = {key: _json(value) for key, value in (name_and_value("--attr", text) for text in attrs)}
    if step is not None and numbers is not None:
        if noise or constraints or skip_if_finished:
            raise click.UsageError("--noise, --constraint and --skip-if-finished are for the end, and not for --step")
        facts = report_step(found, number, numbers, step, spent, notes)
    else:
        figures = dict(name_and_value("--constraint", text) for text in constraints)
        facts = end_trial(
            found,
            number,
            numbers,
            ended,
            reason=reason,
            cost=spent,
            noise=[_figure("--noise", text) for text in noise],
            constraints={key: _figure("--constraint", value) for key, value in figures.items()},
            attrs=notes,
            skip_if_finished=skip_if_finished,
        )
    if trial_number is None:  # else as the option's owner, which prints nothing
        echo(json_text(facts, None))


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
    pairs = [name_and_value("the value", word) for word in words]
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise click.UsageError(f"a value is given twice: {listing(names)}")
    return {name: _figure(name, text) for name, text in pairs}


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
