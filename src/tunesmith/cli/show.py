"""``tunesmith show``: one study, or one trial of it, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from tunesmith.cli.options import json_option, look_at, storage_argument, study_option
from tunesmith.cli.output import echo, param, print_expected, print_json, print_spark, print_table
from tunesmith.cli.records import trial_dict, value_text
from tunesmith.foundation.formats import cell_text
from tunesmith.foundation.languages import joined_texts, say
from tunesmith.foundation.reader import language
from tunesmith.foundation.text import printable
from tunesmith.study.answer import answer
from tunesmith.study.summary import best_values, middle

if TYPE_CHECKING:
    from tunesmith.study.snapshot import Snapshot
    from tunesmith.trial.record import FrozenTrial

FAILURES_SHOWN = 5  # kinds of failure


@click.command()
@storage_argument
@study_option
@click.option("--trial", "number", type=click.IntRange(0), metavar="N", help="Show this trial instead of the study.")
@json_option
def show(storage: str, name: str | None, number: int | None, as_json: bool) -> None:
    """Show a study: its best trial, counts, and what failed; or one of its trials."""
    seen = look_at(storage, name)
    if number is not None:
        try:
            (found,) = seen.get_trials(numbers=[number])
        except KeyError:
            raise click.UsageError(f"the study {seen.study_name!r} has no trial {number}") from None
        _show_trial(found, as_json)
        return
    facts, saved = _facts(seen), seen.once(answer).saved
    if as_json:
        print_json(facts)
        return
    directions = joined_texts(say(direction) for direction in facts["directions"])
    counted = [say("{:,} " + state, n) for state, n in facts["trials"].items()]
    tally = seen.tally if language() == "en" else joined_texts(counted) or say("no trials")
    echo(say("{}: {}; {}", printable(seen.study_name), directions, tally))  # no name is read as a message
    for line in facts["recommendation"]:
        echo(line, wrap=True)
    _draw(seen)
    if facts["sure"]:
        echo(joined_texts((facts["sure"], facts["why"]), ": "), wrap=True)
    if facts["next"]:
        echo(facts["next"], wrap=True)
    if facts["front"]:
        echo(f"{len(facts['front'])} trials are not dominated by any other: {', '.join(map(str, facts['front']))}.")
    if saved is not None:
        echo(str(saved), wrap=True)
    if facts["stop_reason"]:
        echo(f"It stopped by itself: {facts['stop_reason']}")
    if facts["metrics"]:
        names = ", ".join(map(printable, facts["metrics"]))
        echo(f"Logged: {names}. `tunesmith plot metrics` draws them.", wrap=True)
    for failure in facts["failures"][:FAILURES_SHOWN]:
        echo(f"{failure['trials']} failed: {printable(failure['reason'])}", wrap=True)
    if facts["space"]:
        print_table(["parameter", "range"], list(facts["space"].items()))


def _draw(seen: Snapshot) -> None:
    """Print in a terminal what to expect as an interval, beside the best value and the middle one; and how it came."""
    found = seen.once(answer).found
    if found is not None:
        print_expected(found, () if found.report is not None else (middle(seen),))
    if len(seen.directions) == 1:
        print_spark(best_values(seen).tolist(), "best value")


def _facts(seen: Snapshot) -> dict[str, Any]:
    told, several = seen.once(answer), len(seen.directions) > 1
    words = [] if told.missing is None else [f"Nothing can be recommended: {told.missing}."]
    sure, saved = told.sure, told.saved
    return {
        "name": seen.study_name,
        "directions": [d.value for d in seen.directions],
        "seed": seen.seed,
        "trials": seen.named_counts,
        "recommendation": words if told.found is None else told.found.sentences(),
        "sure": None if sure is None else sure.name,
        "why": None if sure is None else sure.why,
        "next": told.next if len(seen.history) and not several else None,
        "front": [t.number for t in told.front],
        "saved": None if saved is None else " ".join(saved.sentences()),
        "stop_reason": told.stopped,
        "failures": [{"trials": r.trials, "reason": r.text or "no reason is known"} for r in told.failures],
        "metrics": {name: len(numbers) for name, numbers in seen.logged().items()},
        "space": {} if seen.space is None else {name: str(p) for name, p in seen.space.params.items()},
        "user_attrs": dict(seen.user_attrs),
    }


def _show_trial(trial: FrozenTrial, as_json: bool) -> None:
    if as_json:
        print_json(trial_dict(trial, whole=True))
        return
    value = value_text(trial)
    shown = "" if value is None else f", value {cell_text(value)}"
    echo(f"trial {trial.number}: {trial.state.name}{shown}")
    curve = trial.learning_curve()
    print_spark([reported for reported, _ in curve.values() if isinstance(reported, float)], "reported values")
    if trial.reason:
        echo(printable(trial.reason, lines=True))
    params = ((key, param(value)) for key, value in trial.flat_params.items())
    rows = [*params, *((f"{key} (attribute)", value) for key, value in trial.user_attrs.items())]
    if rows:
        print_table(["name", "value"], [[key, cell_text(value)] for key, value in rows])
    if curve:
        print_table(["step", "value", "cost"], [[step, value, cost] for step, (value, cost) in curve.items()])
    if metrics := trial.metrics:
        of_metrics = [
            [name, len(step), int(step[-1]), *_last_and_ends(value)] for name, (step, value) in sorted(metrics.items())
        ]
        print_table(["metric", "values", "last step", "last value", "lowest", "highest"], of_metrics)
    if trial.output:
        echo("what it printed last:")
        echo(printable(trial.output, lines=True))


def _last_and_ends(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the last value, the lowest and the highest one; NaN is neither, unless there is nothing else."""
    known = values[~np.isnan(values)] if not np.isnan(values).all() else values
    return float(values[-1]), float(known.min()), float(known.max())
