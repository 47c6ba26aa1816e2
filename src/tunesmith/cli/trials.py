"""``tunesmith trials`` and ``tunesmith export``: many trials, as a table or as a file."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import click

from tunesmith.cli.options import json_option, open_study, storage_argument, study_option
from tunesmith.cli.output import plain, print_json, print_table
from tunesmith.cli.records import trial_dict, value_text
from tunesmith.frozen import FrozenTrial
from tunesmith.state import TrialState
from tunesmith.text import did_you_mean, listing

STATES = [state.name.lower() for state in TrialState]
FORMATS = ("csv", "json", "parquet")
ATTRS = ("number", "state", "value", "params", "user_attrs", "constraints", "cost", "duration", "reason")


@click.command()
@storage_argument
@study_option
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Only these; may be repeated.")
@click.option(
    "--sort",
    default="number",
    metavar="NAME",
    help="number, value, cost, seconds or a parameter; with a minus before it, the highest first.",
)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many.")
@json_option
def trials(storage: str, name: str | None, states: tuple[str, ...], sort: str, limit: int, as_json: bool) -> None:
    """List trials, filtered and sorted."""
    study = open_study(storage, name)
    wanted = [TrialState[s.upper()] for s in states] or None
    found = study.get_trials(states=wanted)
    found = _sorted(found, sort)
    if as_json:
        print_json([trial_dict(t) for t in found[:limit]])
        return
    params = list(dict.fromkeys(key for t in found[:limit] for key in t.params))
    rows = [[t.number, t.state.name.lower(), value_text(t), *(t.params.get(p) for p in params)] for t in found[:limit]]
    print_table(["trial", "state", "value", *params], rows)
    if len(found) > limit:
        click.echo(f"{limit} of {len(found)} are shown; --limit shows more.")


def _sorted(found: list[FrozenTrial], by: str) -> list[FrozenTrial]:
    """Sort trials; those without a value come last either way."""
    key, falls = by.removeprefix("-"), by.startswith("-")
    own = {"number", "value", "cost", "seconds"}
    params = {name for t in found for name in t.params}
    if key not in own | params and found:
        raise click.UsageError(f"--sort {key!r}{did_you_mean(key, own | params)}: sort by {listing(own | params)}")

    def value(trial: FrozenTrial) -> Any:
        if key == "value":
            return None if trial.values is None else trial.values[0]
        if key in own:
            return {"number": trial.number, "cost": trial.cost, "seconds": trial.duration}[key]
        return trial.params.get(key)

    def missing(x: Any) -> bool:
        return x is None or (isinstance(x, float) and math.isnan(x))

    there = [t for t in found if not missing(value(t))]
    numbers = all(isinstance(value(t), (int, float)) for t in there)
    there.sort(key=lambda t: value(t) if numbers else str(value(t)), reverse=falls)
    return there + [t for t in found if missing(value(t))]


@click.command()
@storage_argument
@study_option
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file; by default, it is printed."
)
@click.option("--format", "form", type=click.Choice(FORMATS), help="By default what the file's name ends with, or csv.")
def export(storage: str, name: str | None, output: Path | None, form: str | None) -> None:
    """Write all trials to a CSV, JSON or Parquet file."""
    suffix = "" if output is None else output.suffix.removeprefix(".").lower()
    form = form or (suffix if suffix in FORMATS else None)
    if form is None and suffix:
        raise click.UsageError(f"{output}: its name does not end with .{', .'.join(FORMATS)}; give --format")
    study = open_study(storage, name)
    if form == "parquet":
        if output is None:
            raise click.UsageError("Parquet is not printed; give a file with --output")
        _parquet(study, output)
        return
    if form == "json":
        text = json.dumps([plain(trial_dict(t, whole=True)) for t in study.trials], indent=1, ensure_ascii=False) + "\n"
    else:
        from tunesmith.study.frame import to_columns

        text = _csv(to_columns(study.trials, len(study.directions), ATTRS))
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8", newline="")


def _csv(columns: dict[tuple[str, str], list[Any]]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([f"{attr}_{key}" if key else attr for attr, key in columns])
    writer.writerows([["" if v is None else v for v in row] for row in zip(*columns.values(), strict=True)])
    return out.getvalue()


def _parquet(study: Any, output: Path) -> None:
    try:
        study.trials_dataframe().to_parquet(output)
    except ImportError as error:
        raise click.ClickException(f"Parquet needs pandas and pyarrow: pip install pandas pyarrow ({error})") from error
