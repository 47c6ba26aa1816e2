"""The report of a search, and the same as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.formats import NumberFormat
from tunesmith.foundation.languages import say, stored, told
from tunesmith.foundation.text import printable
from tunesmith.selection.outlook import Outlook
from tunesmith.selection.score import Estimate, HonestScore, basis
from tunesmith.selection.wording import BY_GAINS_METHOD, SURE_LAST_FIT, count, params_of, verdict
from tunesmith.space.serialize import label_from_json, label_to_json

# ----------------------------------------------------------------------------------------------------------------------
# The report of a search in plain sentences: what was chosen, how good it is, and what the search cost.

NOTHING_CHOSEN = "Nothing was chosen"
ONLY_THE_DEFAULT = "Only one configuration was tried, the default: {}"
AVERAGE = "ensemble"  # the one key of what was chosen where it is an average of models: the share of each
ADAPTED_TO_ROWS = (
    "The search adapted to these rows; we correct for the optimism that this causes on average, not for this run."
)


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
        n_passed: trials beside these that were not evaluated: nearly the same as an earlier one, or there was no time.
        n_fits_saved: fits that running every fold of every candidate would have cost on top.
        n_confirmed: configurations evaluated again on fresh splits or seeds.
        n_repeats: how many fresh splits or seeds the best of them got.
        n_splits: splits that the search scored each configuration on; None where it is not known, or there are none.
        stopped: why the search ended before its budget did, or None.
        regret_bound: how much better a longer search is expected to get, in the metric's unit, or None.
        adaptive: whether candidates were proposed from earlier scores.
        unit: what was counted by `n_fits`: "fit" or "run".
        outlook: what the lead of the best alternative over the default rests on, and what would decide; None: unknown.
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
    regret_bound: float | None = None
    adaptive: bool = False
    unit: str = "fit"
    outlook: Outlook | None = None
    n_passed: int = 0
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return printable("\n".join(map(told, self.sentences())), lines=True)

    def verdict(self) -> str:
        """Return the one sentence that says what was decided: the configuration, and what to expect of it."""
        return verdict(_choice(self), None if self.score is None else self.score.clause(self.unit == "run"))

    def sentences(self) -> list[str]:
        """Return the report as a list of sentences, the verdict first."""
        score, notes = self.score, self.notes
        lines = [_compared(self), None if self.rule is None else stored(self.rule)]
        if score is not None:
            lines += [_gain_said(self, score), *_outlook(self)]
            notes = (*score.notes, *notes)
        lines += map(stored, dict.fromkeys(notes))
        if score is not None:
            lines += [basis(score, "Estimated ", "."), _optimism(self, score)]
            if self.adaptive and (self.n_candidates is None or self.n_candidates > 2):
                lines.append(ADAPTED_TO_ROWS)
        lines += [*_cost_said(self), _stopping(self)]
        return [self.verdict(), *(_on_one_line(line) for line in lines if line)]

    def _repr_html_(self) -> str:
        return self.card(say("What the search found"))

    @checked()
    def card(self, title: str, about: str = "", spark: tuple[str, str] = ("", "")) -> str:
        """Return what a notebook shows: the figure, what was chosen, and on a click how that came.

        Args:
            title: of what it is.
            about: what stands beside it.
            spark: a sparkline, and what it shows.

        Returns:
            HTML.
        """
        from tunesmith.foundation.look.card import card  # only notebooks need it

        where = "of a new run" if self.unit == "run" else "on new data"
        answer = None if self.score is None else self.score.card_answer(where)
        lines = [say("{}.", _choice(self)), *self.sentences()[1:]]
        return card(title, kind="report", about=about, answer=answer, spark=spark, lines=lines)


def _choice(report: Report) -> str:
    """Return what was chosen, as the first part of the verdict."""
    n, chosen = report.n_candidates, printable(" ".join(params_of(report.chosen).split()))
    if report.chosen is not None and AVERAGE in report.chosen:
        shares = printable(str(report.chosen[AVERAGE]))
        return say("Chosen from {}: an average of models ({})", count(n or 0, "configuration"), shares)
    if report.chosen is None:
        tried = "{} was tried" if n == 1 else "{} were tried"
        return say(tried, count(n, "configuration")) if n else say(NOTHING_CHOSEN)
    if n == 1:
        return say(ONLY_THE_DEFAULT if report.kept_default else "Only one configuration was tried: {}", chosen)
    if report.kept_default:
        return say("Kept the default ({})", chosen)
    return say("Chosen from {}: {}", count(n, "configuration"), chosen) if n else say("Chosen: {}", chosen)


def _on_one_line(line: str) -> str:
    """Return a sentence without what names and notes of others may have in them; else as it was said."""
    text = printable(" ".join(line.split()))
    return line if text == line else text


def _compared(report: Report) -> str | None:
    """Say how the alternatives to a kept default did; None: it was not kept, or there is none."""
    n = report.n_candidates
    if not report.kept_default or report.chosen is None or n == 1:
        return None
    closest = None if report.runner_up is None else _closest(report)
    if n == 2:
        if closest is None:
            return say("The one alternative was not better.")
        how = "" if _fell_short(report) else "convincingly "
        return say("The one alternative, {}, was not " + how + "better.", closest)
    end = "was better." if closest is None else "was convincingly better; the closest was {}."
    given = () if closest is None else (closest,)
    if n is None:
        return say("No alternative " + end, *given)
    return say("None of the {:,} alternatives " + end, n - 1, *given)


def _outlook(report: Report) -> list[str]:
    """Say what leads a kept default by how much, and what would decide; of a gain that is not sure, the latter."""
    score = report.score
    if report.outlook is None or score is None or score.beats_default is not False:
        return []
    told = report.outlook.sentences(score.format, say("gain" if score.label.greater_is_better else "reduction"))
    return told if report.kept_default else told[1:]


def _fell_short(report: Report) -> bool:
    """Tell whether the runner-up's score in the search is no better than the default's."""
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
    what = _naive_name(report)
    if score.format.same(own, theirs):
        return say("{} (same " + what + ", {})", name, score.write(own))
    return say("{} (" + what + " {}; the default has {})", name, score.write(theirs), score.write(own))


def _gain_said(report: Report, score: HonestScore) -> str | None:
    """Compare the score with the default's; None if that was kept, or nothing was compared."""
    gain = score.gain_over_default
    if report.kept_default or gain is None or score.beats_default is None:
        return None
    own = report.default_score
    what = None if own is None or not math.isfinite(own) else (_naive_name(report) + " {}", score.write(own))
    params = None if report.default is None else params_of(report.default)
    if what is None:
        default = say("the default") if params is None else say("the default ({})", params)
    elif params is None:
        default = say("the default ({})", say(*what))
    else:
        default = say("the default ({}; " + what[0] + ")", params, what[1])
    kind = say("gain" if score.label.greater_is_better else "reduction")
    verb = "It beats" if score.beats_default else "It may not beat"
    return say(verb + " {}: estimated {} {}.", default, kind, score.gain_text(gain))


