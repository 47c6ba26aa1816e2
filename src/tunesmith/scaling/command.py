"""``tunesmith scaling``: what to set in a large run, from a table of small ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tunesmith.cli.options import json_option
from tunesmith.cli.output import echo, print_json, print_table
from tunesmith.errors import ScalingError
from tunesmith.foundation.reader import LANGUAGE_CODES
from tunesmith.foundation.text import listing, printable, shown

if TYPE_CHECKING:
    from tunesmith.scaling import Advice, Plan, ScalingLaw

Columns = dict[str, list[Any]]
Split = dict[str, tuple[float, tuple[float, float]]]


@click.command()
@click.argument("runs", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--scale", required=True, metavar="NAMES", help="Columns that say how large a run is: params,tokens.")
@click.option(
    "--hyperparameters",
    metavar="NAMES",
    help="Columns that were tuned: lr,momentum=linear; by default all other columns of numbers, on a log scale where "
    "they are above 0.",
)
@click.option("--loss", default="loss", show_default=True, metavar="NAME", help="Column of the final loss.")
@click.option("--group", metavar="NAME", help="Column of a category, such as a family of models.")
@click.option(
    "--transfer", type=click.Choice(["mup"]), help="Test whether the optimal learning rate stays where it is."
)
@click.option(
    "--predict",
    "targets",
    multiple=True,
    metavar="NAME=VALUE,...",
    help="Scale of a large run: params=1e9,tokens=1e11; may be repeated.",
)
@click.option("--plan", "budget", type=float, metavar="RUNS", help="Buy small runs for so many runs of the target.")
@click.option(
    "--budget-flop", "flops", type=float, multiple=True, metavar="FLOP", help="Split a budget; may be repeated."
)
@click.option(
    "--report",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a report: a page (.html) or Markdown (.md).",
)
@click.option(
    "--lang", type=click.Choice(LANGUAGE_CODES), help="Language of the report; by default that of the command line."
)
@click.option("--force", is_flag=True, help="Replace the report if it is there.")
@json_option
def scaling(
    runs: Path,
    scale: str,
    hyperparameters: str | None,
    loss: str,
    group: str | None,
    transfer: str | None,
    targets: tuple[str, ...],
    budget: float | None,
    flops: tuple[float, ...],
    page: Path | None,
    lang: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Tell what to set in a large run, from a table of small ones, and how sure that is.

    RUNS has one run a row: how large it was, what was set, and its final loss, which is lower the better. It is a .csv,
    .tsv, .json, .jsonl or .parquet file.
    """
    if budget is not None and not targets:
        raise click.UsageError("--plan is for a large run: give its scale with --predict")
    if page is not None and page.exists() and not force:
        raise click.UsageError(f"{printable(str(page))} is there already; give --force to replace it, or another file")
    from tunesmith.report import write_report
    from tunesmith.scaling import ScalingLaw, ScalingResults

    columns = _runs_table(runs)
    scales = _column_names(scale, "--scale")
    tuned = _hyperparameters(columns, hyperparameters, [*scales, loss, *([] if group is None else [group])])
    law = ScalingLaw(scales, tuned, group=group, transfer=transfer).fit(columns, loss=loss)
    asked = [_scale_and_group(text, law) for text in targets]
    advice, refused = [], []
    for target, label in asked:
        try:
            advice.append(law.predict(target, group=label))
        except ScalingError as error:
            if budget is None:
                raise
            refused.append(str(error))  # of a narrow law, a plan is what is needed
    plans = [] if budget is None else [law.plan(target, budget, group=label) for target, label in asked]
    splits = [(flop, _compute_split(law, flop)) for flop in flops]
    if as_json:
        print_json(_facts_of_law(law, advice, plans, splits))
    else:
        _print_law(law, advice, plans, splits)
    if page is not None:
        write_report(ScalingResults(law, advice, plans, flops), page, lang=lang, overwrite=force)
        if not as_json:
            echo(f"report: {printable(str(page))}")

    if refused:
        raise ScalingError("\n".join(refused))


def _runs_table(path: Path) -> Columns:
    """Return the columns of a table; an empty cell is None."""
    from tunesmith.interchange.limits import Limits
    from tunesmith.interchange.tables import TABLE_ENDINGS, check_width, read_table_file
    from tunesmith.storage.redact import shown_spec

    if path.suffix.lower() not in TABLE_ENDINGS:
        raise click.UsageError(f"{shown_spec(path)}: a table of runs ends with {', '.join(TABLE_ENDINGS)}")
    limits = Limits(shown_spec(path))
    rows = read_table_file(path, limits)
    check_width(rows, limits)
    if not rows:
        raise ScalingError(f"{shown_spec(path)} has no runs")
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: [None if row.get(name) == "" else row.get(name) for row in rows] for name in names}


