"""What a search found, as figures (`HonestScore`) and as plain sentences (`Report`).

Scores are in the user's own unit and direction: accuracy for a classifier, the loss itself for a study that minimises.
Gains and optimism are turned so that positive always means better, respectively "the naive figure was too good". A
report shows losses as such: "RMSE 55.27" for a score of -55.27.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tunesmith.selection.wording import Figures, MetricLabel, count, level_of, p_of, params_of
from tunesmith.text import block, printable

ADAPTIVE = (
    "The search adapted to these rows; we correct for the optimism that this causes on average, not for this run."
)


class Estimate(float):
    """A number that carries its interval; it calculates and prints as a float.

    Args:
        value: the estimate.
        interval: the ends (low, high) of its interval; NaN where none is known.
    """

    __slots__ = ("interval",)

    interval: tuple[float, float]

    def __new__(cls, value: float, interval: tuple[float, float] = (math.nan, math.nan)) -> Estimate:
        made = super().__new__(cls, value)
        made.interval = (float(interval[0]), float(interval[1]))
        return made

    @property
    def value(self) -> float:
        """The estimate as a plain float."""
        return float(self)

    def __getnewargs__(self) -> tuple[float, tuple[float, float]]:  # type: ignore[override]  # float's takes one
        return float(self), self.interval

    def __repr__(self) -> str:
        return f"Estimate({float(self)!r}, interval={self.interval!r})"


@dataclass(frozen=True)
class HonestScore:
    """The score that the chosen configuration can be expected to reach on new data.

    Attributes:
        value: the corrected estimate, in the metric's unit.
        interval: where the true score lies with probability `level`: (low, high).
        naive: the score that won the search: its own mean over the folds.
        optimism: by how much `naive` is too good; positive whichever direction the metric has.
        method: how it was estimated, in words.
        gain_over_default: by how much the chosen configuration is better than the default, positive is better; None
            where there is no default.
        beats_default: whether that gain is credible: its p-value is small and its interval above 0; None where there
            is no default.
        p_value: one-sided, of "the chosen configuration is no better than the default", the choice accounted for.
        level: of the intervals.
        metric: the metric's name, if known.
        greater_is_better: the direction of the metric.
        n_rows: rows that the estimate rests on.
        n_groups: groups that these rows belong to, which count as one observation each; None where there are none.
        n_candidates: configurations that were chosen among.
        together: whether it is computed from the predictions of all folds together, where `naive` is a mean over folds.
        notes: what a reader must know before quoting the figure.
    """

    value: float
    interval: tuple[float, float]
    naive: float
    optimism: float
    method: str
    gain_over_default: Estimate | None = None
    beats_default: bool | None = None
    p_value: float | None = None
    level: float = 0.95
    metric: str | None = None
    greater_is_better: bool = True
    n_rows: int | None = None
    n_groups: int | None = None
    n_candidates: int | None = None
    together: bool = False
    notes: tuple[str, ...] = ()

    def __float__(self) -> float:
        return float(self.value)

    def __str__(self) -> str:
        return self._told(Figures.of(self.value, self.interval), 1)

    def told(self) -> str:
        """Return the figure as a report shows it: a loss as a loss, and not as minus a loss."""
        return self._told(self.figures, self.shown.sign)

    @property
    def shown(self) -> MetricLabel:
        """The metric as a report shows it."""
        return MetricLabel.of(self.metric, self.greater_is_better)

    @property
    def figures(self) -> Figures:
        """How many decimals of this score are known."""
        return Figures.of(self.value, self.interval)

    def _told(self, figures: Figures, sign: int) -> str:
        low, high = (sign * end for end in self.interval)
        if math.isnan(low):
            return f"{figures.write(sign * self.value)} (no interval)"
        return f"{figures.write(sign * self.value)} ({level_of(self.level)} interval {figures.between((low, high))})"

    def _repr_html_(self) -> str:
        return block(_expected(self), self.notes, _score_table(self), kind="honest-score")


@dataclass(frozen=True)
class Report:
    """What was chosen, how good it is, and what the search cost; `print` it.

    Attributes:
        score: the honest figure, or None where none could be made (`notes` says why).
        chosen: the parameters of the configuration returned, or None where none was chosen.
        default: the parameters of the default configuration, or None where there is none.
        default_score: the default's own score in the search, or None where it is not known.
        kept_default: the default was returned, because nothing beat it credibly or nothing looked better.
        runner_up: the configuration that looked better than the default and was not credibly so, or None.
        runner_up_score: its score in the search.
        rule: a sentence on how the configuration was chosen, where not by its score alone; None else.
        n_candidates: configurations tried, the default included.
        n_fits: model fits (or runs of the objective) in all, confirmation included.
        n_fits_saved: fits that running every fold of every candidate would have cost on top.
        n_confirmed: configurations evaluated again on fresh splits or seeds.
        n_repeats: how many fresh splits or seeds the best of them got.
        n_splits: splits that the search scored each configuration on; None where it is not known, or there are none.
        stopped: why the search ended before its budget did, or None.
        left_on_table: how much better a longer search is expected to get, in the metric's unit, or None.
        adaptive: whether candidates were proposed from earlier scores.
        unit: what was counted by `n_fits`: "fit" or "run".
        notes: further remarks, printed as they are.
    """

    score: HonestScore | None
    chosen: Mapping[str, Any] | None
    default: Mapping[str, Any] | None = None
    default_score: float | None = None
    kept_default: bool = False
    runner_up: Mapping[str, Any] | None = None
    runner_up_score: float | None = None
    rule: str | None = None
    n_candidates: int | None = None
    n_fits: int | None = None
    n_fits_saved: int | None = None
    n_confirmed: int = 0
    n_repeats: int = 0
    n_splits: int | None = None
    stopped: str | None = None
    left_on_table: float | None = None
    adaptive: bool = False
    unit: str = "fit"
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return printable("\n".join(self.sentences()), lines=True)

    def topics(self) -> dict[str, list[str]]:
        """Return the sentences by topic, the most important topic first.

        Returns:
            "choice", "score", "default", "limits" (what to know before quoting the score), "method" and "cost"; a topic
            that there is nothing to say of has no sentences.
        """
        return _topics(self)

    def sentences(self) -> list[str]:
        """Return the report as a list of sentences, the most important first."""
        return [printable(" ".join(line.split())) for lines in self.topics().values() for line in lines]

    def _repr_html_(self) -> str:
        head, *rest = self.sentences()
        return block(head, rest, kind="report")


def _topics(report: Report) -> dict[str, list[str]]:
    """Return the sentences of a report by topic, the most important topic first."""
    score = report.score
    notes = (*(() if score is None else score.notes), *report.notes)
    return {
        "choice": [_choice(report), *([] if report.rule is None else [report.rule])],
        "score": [] if score is None else [_expected(score, report.unit)],
        "default": [] if score is None else _against_default(report, score),
        "limits": list(dict.fromkeys(notes)),
        "method": [] if score is None else _method(report, score),
        "cost": [*_cost(report), *_stopping(report)],
    }


def _expected(score: HonestScore, unit: str = "fit") -> str:
    """Return the sentence that tells what to expect; of a study, of a new run."""
    where = "on new data" if unit == "fit" else "of a new run"
    return f"Expected {score.shown.name} {where}: {score.told()}."


def _score_table(score: HonestScore) -> list[tuple[str, str]]:
    """Return what is known of a score beside its value, as rows of a name and a figure."""
    figures, sign, gain = score.figures, score.shown.sign, score.gain_over_default
    rows = [("score in the search", figures.write(sign * score.naive))] if math.isfinite(score.naive) else []
    if math.isfinite(score.optimism):
        rows.append(("its optimism", figures.write(score.optimism)))
    if gain is not None:
        rows.append(("gain over the default", _gain(gain, score)))
    if score.beats_default is not None:
        rows.append(("beats the default", "yes" if score.beats_default else "not certain"))
    return [*rows, ("estimated", _basis(score))]


# -- the choice --------------------------------------------------------------------------------------------------------


def _choice(report: Report) -> str:
    n, chosen = report.n_candidates, params_of(report.chosen)
    if report.chosen is None:
        return f"{count(n, 'configuration')} {'was' if n == 1 else 'were'} tried." if n else "Nothing was chosen."
    if n == 1:
        return f"Only one configuration was tried{', the default' if report.kept_default else ''}: {chosen}."
    if not report.kept_default:
        return f"Chosen from {count(n, 'configuration')}: {chosen}." if n else f"Chosen: {chosen}."
    others = (
        "No alternative" if n is None else "The one alternative" if n == 2 else f"None of the {n - 1:,} alternatives"
    )
    was = "was not" if n == 2 else "was"
    if report.runner_up is None:
        return f"Kept the default ({chosen}). {others} {was} better."
    if n == 2:
        how = "" if _fell_short(report) else "convincingly "
        return f"Kept the default ({chosen}). The one alternative, {_closest(report)}, was not {how}better."
    return f"Kept the default ({chosen}). {others} was convincingly better; the closest was {_closest(report)}."


def _fell_short(report: Report) -> bool:
    """Whether the runner-up has no better score in the search than the default."""
    own, theirs = report.default_score, report.runner_up_score
    if report.score is None or own is None or theirs is None:
        return False
    return theirs <= own if report.score.greater_is_better else theirs >= own


def _closest(report: Report) -> str:
    """Name the runner-up, with its score beside the default's where both are known."""
    name, own, theirs = params_of(report.runner_up), report.default_score, report.runner_up_score
    score = report.score
    if score is None or own is None or theirs is None or not (math.isfinite(own) and math.isfinite(theirs)):
        return name
    figures, sign = score.figures, score.shown.sign
    what = _naive_name(report)
    if figures.same(own, theirs):
        return f"{name} (same {what}, {figures.write(sign * own)})"
    return f"{name} ({what} {figures.write(sign * theirs)}; the default has {figures.write(sign * own)})"


