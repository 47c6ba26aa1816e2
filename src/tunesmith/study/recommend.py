"""Recommends what the search of a study decided; else the point with the best expected value by a model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.foundation.formats import NumberFormat
from tunesmith.foundation.languages import Said, say, told
from tunesmith.foundation.text import printable
from tunesmith.history import History
from tunesmith.selection import Report
from tunesmith.selection.report import Written
from tunesmith.selection.wording import card_answer, params_of, verdict, with_interval
from tunesmith.study.engine.metrics import value_of
from tunesmith.study.engine.replica import none_complete
from tunesmith.study.savings import note_on_partial
from tunesmith.study.snapshot import Snapshot
from tunesmith.study.verdict import Verdict, read_verdict
from tunesmith.trial.metrics import ROW_NAMES, losses_of_rows
from tunesmith.trial.record import FrozenTrial, cells
from tunesmith.trial.result import BEST

if TYPE_CHECKING:
    from tunesmith.foundation.look.card import Answer
    from tunesmith.samplers.gp.surrogate import Surrogate
    from tunesmith.selection.choice import Complexity
    from tunesmith.space import Space

Floats = NDArray[np.float64]
OPTIMISTIC = "The best value seen, {}, is optimistic by {} because it was picked for being the best."
TOLD = "Values count the less, the noisier they were told to be."
NOISY = "Values are noisy: one result varies by about {} (standard deviation), so the best expected value counts."
LUCKY = "Trial {} had the best value, {}, but a single value is partly luck: of another run like it {} is expected."
SEEN = "This is the best value seen, which is usually too good: there are too few trials for a model."
BEST_OF = (
    "The result of a run is its best report, of {} in the middle run, and so too good: part of it is luck with the "
    "validation rows. With trial.report(..., rows=...) it is known by how much, and taken off."
)
BEST_OF_ROWS = (
    "The result of a run is its best report, of {} in the middle run, which is too good by {}, as groups of the "
    "validation rows tell; this is taken off the expected value."
)
RUNS_OF_ROWS = 20  # of the best, whose validation rows are looked at
CHOICES_MADE_AGAIN = 400  # of the epoch of a run, by other rows
ASKED = "This is by a model of the trials, as it was asked for; the search itself decided: {}"


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The point to use, and what to expect of it; in the study's own direction and unit.

    Attributes:
        trial: the first trial at that point; None: a search chose the estimator's own configuration, which is no point
            of its space.
        params: its parameters.
        value: what a new run there is expected to give.
        interval: of that expectation, (low, high); NaN where none is known.
        naive: the best value that any trial had; of what a search chose, its own.
        optimism: by how much that is too good; positive in either direction.
        method: "posterior": the mean of a Gaussian process. "observed": the best value itself, since there are too
            few trials for a model. Else how the search of the study estimated the value, in words.
        notes: what else is to be known, in sentences.
        level: of the interval.
        report: what the search of the study decided, where one did.
        best_of: by how much results are too good because each is the best of several reports, which `value` is
            corrected by: positive where less is better, else negative; 0: nothing, or it is not known.
        lucky: where it is another one, the trial that had the best value, and what a new run of it is expected to give.
    """

    trial: FrozenTrial | None
    params: dict[str, Any]
    value: float
    interval: tuple[float, float]
    naive: float
    optimism: float
    method: str
    notes: tuple[str, ...] = ()
    level: float = 0.95
    report: Report | None = None
    best_of: float = 0.0
    lucky: tuple[int, float] | None = None

    def why_not_best_seen(self) -> str:
        """Return why it is not the trial with the best value, as a sentence; empty: it is, or that is not known."""
        if self.lucky is None:
            return ""
        figures = NumberFormat.of(self.value, self.interval)
        return say(LUCKY, self.lucky[0], figures.write(self.naive), figures.write(self.lucky[1]))

    def verdict(self) -> str:
        """Return the one sentence that says which point to use, and what to expect of it."""
        if self.report is not None or self.trial is None:
            return "" if self.report is None else self.report.verdict()
        figures = NumberFormat.of(self.value, self.interval)
        value = with_interval(figures, self.value, self.interval, self.level)
        use = say("Use trial {}: {}", self.trial.number, printable(params_of(self.params)))
        return verdict(use, say("expected {} of a new run: {}", say("value"), value))

    def sentences(self) -> list[str]:
        """Return the recommendation as a list of sentences, the verdict first."""
        if self.report is not None:
            head, *rest = self.report.sentences()
            return [head, *self.notes, *rest]
        figures = NumberFormat.of(self.value, self.interval)
        naive = figures.write(self.naive)
        lines = [self.verdict(), *map(_printable, self.notes)]
        if self.method == "posterior":
            if self.optimism > 0.0 and not figures.same(self.optimism, 0.0):
                lines.append(say(OPTIMISTIC, naive, figures.write(self.optimism)))
            else:
                same = naive == figures.write(self.value)
                lines.append(say("The best value seen is {}" + (" as well." if same else "."), naive))
        return lines

    def __str__(self) -> str:
        return printable("\n".join(map(told, self.sentences())), lines=True)

    def _repr_html_(self) -> str:
        from tunesmith.foundation.look.card import card  # only notebooks need it

        if self.report is not None:
            return self.report.card(say("What the search found"))
        title = self.verdict() if self.trial is None else say("Use trial {}", self.trial.number)
        rows, lines = cells(self.params), self.sentences()[1:]
        return card(title, rows, kind="recommendation", answer=self.card_answer(), lines=lines)

    def card_answer(self, *beside: float) -> Answer:
        """Return the figure for a card in a notebook.

        Args:
            beside: figures that its drawing reaches to, besides the best value.
        """
        if self.report is not None and self.report.score is not None:
            return self.report.score.card_answer("of a new run" if self.report.unit == "run" else "on new data")
        figures = NumberFormat.of(self.value, self.interval)
        label = say("Expected of a new run")
        return card_answer(label, figures, self.value, self.interval, self.level, self.naive, *beside)