LUCK_TOLD = 0.1  # the luck of a default that is kept is told from this part of the interval on


def _optimism(report: Report, score: HonestScore) -> str | None:
    """Say what the search itself would have reported."""
    if not (math.isfinite(score.optimism) and math.isfinite(score.naive)):
        return None
    naive = score.write(score.naive)
    what = ("The " if report.unit == "run" else "Its ") + _naive_name(report)
    if score.together:
        return say(what + ", the mean over folds, is {}.", naive)
    size = score.format.write(abs(score.optimism))
    told = report.n_candidates != 1 and not score.format.same(score.optimism, 0.0)
    told = told and not any(note.startswith(SURE_LAST_FIT) for note in score.notes)  # it is not for the choice alone
    low, high = score.interval
    worth = abs(score.optimism) >= LUCK_TOLD * (high - low)
    if told and worth and report.kept_default and score.method == BY_GAINS_METHOD:
        luck = (
            "optimistic by {}: beside the others it was lucky."
            if score.optimism > 0
            else ("pessimistic by {}: beside the others it was unlucky.")
        )
        return say(what + ", {}, is " + luck, naive, size)
    if told and not report.kept_default and score.optimism > 0:
        return say(what + ", {}, is optimistic by {} because the winner was picked on it.", naive, size)
    return say(what + (" is {} as well." if score.format.same(score.naive, score.value) else " is {}."), naive)


def _naive_name(report: Report) -> str:
    """Return the name of the score that the search itself gives a configuration."""
    if report.unit == "run":
        return "best value seen"
    return "validation score" if report.n_splits == 1 else "cross-validation score"