# -- the default -------------------------------------------------------------------------------------------------------


def _against_default(report: Report, score: HonestScore) -> list[str]:
    gain = score.gain_over_default
    if report.kept_default:
        return []
    if gain is None or score.beats_default is None:
        return []
    figures = [] if report.default is None else [params_of(report.default)]
    if report.default_score is not None and math.isfinite(report.default_score):
        figures.append(f"{_naive_name(report)} {score.figures.write(score.shown.sign * report.default_score)}")
    default = f"the default ({'; '.join(figures)})" if figures else "the default"
    verb = "It beats" if score.beats_default else "It may not beat"
    kind = "gain" if score.shown.greater_is_better else "reduction"
    return [f"{verb} {default}: estimated {kind} {_gain(gain, score)}."]


def _gain(gain: Estimate, score: HonestScore) -> str:
    figures = Figures.of(gain.value, gain.interval)
    if math.isnan(gain.interval[0]):
        return f"{figures.write(gain.value)} (no interval{p_of(score.p_value)})"
    return f"{figures.write(gain.value)} ({figures.between(gain.interval)}{p_of(score.p_value)})"


# -- the method --------------------------------------------------------------------------------------------------------


def _method(report: Report, score: HonestScore) -> list[str]:
    lines = [f"Estimated {_basis(score)}.", *_optimism(report, score)]
    if report.adaptive and (report.n_candidates is None or report.n_candidates > 2):
        lines.append(ADAPTIVE)
    return lines