@dataclass(slots=True)
class Candidates:
    """The distinct points of complete feasible trials, best first; values are minimised.

    Attributes:
        numbers: the first trial of each, int[n].
        loss: expected result [n]; without a model, the lowest one.
        sd: standard deviation of the expectation [n], NaN without a model.
        low: lower end of its interval [n]. high: upper end [n].
        model: the process, or None.
    """

    numbers: NDArray[np.int64]
    loss: Floats
    sd: Floats
    low: Floats
    high: Floats
    model: Surrogate | None


def _printable(note: str) -> str:
    return note if isinstance(note, Said) else printable(note)


def recommend(
    seen: Snapshot,
    simplest: str | None = None,
    complexity: Complexity | None = None,
    level: float | None = None,
) -> Recommendation:
    """Return the answer of ``study.recommend``; the arguments are explained there."""
    from tunesmith.selection.choice import check_simplest
    from tunesmith.selection.intervals import check_level, two_sided

    if simplest not in (None, "one-se"):
        raise ValueError(f'simplest= takes "one-se" or None; got {simplest!r}')
    check_simplest(simplest, complexity)
    decided = read_verdict(seen.system_attrs, seen.study_name)
    if decided is not None and complexity is None and level in (None, _level(decided)):
        return _decided(seen, decided)
    level = 0.95 if level is None else level
    check_level(level)
    history, sign = seen.history, seen.signs[0]
    found = candidates(history, level)
    if found is None:
        raise none_complete(seen.study_name, seen.tally)
    at, notes = 0, notes_on(found)
    if decided is not None:
        notes = (say(ASKED, decided.report.verdict()), *notes)
    if (note := note_on_partial(history)) is not None:
        notes = (*notes, note)
    if complexity is not None:
        at, note = _simplest(seen, found, complexity)
        notes = (*notes, note)
    trial = seen.get_trials(numbers=[int(found.numbers[at])])[0]
    rows = np.flatnonzero(history.complete & history.feasible)
    first = rows[np.lexsort((history.number[rows], history.y[rows, 0]))[0]]
    naive, best_seen = float(history.y[first, 0]), int(history.number[first])
    loss, low, high = (float(column[at]) for column in (found.loss, found.low, found.high))
    best_of = seen.once(best_of_reports)
    if best_of is not None:
        notes = (*notes, best_of.note())
        off, doubt = best_of.too_good, best_of.error * two_sided(level)
        low, high = loss + off - math.hypot(loss - low, doubt), loss + off + math.hypot(high - loss, doubt)
        loss += off
    lucky = None
    if found.model is not None and (place := _place(history, found, best_seen)) not in (None, at):
        lucky = best_seen, sign * float(found.loss[place] + loss - found.loss[at])
    ends = sorted((sign * low, sign * high))
    return Recommendation(
        trial=trial,
        params=trial.params,
        value=sign * loss,
        interval=(ends[0], ends[1]),
        naive=sign * naive,
        optimism=loss - naive,
        method="posterior" if found.model is not None else "observed",
        notes=notes,
        level=level,
        best_of=sign * best_of.too_good if best_of is not None and best_of.groups else 0.0,
        lucky=lucky,
    )