def _column_names(text: str, option: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise click.UsageError(f"{option}: expected names of columns with commas between them; got {shown(text)}")
    return names


def _hyperparameters(columns: Columns, given: str | None, others: Sequence[str]) -> dict[str, str]:
    """Return the hyperparameters and their forms."""
    if given is None:
        numbers = {name: found for name in columns if name not in others and (found := _finite_column(columns[name]))}
        tuned = {name: _form(found) for name, found in numbers.items() if min(found) < max(found)}
        if not tuned:
            raise ScalingError(
                f"no other column has numbers that differ; name the hyperparameters with --hyperparameters (there are "
                f"{listing(columns)})"
            )
        return tuned
    tuned = {}
    for text in _column_names(given, "--hyperparameters"):
        name, _, form = text.partition("=")
        tuned[name] = form or _form(_finite_column(columns.get(name, [])))
    return tuned


def _finite_column(column: Sequence[Any]) -> list[float]:
    """Return a column as finite numbers; nothing if it has anything else."""
    try:
        found = [float(cell) for cell in column]
    except (TypeError, ValueError):
        return []
    return found if all(map(math.isfinite, found)) else []


def _form(numbers: Sequence[float]) -> str:
    return "linear" if numbers and min(numbers) <= 0 else "log"


def _scale_and_group(text: str, law: ScalingLaw) -> tuple[dict[str, float], str | None]:
    """Return the scale that ``--predict`` names, and its group."""
    target: dict[str, float] = {}
    label = None
    for part in text.split(","):
        name, equals, value = (word.strip() for word in part.partition("="))
        if not equals or not name:
            raise click.UsageError(f"--predict: expected NAME=VALUE,NAME=VALUE; got {shown(text)}")
        if name == law.group:
            label = value
            continue
        try:
            target[name] = float(value)
        except ValueError:
            raise click.UsageError(f"--predict: {printable(name)} takes a number; got {shown(value)}") from None
    return target, label


def _compute_split(law: ScalingLaw, flop: float) -> Split:
    if law.loss_law is None:
        raise ScalingError("--budget-flop needs a loss law; there are too few scales for one, or losses below 0")
    return law.loss_law.compute_optimal(flop)


def _facts_of_law(
    law: ScalingLaw, advice: Sequence[Advice], plans: Sequence[Plan], splits: Sequence[tuple[float, Split]]
) -> dict[str, Any]:
    """Return what was found, for JSON."""
    calibration = law.fitted.calibration

    def with_interval(found: tuple[float, tuple[float, float]]) -> dict[str, Any]:
        return {"value": found[0], "interval": list(found[1])}

    return {
        "runs": len(law.fitted.runs.loss),
        "scales": len(law.fitted.runs.scales),
        "predictions": [one.to_dict() for one in advice],
        "slopes": [
            {"hyperparameter": name, "scale": variable, **with_interval(found)}
            for (name, variable), found in law.slopes.items()
        ],
        "calibration": {
            "inflation": calibration.inflation,
            "best_run": calibration.best_run,
            "folds": [
                {**asdict(fold), "error": dict(zip(law.hyperparameters, fold.error, strict=True))}
                for fold in calibration.folds
            ],
        },
        "transfer": [
            {
                "hyperparameter": found.hyperparameter,
                "scale": found.scale,
                **with_interval((found.slope, found.interval)),
                "bayes_factor": found.bayes_factor,
                "transfers": found.verdict,
            }
            for found in law.transfer
        ],
        "loss_law": law.loss_law and {name: with_interval(c) for name, c in law.loss_law.coefficients.items()},
        "splits": [
            {"flop": flop, **{name: with_interval(found) for name, found in split.items()}} for flop, split in splits
        ],
        "plans": [plan.to_dict() for plan in plans],
        "notes": list(law.notes),
    }


def _print_law(
    law: ScalingLaw, advice: Sequence[Advice], plans: Sequence[Plan], splits: Sequence[tuple[float, Split]]
) -> None:
    """Print what was found: the advice first."""
    from tunesmith.scaling.runs import written

    runs, calibration = law.fitted.runs, law.fitted.calibration
    echo(f"{len(runs.loss):,} runs at {len(runs.scales)} scales.")
    notes = [] if advice else law.notes
    for one in advice:
        echo(f"\n{one}")
    for note in notes:
        echo(note)
    echo("")
    slopes = [
        [name, variable, round(mean, 3), f"{low:+.3f} to {high:+.3f}"]
        for (name, variable), (mean, (low, high)) in law.slopes.items()
    ]
    echo("How the optimum moves:")
    print_table(["hyperparameter", "scale variable", "slope", "95 %"], slopes)
    if calibration.folds:
        echo("The largest scales left out: how many the 95 % region held:")
        print_table(
            ["factor", "scales fitted", "left out", "held, as fitted", "held, as given now"],
            [
                [f"{fold.factor:.3g}", fold.fitted, fold.left_out, f"{fold.before:.0%}", f"{fold.after:.0%}"]
                for fold in calibration.folds
            ],
        )
    for found in law.transfer:
        echo(f"{found}\n")
    if splits:
        first, second = law.scale
        echo("The split of a budget with the lowest loss (95 %):")
        print_table(
            ["budget (FLOP)", first, second, "loss"],
            [[f"{flop:.4g}", *(_with_interval(found) for found in split.values())] for flop, split in splits],
        )
    for plan in plans:
        now, then = plan.excess_loss
        where = written(plan.target)
        if not plan.runs:
            echo(f"What to run next for {where}: no run is within the budget.")
            continue
        echo(
            f"What to run next for {where}: {len(plan.runs)} runs for {plan.cost:.3g} of the target run; not knowing "
            f"the optimum then costs {then:.4f} in loss (now {now:.4f}):"
        )
        print_table(list(plan.runs[0]), [[f"{v:.4g}" for v in run.values()] for run in plan.runs], are_names=True)


def _with_interval(found: tuple[float, tuple[float, float]]) -> str:
    value, (low, high) = found
    return f"{value:.4g} ({low:.4g} to {high:.4g})"