def _basis(score: HonestScore) -> str:
    if score.n_rows is None:
        return f"by {score.method}"
    groups = "" if score.n_groups is None else f" in {count(score.n_groups, 'group')}, which count as one each,"
    return f"from {count(score.n_rows, 'row')}{groups} by {score.method}"


def _optimism(report: Report, score: HonestScore) -> list[str]:
    """Say what the search itself would have reported."""
    if not (math.isfinite(score.optimism) and math.isfinite(score.naive)):
        return []
    figures, sign = score.figures, score.shown.sign
    what, naive, size = _naive_name(report), figures.write(sign * score.naive), figures.write(abs(score.optimism))
    owner = "The" if report.unit == "run" else "Its"
    if score.together:
        return [f"{owner} {what}, the mean over folds, is {naive}."]
    picked = not report.kept_default and report.n_candidates != 1  # else its score is nobody's luck
    if picked and score.optimism > 0 and not figures.same(score.optimism, 0.0):
        return [f"{owner} {what}, {naive}, is optimistic by {size} because the winner was picked on it."]
    return [f"{owner} {what} is {naive}{' as well' if figures.same(score.naive, score.value) else ''}."]


def _naive_name(report: Report) -> str:
    """What the score is called that the search itself gives a configuration."""
    if report.unit == "run":
        return "best value seen"
    return "validation score" if report.n_splits == 1 else "cross-validation score"


# -- the cost ----------------------------------------------------------------------------------------------------------


def _cost(report: Report) -> list[str]:
    if report.n_fits is None:
        return []
    lines = [f"The search took {count(report.n_fits, report.unit)}."]
    if report.n_fits_saved:
        lines[0] = f"{lines[0][:-1]}; stopping hopeless configurations early saved {report.n_fits_saved:,}."
    if report.n_confirmed and report.n_repeats:
        again = f"{count(report.n_confirmed, 'configuration')} {'was' if report.n_confirmed == 1 else 'were'}"
        if report.unit == "run":
            lines.append(f"{again} run again with {count(report.n_repeats, 'new seed')} each.")
        else:
            often = "" if report.n_repeats == 1 else f", up to {report.n_repeats} times each"
            lines.append(f"{again} re-tested on new splits of the rows{often}.")
    return lines


def _stopping(report: Report) -> list[str]:
    if report.stopped is None:
        return []
    left = ""
    if report.left_on_table is not None:
        figures = Figures.of(report.left_on_table)
        left = f" A longer search is expected to gain at most about {figures.write(report.left_on_table)}."
    return [f"The search stopped by itself: {report.stopped.rstrip('.')}.{left}"]