@dataclass(frozen=True, slots=True)
class BestOf:
    """What is known of results that are each the best of the reports of a run; losses, less is better.

    Attributes:
        reports: how many the middle run made.
        too_good: by how much a result is too good; 0 where that is not known.
        error: the standard error of the loss of the epoch that a run chose, over validation rows; 0 where it is not
            known.
        groups: of validation rows, which tell; 0: no run has any.
    """

    reports: int
    too_good: float = 0.0
    error: float = 0.0
    groups: int = 0

    def note(self) -> str:
        """Return it as a sentence."""
        n = f"{self.reports:,}"
        return say(BEST_OF_ROWS, n, f"{self.too_good:.2g}") if self.groups else say(BEST_OF, n)


def best_of_reports(seen: Snapshot) -> BestOf | None:
    """Return by how much the results of a study are too good that are each the best of several reports.

    The best epoch is chosen again by resamples of groups of validation rows, and judged on the groups left out; see
    `tunesmith.selection.by_rows`. None: other reports count, or runs made one report each.
    """
    from tunesmith.selection import select_by_rows
    from tunesmith.selection.intervals import two_sided

    history, curves = seen.history, seen.history.curves
    if value_of(seen.system_attrs) != BEST:
        return None
    rows = np.flatnonzero(history.complete & history.feasible)
    numbers = [n for n in history.number[rows[np.lexsort((rows, history.y[rows, 0]))]].tolist() if curves.size(n) > 1]
    if not numbers:
        return None
    reports = int(np.median([curves.size(n) for n in numbers]))
    best = numbers[:RUNS_OF_ROWS]
    metrics = seen.storage.metrics(seen.study_id, best, ROW_NAMES)
    judged, groups = [], 0
    for number in best:
        found = losses_of_rows(metrics.get(number, {}), curves.steps(number))
        if found is not None and (known := np.isfinite(found[0]).all(axis=0)).any():
            losses, sizes = seen.signs[0] * found[0][:, known], found[1]
            judged.append(select_by_rows(losses, weights=sizes, n_resamples=CHOICES_MADE_AGAIN))
            groups = len(sizes)
    if not judged:
        return BestOf(reports)
    error = float(np.median([(high - low) / 2.0 for low, high in (result.interval for result in judged)]))
    too_good = float(np.mean([result.optimism for result in judged]))
    return BestOf(reports, too_good, error / two_sided(0.95), groups)


def _level(decided: Verdict) -> float | None:
    return None if decided.report.score is None else decided.report.score.level


def _decided(seen: Snapshot, decided: Verdict) -> Recommendation:
    """Return what the search of the study decided."""
    report, score = decided.report, decided.report.score
    later = decided.later(len(seen.history))
    trial = None if decided.trial is None else seen.get_trials(numbers=[decided.trial])[0]
    own = math.nan if trial is None or trial.values is None else trial.values[0]
    known = {} if trial is None else trial.params
    if score is not None and score.greater_is_better != (seen.signs[0] < 0):  # an error, which scorers have negated
        low, high = score.interval
        score = replace(score, value=-score.value, interval=(-high, -low), naive=-score.naive)
    return Recommendation(
        trial=trial,
        params={k: known[k] if isinstance(v, Written) and k in known else v for k, v in decided.params.items()},
        value=own if score is None else score.value,
        interval=(math.nan, math.nan) if score is None else score.interval,
        naive=own if score is None else score.naive,
        optimism=math.nan if score is None else score.optimism,
        method="none" if score is None else score.method,
        notes=() if later is None else (later,),
        level=0.95 if score is None else score.level,
        report=report,
    )


