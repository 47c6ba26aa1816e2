"""What a report says of a scaling law: what to set at a large scale first, and why that can be believed or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tunesmith.errors import ScalingError
from tunesmith.foundation.languages import Words
from tunesmith.report.content import Content, Section, Table, drawn_if_any, stamped, versions
from tunesmith.scaling import Advice, LossLaw, Plan, ScalingLaw
from tunesmith.scaling.figures.scales import amount, place
from tunesmith.scaling.figures.scaling_bowls import scaling_bowls
from tunesmith.scaling.figures.scaling_coverage import scaling_coverage
from tunesmith.scaling.figures.scaling_optimum import scaling_optimum
from tunesmith.scaling.figures.scaling_plan import scaling_plan
from tunesmith.visualization.figure import four_digits

SCALES_SHOWN = 40  # rows of a table of scales or runs


@dataclass(frozen=True, eq=False)
class ScalingResults:
    """What a report of a scaling law is about.

    Attributes:
        law: fitted to runs.
        advice: what it said of large runs, the first one first.
        plans: which small runs to buy next.
        budgets: FLOP to split between two scale variables; the budgets of the targets need not be named.
    """

    law: ScalingLaw
    advice: Sequence[Advice] = ()
    plans: Sequence[Plan] = ()
    budgets: Sequence[float] = ()

    def _report_content_(self, words: Words) -> Content:
        return of_scaling(self, words)


def of_scaling(results: ScalingResults, words: Words) -> Content:
    """Return what a report says of a scaling law.

    Args:
        results: the law, and what was asked of it.
        words: the language.
    """
    law = results.law
    t = words.translate
    runs = law.fitted.runs
    sections = [
        *(_setting(law, advice, words) for advice in results.advice),
        _checked(law, words),
        _optima(law, words),
        _transfer(law, words),
        _loss(law, words),
        _splits(results, words),
        *(_plan(plan, words) for plan in results.plans),
        _found(law, words),
        _again(law, words),
    ]
    subtitle = stamped(t("{n} runs; report of {when} by tunesmith {version}"), len(runs.loss))
    title = words("Scaling law of {} against {}", ", ".join(runs.names), ", ".join(runs.scale))
    return Content(title, subtitle, [s for s in sections if not s.empty], words.language)


def _between(ends: Sequence[float]) -> str:
    return f"{four_digits(ends[0])} – {four_digits(ends[1])}"


def _setting(law: ScalingLaw, advice: Advice, words: Words) -> Section:
    t = words.translate
    section = Section(
        words("What to set at {}", place(tuple(advice.target), list(advice.target.values()), advice.group))
    )
    rows = [[name, four_digits(s.value), _between(s.interval), _between(s.tried)] for name, s in advice.items()]
    section.tables.append(Table([t("hyperparameter"), t("set it to"), t("95 % interval"), t("tried")], rows))
    say_it = section.sentences.append
    setting = ", ".join(f"{name} = {four_digits(s.value)} ({_between(s.interval)})" for name, s in advice.items())
    say_it(words("Set {}. With 95 %, the best run of a sweep there would have its values in these intervals.", setting))
    if advice.loss is not None:
        mean, ends = advice.loss
        say_it(
            words("The run is expected to reach a loss of {} (95 % interval {}).", four_digits(mean), _between(ends))
        )
    mean, most = advice.excess_loss
    say_it(
        words(
            "Not knowing the optimum costs {} of it on average, and with 95 % less than {}.",
            f"{mean:.2g}",
            f"{most:.2g}",
        )
    )
    say_it(words("The target is {} times the largest scale that was run.", four_digits(advice.factor)))
    for name, growth in advice.growth.items():
        say_it(words("For each further factor of 2 in {}, the widest interval grows by {}.", name, f"{growth - 1:.0%}"))
    section.sentences += words.known(note for note in advice.notes if note not in law.notes)
    section.figures += drawn_if_any(partial(scaling_optimum, law, advice.target, group=advice.group or None))
    return section


def _checked(law: ScalingLaw, words: Words) -> Section:
    t = words.translate
    section = Section(t("Whether the intervals can be believed"))
    calibration, names = law.fitted.calibration, law.fitted.runs.names
    if not calibration.folds:
        section.sentences.append(
            t("There are too few scales to leave the largest ones out, so nobody checked these intervals.")
        )
        return section
    section.sentences.append(
        t(
            "The largest scales were left out in turn and predicted from the smaller ones. This is the part of their "
            "optima that the joint 95 % region held, before and after the intervals were widened for it."
        )
    )
    rows = [
        [
            f"{fold.factor:.3g}",
            fold.fitted,
            fold.left_out,
            f"{fold.before:.0%}",
            f"{fold.after:.0%}",
            *(f"{error:.2g}" for error in fold.error),
        ]
        for fold in calibration.folds
    ]
    heads = [t("factor"), t("scales fitted"), t("left out"), t("held, as fitted"), t("held, as given now")]
    section.tables.append(Table([*heads, *(words("error of {} (ln)", name) for name in names)], rows))
    if calibration.inflation > 1:
        inflation = f"{calibration.inflation:.3g}"
        section.sentences.append(words("Standard deviations of the law are multiplied by {}.", inflation))
    if calibration.best_run > 1:
        farther = f"{calibration.best_run:.3g}"
        section.sentences.append(
            words("Best runs lay farther off: the intervals are wider by a factor of {}.", farther)
        )
    section.figures += drawn_if_any(partial(scaling_coverage, law))
    return section


def _optima(law: ScalingLaw, words: Words) -> Section:
    t = words.translate
    section = Section(t("Where the optimum is"))
    fitted = law.fitted
    runs, bowls = fitted.runs, fitted.bowls
    slopes = [
        [name, variable, f"{mean:+.3f}", f"{low:+.3f} – {high:+.3f}"]
        for (name, variable), (mean, (low, high)) in law.slopes.items()
    ]
    section.sentences.append(t("The slope says by which power of the scale variable the optimum moves."))
    section.tables.append(Table([t("hyperparameter"), t("scale variable"), t("slope"), t("95 % interval")], slopes))
    error = 1.96 * np.sqrt(np.diagonal(bowls.covariance, axis1=1, axis2=2))
    low, middle, high = (runs.natural(bowls.optimum + side * error) for side in (-1.0, 0.0, 1.0))
    n_runs = np.bincount(runs.cell, minlength=len(runs.scales))
    rows: list[list[Any]] = [
        [
            place(runs.scale, runs.scales[s].tolist(), runs.groups[s]),
            int(n_runs[s]),
            four_digits(bowls.level[s]),
            *(f"{four_digits(middle[s, j])} ({_between((low[s, j], high[s, j]))})" for j in range(len(runs.names))),
        ]
        for s in range(len(runs.scales))
    ]
    heads = [t("scale"), t("runs"), t("lowest loss"), *(words("optimum of {}", name) for name in runs.names)]
    section.tables.append(Table(heads, rows[-SCALES_SHOWN:]))
    if len(rows) > SCALES_SHOWN:
        section.sentences.append(words("The table shows the largest {} scales.", SCALES_SHOWN))
    section.figures += drawn_if_any(partial(scaling_bowls, law))
    return section


def _transfer(law: ScalingLaw, words: Words) -> Section:
    t = words.translate
    section = Section(t("Whether the parametrisation transfers"))
    if not law.transfer:
        return section
    section.sentences.append(
        t(
            "The hypothesis is that the optimum does not move with the size of the model. A Bayes factor above 3 is "
            "for it, and one below 1/3 is against it."
        )
    )
    said = {True: t("does not move"), False: t("moves"), None: t("the runs do not say")}
    rows = [
        [
            f.hyperparameter,
            f.scale,
            said[f.verdict],
            f"{f.slope:+.3f}",
            f"{f.interval[0]:+.3f} – {f.interval[1]:+.3f}",
            f"{f.bayes_factor:.3g}",
        ]
        for f in law.transfer
    ]
    heads = [
        t("hyperparameter"),
        t("scale variable"),
        t("the optimum"),
        t("slope"),
        t("95 % interval"),
        t("Bayes factor"),
    ]
    section.tables.append(Table(heads, rows))
    return section


def _loss(law: ScalingLaw, words: Words) -> Section:
    t = words.translate
    section = Section(t("Loss law"))
    if law.loss_law is None:
        section.sentences.append(t("There are too few scales for a loss law, or losses below 0."))
        return section
    section.sentences.append(
        t("The lowest loss of a scale is E plus, for each scale variable, A times its power of minus alpha.")
    )
    rows = [[name, four_digits(middle), _between(ends)] for name, (middle, ends) in law.loss_law.coefficients.items()]
    section.tables.append(Table([t("coefficient"), t("median"), t("95 % interval")], rows))
    return section


def _splits(results: ScalingResults, words: Words) -> Section:
    t = words.translate
    section = Section(t("Compute-optimal split"))
    law = results.law.loss_law
    rows = [row for flop in _budgets(results) for row in _split(law, flop)] if law is not None else []
    if rows:
        section.sentences.append(
            t("The split of a budget with the lowest loss (95 % intervals), at 6 FLOP for each parameter and token:")
        )
        section.tables.append(Table([t("budget (FLOP)"), *results.law.scale, t("loss")], rows))
    return section


def _budgets(results: ScalingResults) -> list[float]:
    """Return the budgets to split in FLOP: those that were named, and those of the targets."""
    if len(results.law.scale) != 2:
        return []
    targets = (advice.target.values() for advice in results.advice)
    return list(dict.fromkeys([*results.budgets, *(6.0 * float(np.prod(list(sizes))) for sizes in targets)]))


def _split(law: LossLaw, flop: float) -> list[list[str]]:
    try:
        split = law.compute_optimal(flop)
    except ScalingError:  # a scale variable spans too little
        return []
    cells = [f"{amount(middle)} ({amount(low)} – {amount(high)})" for middle, (low, high) in split.values()]
    return [[four_digits(flop), *cells]]


def _plan(plan: Plan, words: Words) -> Section:
    t = words.translate
    section = Section(words("What to run next for {}", place(tuple(plan.target), list(plan.target.values()))))
    if not plan.purchases:
        section.sentences.append(t("No run is within the budget."))
        return section
    rows = [[four_digits(value) for value in run.values()] for run in plan.runs]
    section.tables.append(Table(list(plan.runs[0]), rows[:SCALES_SHOWN]))
    if len(rows) > SCALES_SHOWN:
        section.sentences.append(t("The table shows the first {n}.").format(n=SCALES_SHOWN))
    section.figures += drawn_if_any(partial(scaling_plan, plan))
    return section


def _found(law: ScalingLaw, words: Words) -> Section:
    section = Section(words.translate("What was found in the runs"))
    section.sentences += words.known(law.notes)
    return section


def _again(law: ScalingLaw, words: Words) -> Section:
    t = words.translate
    section = Section(t("How to reproduce it"))
    section.sentences.append(t("Versions: {versions}.").format(versions=versions("numpy", "scipy")))
    group = f", group={law.group!r}" if law.group is not None else ""
    transfer = f", transfer={law.hypothesis!r}" if law.hypothesis is not None else ""
    section.code = (
        f"ScalingLaw({list(law.scale)!r}, {law.hyperparameters!r}{group}, priors={law.priors!r}{transfer}).fit(runs)"
    )
    return section