def _cost_said(report: Report) -> list[str]:
    if report.n_fits is None:
        return []
    fits = report.unit if report.n_fits == 1 else report.unit + "s"
    saved = "; stopping hopeless configurations early saved {:,}" if report.n_fits_saved else ""
    given = (report.n_fits_saved,) if report.n_fits_saved else ()
    lines: list[str] = [say("The search took {:,} " + fits + saved + ".", report.n_fits, *given)]
    if report.n_passed and report.n_candidates is not None:
        n, passed = report.n_candidates, report.n_passed
        others = ("one was",) if passed == 1 else ("{:,} were", passed)
        pattern = "Of {:,} trials, {:,} " + ("was" if n == 1 else "were") + " evaluated, by {} in all; the other "
        pattern += others[0] + " nearly the same as an earlier one, or there was no time for "
        pattern += ("it" if passed == 1 else "them") + saved + "."
        lines = [say(pattern, n + passed, n, count(report.n_fits, report.unit), *others[1:], *given)]
    if report.n_confirmed and report.n_repeats:
        n, times = report.n_confirmed, report.n_repeats
        again = "{:,} configuration was" if n == 1 else "{:,} configurations were"
        if report.unit == "run":
            seeds = "{:,} new seed each." if times == 1 else "{:,} new seeds each."
            lines.append(say(again + " run again with " + seeds, n, times))
        elif times == 1:
            lines.append(say(again + " re-tested on new splits of the rows.", n))
        else:
            lines.append(say(again + " re-tested on new splits of the rows, up to {:,} times each.", n, times))
    return lines


def _stopping(report: Report) -> str | None:
    if report.stopped is None:
        return None
    left, reason = report.regret_bound, stored(report.stopped.rstrip("."))
    told = "The search stopped by itself: {}."
    if left is None:
        return say(told, reason)
    more = " A longer search is expected to gain at most about {}."
    return say(told + more, reason, NumberFormat.of(left).write(left))


# ----------------------------------------------------------------------------------------------------------------------
# A report as JSON, and read again: what a search decided is stored with its study, in the words it was decided in.

CONFIGURATIONS = ("chosen", "default", "runner_up")  # fields of a report that are parameters
WRITTEN_KEY = "shown"  # the one key of a value that JSON cannot hold, such as an estimator: what a report says of it


class Written:
    """Stands for a value that cannot be stored; it prints as the value did.

    Args:
        text: what the value printed.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Written) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


def params_to_json(params: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return parameters as JSON has them; values keep their types."""
    return None if params is None else {name: _value_to_json(value) for name, value in params.items()}


def params_from_json(data: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what `params_to_json` was given, with `Written` in the place of what JSON cannot hold."""
    return None if data is None else {name: _value_from_json(value) for name, value in data.items()}


def report_to_json(report: Report) -> dict[str, Any]:
    """Return a report as JSON has it, apart from NaN and infinities."""
    data = {f.name: getattr(report, f.name) for f in fields(report)}
    data |= {name: params_to_json(data[name]) for name in CONFIGURATIONS}
    if report.score is not None:
        score = {f.name: getattr(report.score, f.name) for f in fields(report.score)}
        gain = report.score.gain_over_default
        score["gain_over_default"] = None if gain is None else [gain.value, list(gain.interval)]
        data["score"] = score | {"interval": list(report.score.interval), "notes": list(report.score.notes)}
    if report.outlook is not None:
        data["outlook"] = {f.name: getattr(report.outlook, f.name) for f in fields(report.outlook)}
    return data | {"notes": list(report.notes)}


def report_from_json(data: Mapping[str, Any]) -> Report:
    """Return the report that `report_to_json` wrote.

    Raises:
        TypeError, KeyError, ValueError: it is none.
    """
    found = {f.name: data[f.name] for f in fields(Report) if f.name in data}
    found |= {name: params_from_json(found.get(name)) for name in CONFIGURATIONS}
    if (stored := found.get("score")) is not None:
        score = {f.name: stored[f.name] for f in fields(HonestScore) if f.name in stored}
        if (gain := score.get("gain_over_default")) is not None:
            score["gain_over_default"] = Estimate(gain[0], tuple(gain[1]))
        score |= {"interval": tuple(score["interval"]), "notes": tuple(map(str, score["notes"]))}
        found["score"] = HonestScore(**score)
    if (outlook := found.get("outlook")) is not None:
        found["outlook"] = Outlook(**{f.name: outlook[f.name] for f in fields(Outlook) if f.name in outlook})
    return Report(**found | {"notes": tuple(map(str, found["notes"]))})


def _value_to_json(value: Any) -> Any:
    try:
        return label_to_json(value)
    except SpaceError:
        try:
            return {WRITTEN_KEY: " ".join(repr(value).split())}
        except Exception:  # of somebody's class: a verdict is never lost for it
            return {WRITTEN_KEY: f"<{type(value).__name__}>"}


def _value_from_json(data: Any) -> Any:
    if isinstance(data, dict) and data.keys() == {WRITTEN_KEY}:
        return Written(str(data[WRITTEN_KEY]))
    return label_from_json(data)