def candidates(history: History, level: float) -> Candidates | None:
    """Return the points that may be chosen, best first, with intervals of this level; None if there is none."""
    from tunesmith.samplers.gp.surrogate import Surrogate, has_enough_trials

    space = history.space
    if space is not None and has_enough_trials(history, space):
        model = Surrogate(history, space, is_steady=True)
        good = np.flatnonzero(model.feasible)
        first = _first(model.x[good], history.number[model.rows[good]])
        rows = good[first]
        mean, sd, value = model.at.mean[rows], model.at.sd[rows], model.at.value[rows]
        order = np.lexsort((history.number[model.rows[rows]], mean))
        low, high = model.interval(mean, sd, _reach(len(mean), model.d, level))
        wide = model.spread(mean, sd)
        numbers = history.number[model.rows[rows]]
        return Candidates(numbers[order], value[order], wide[order], low[order], high[order], model)
    rows = np.flatnonzero(history.complete & history.feasible)
    if not len(rows):
        return None
    y, number = history.y[rows, 0], history.number[rows]
    order = np.lexsort((number, y))
    x = history.points(space)[rows][order] if space is not None else np.zeros((len(rows), 0))
    order = order[np.sort(_first(x, np.arange(len(x))))]
    nan = np.full(len(order), math.nan)
    return Candidates(number[order], y[order], nan, nan, nan, None)


def _place(history: History, found: Candidates, number: int) -> int | None:
    """Return the place of a trial's point among the candidates, which have the first trial of each point."""
    same = found.numbers == number
    if not same.any() and history.space is not None:
        points = np.nan_to_num(rows_of(history, history.space, [number, *found.numbers.tolist()]), nan=np.inf)
        same = (points[1:] == points[0]).all(axis=1)
    return int(np.argmax(same)) if same.any() else None


def rows_of(history: History, space: Space, numbers: Sequence[int]) -> Floats:
    """Return the internal values [q, d] of trials, by their numbers."""
    row = {int(n): i for i, n in enumerate(history.number)}
    return history.points(space)[[row[n] for n in numbers]]


def _reach(n: int, d: int, level: float) -> float:
    """Return the standard deviations that an interval reaches; the best third of n points tell the noise."""
    from scipy.special import stdtrit  # Student's quantiles; scipy.stats takes a third of a second to import

    return float(stdtrit(max(3, n // 3 - d), 0.5 + level / 2.0))


def _first(x: Floats, number: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return of each distinct row of x[n, d] the place of the one with the lowest number."""
    seen: dict[bytes, int] = {}
    rows = np.ascontiguousarray(np.nan_to_num(x, nan=np.inf) + 0.0)
    for i in np.argsort(number, kind="stable").tolist():
        seen.setdefault(rows[i].tobytes(), i)
    return np.array(list(seen.values()), np.intp)


def notes_on(found: Candidates) -> tuple[str, ...]:
    """Return cautions about the candidates, in sentences."""
    model = found.model
    if model is not None:
        notes = [say(TOLD)] if model.is_told else []
        return (*notes, say(NOISY, f"{model.noise:.2g}")) if model.is_noisy else tuple(notes)
    return (say(SEEN),)


def _simplest(seen: Snapshot, found: Candidates, complexity: Complexity) -> tuple[int, str]:
    from tunesmith.selection.choice import complexities, simplest_within

    records = {t.number: t for t in seen.get_trials(numbers=found.numbers.tolist())}
    params = [records[int(n)].params for n in found.numbers]
    at = simplest_within(found.loss, found.sd, complexities(params, complexity))
    if at == 0:
        return 0, "It has the best expected value, and is the simplest one within one standard error of it."
    return at, (
        f"It is the simplest one within one standard error ({found.sd[0]:.3g}) of the best, which is trial "
        f"{found.numbers[0]} with {seen.signs[0] * float(found.loss[0]):.4g}."
    )
