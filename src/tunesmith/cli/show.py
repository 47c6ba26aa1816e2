"""``tunesmith show``: one study, or one trial of it, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tunesmith.cli.options import json_option, open_study, storage_argument, study_option
from tunesmith.cli.output import cell, echo, param, print_json, print_table
from tunesmith.cli.records import trial_dict, value_text
from tunesmith.foundation.languages import joined_texts, say
from tunesmith.foundation.reader import language
from tunesmith.foundation.text import printable
from tunesmith.study.advice import next_step, sureness
from tunesmith.study.summary import counts_of

if TYPE_CHECKING:
    from tunesmith.study import Study
    from tunesmith.study.savings import Savings
    from tunesmith.trial.record import FrozenTrial

SHOWN = 5  # kinds of failure


@click.command()
@storage_argument
@study_option
@click.option("--trial", "number", type=click.IntRange(0), metavar="N", help="Show this trial instead of the study.")
@json_option
def show(storage: str, name: str | None, number: int | None, as_json: bool) -> None:
    """Show a study: its best trial, counts, and what failed; or one of its trials."""
    study = open_study(storage, name)
    if number is not None:
        try:
            (found,) = study.get_trials(numbers=[number])
        except KeyError:
            raise click.UsageError(f"the study {study.study_name!r} has no trial {number}") from None
        _show_trial(found, as_json)
        return
    saved = study.savings
    facts = _facts(study, saved)
    if as_json:
        print_json(facts)
        return
    directions = joined_texts(say(direction) for direction in facts["directions"])
    counted = [say("{:,} " + state, n) for state, n in facts["trials"].items()]
    tally = study.tally if language() == "en" else joined_texts(counted) or say("no trials")
    echo(say("{}: {}; {}", printable(study.study_name), directions, tally))  # no name is read as a message
    for line in facts["recommendation"]:
        echo(line, wrap=True)
    if facts["sure"]:
        echo(joined_texts((facts["sure"], facts["why"]), ": "), wrap=True)
    if facts["next"]:
        echo(facts["next"], wrap=True)
    if facts["front"]:
        echo(f"{len(facts['front'])} trials are not dominated by any other: {', '.join(map(str, facts['front']))}.")
    if saved is not None:
        echo(str(saved))
    if facts["stop_reason"]:
        echo(f"It stopped by itself: {facts['stop_reason']}")
    for failure in facts["failures"][:SHOWN]:
        echo(f"{failure['trials']} failed: {printable(failure['reason'])}")
    if facts["space"]:
        print_table(["parameter", "range"], list(facts["space"].items()))


def _facts(study: Study, saved: Savings | None) -> dict[str, Any]:
    several, found = len(study.directions) > 1, None
    try:
        found = None if several else study.recommend()
        words = [] if found is None else found.sentences()
    except ValueError as error:  # no trial is complete yet
        words = [f"Nothing can be recommended: {error}."]
    sure = None if found is None else sureness(study, found)
    failures = study.failure_reasons()
    space = study.history.space
    return {
        "name": study.study_name,
        "directions": [d.value for d in study.directions],
        "seed": study.seed,
        "trials": counts_of(study.storage, study.study_id),
        "recommendation": words,
        "sure": None if sure is None else sure.name,
        "why": None if sure is None else sure.why,
        "next": next_step(study, found) if len(study.history) and not several else None,
        "front": [t.number for t in study.best_trials] if several else [],
        "saved": None if saved is None else " ".join(saved.sentences()),
        "stop_reason": study.stored_stop_reason,
        "failures": [{"trials": r.trials, "reason": r.text or "no reason is known"} for r in failures],
        "space": {} if space is None else {name: str(p) for name, p in space.params.items()},
        "user_attrs": dict(study.user_attrs),
    }


def _show_trial(trial: FrozenTrial, as_json: bool) -> None:
    if as_json:
        print_json(trial_dict(trial, whole=True))
        return
    value = value_text(trial)
    shown = "" if value is None else f", value {cell(value)}"
    echo(f"trial {trial.number}: {trial.state.name}{shown}")
    if trial.reason:
        echo(printable(trial.reason, lines=True))
    params = ((key, param(value)) for key, value in trial.flat_params.items())
    rows = [*params, *((f"{key} (attribute)", value) for key, value in trial.user_attrs.items())]
    if rows:
        print_table(["name", "value"], [[key, cell(value)] for key, value in rows])
    if curve := trial.learning_curve():
        print_table(["step", "value", "cost"], [[step, value, cost] for step, (value, cost) in curve.items()])
    if trial.output:
        echo("what it printed last:")
        echo(printable(trial.output, lines=True))
