"""What pruning saved: how much of the training that full runs would have needed was not done, and was it worth it.

Symbols: n complete trials, d columns of the history.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain, groupby, pairwise
from statistics import fmean, median

import numpy as np

from tunesmith.foundation.languages import Said, paragraph, say
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.history.costs import step_cost
from tunesmith.history.curves import Curves
from tunesmith.study.engine.replica import ENDS_EARLY
from tunesmith.study.snapshot import Snapshot
from tunesmith.trial.record import PLANNED, TrialRecord

TRIALS_LOOKED_AT = 20  # complete trials, the latest, whose reports are counted
FEWEST = 5  # complete trials from which on a parameter is believed to order their lengths
FEWEST_ENDS = 3  # complete trials from which on the ends of others are estimated
MOST_ALIKE = 5  # complete trials, at most, whose ends a partial one is taken to have
VISIBLE_SHARE = 0.005  # a share of the cost from which on it is no 0 % where it is shown
MOST_ENDS = 500  # complete trials, the latest, that partial ones are held against


@dataclass(frozen=True, slots=True)
class Savings:
    """What pruning saved, as far as it can be told; or what it lost.

    A partial trial is taken to go on to its own length, each step at its own cost. Its length is that which complete
    trials have at the same value of a parameter (a number of epochs that is searched, say), where one decides it; else
    the median length of complete trials. What a step costs is told by the reports after the first one of each attempt,
    since that one pays for the start-up too. A full run starts once: what a trial paid to begin again after a pause,
    start-ups and steps that were repeated, is not part of `full_cost`.

    A trial that its patience ended is complete, and counts as one with the epochs that it left out.

    Attributes:
        pruned: trials that were stopped early.
        paused: trials that may still go on.
        begun: all trials that reported, and were not lost or failed.
        reports: what they reported.
        full_reports: what they would have reported as full runs.
        cost: what they cost up to their last reports, in seconds or the user's unit; NaN where that is not known.
        full_cost: what they would have cost as full runs, up to their last reports.
        restarts: how often one of them began again after a pause.
        restart_cost: what that cost; NaN where it is not known.
        full_runs: how many full runs there would have been for the same cost; where costs are not known, for as many
            reports.
        reached: the best value of a complete and feasible one of them, in the study's own direction; None: there is
            none, or there are several objectives.
        expected: what so many of their configurations, drawn at random, can be expected to reach as full runs. Only
            complete trials show their ends: a partial one is taken to end as those that were nearest to its last value
            at that step, and worse by as much of the difference as usually lasts. None where `reached` is, for less
            than one full run, and for fewer than three complete ones.
        early: complete trials that their patience ended before the last epoch.
    """

    pruned: int
    paused: int
    begun: int
    reports: int
    full_reports: int
    cost: float
    full_cost: float
    restarts: int = 0
    restart_cost: float = 0.0
    full_runs: int = 0
    reached: float | None = None
    expected: float | None = None
    early: int = 0

    def __str__(self) -> str:
        return paragraph(self.sentences())

    def sentences(self) -> list[str]:
        """Return what was saved, and what full runs would have reached, in sentences."""
        n = f"{self.pruned:,}", f"{self.paused:,}", f"{self.begun:,}"
        early = f"{self.early:,}"
        if not self.pruned and not self.paused:
            ran = say("All {} trials ran to their ends", n[2])
            text = say("{} of {} trials ended by their patience", early, n[2]) if self.early else ran
        elif not self.paused:
            text = say("{} stopped early of {} trials", n[0], n[2])
        elif not self.pruned:
            text = say("{} paused of {} trials", n[1], n[2])
        else:
            text = say("{} stopped early and {} paused of {} trials", *n)
        reports = f"{self.reports:,}", f"{self.full_reports:,}"
        if self.cost > 0 and self.full_cost > 0:
            share = f"{self.cost / self.full_cost:.0%}"
            made = say("{}: {} of {} reports of full runs were made, for {} of their cost.", text, *reports, share)
        else:
            made = say("{}: {} of {} reports of full runs were made.", text, *reports)
        more = self.early and (self.pruned or self.paused)
        ended = [say("{} others ended by their patience.", early)] if more else []
        return [made, *ended, *self._restarts(), *self._full_runs()]

    def _restarts(self) -> list[Said]:
        """Return what restarts took, where that is worth a sentence."""
        share = self.restart_cost / self.cost if self.cost else math.nan
        if not self.restarts or not share >= VISIBLE_SHARE:
            return []
        return [say("Restarts after pauses ({}) took {} of the cost.", f"{self.restarts:,}", f"{share:.0%}")]

    def _full_runs(self) -> list[Said]:
        """Return what full runs would have reached."""
        if self.full_cost <= (1.0 - VISIBLE_SHARE) * self.cost:
            less = f"{1 - self.full_cost / self.cost:.0%}"
            return [say("It did not pay: all of them as full runs would have reached as much with {} less cost.", less)]
        k = say("1 full run") if self.full_runs == 1 else say("{} full runs", f"{self.full_runs:,}")
        runs = say("With as many reports: {}", k) if math.isnan(self.cost) else say("With the same cost: {}", k)
        if self.expected is None or self.reached is None:
            return [say("{}.", runs)]
        expected, reached = f"{self.expected:.4g}", f"{self.reached:.4g}"
        if expected == reached:
            return [say("{}, expected to reach as much ({}).", runs, reached)]
        return [
            say(
                "{}, expected to reach {} as far as early values tell; this search reached {}.", runs, expected, reached
            )
        ]

    def note(self) -> str:
        """Return what a reader of a result is to know of the partial trials."""
        return _note(self.pruned + self.paused, self.begun)


@dataclass
class _Again:
    """What a trial did again.

    Attributes:
        firsts: the steps of its curve that a later attempt began with, and whether that came after a pause.
        restarts: how many attempts came after a pause.
        paid: what steps cost that were made again after a pause.
        lost: what steps cost that were made again after a failure, which a full run would have paid, too.
    """

    firsts: dict[int, bool] = field(default_factory=dict)
    restarts: int = 0
    paid: float = 0.0
    lost: float = 0.0


PARTIAL = (
    "{} of {} trials are partial (stopped early or paused), and are not compared here; "
    "the figures are those of full runs."
)


def note_on_partial(history: History) -> str | None:
    """Return what a reader of a result is to know of partial trials; None: there are none, or no other."""
    counts = Counter(map(history.curves.state, history.curves.numbers))
    complete, partial = counts[TrialState.COMPLETE], counts[TrialState.PRUNED] + counts[TrialState.PAUSED]
    return _note(partial, complete + partial) if complete and partial else None


def _note(partial: int, begun: int) -> str:
    return say(PARTIAL, partial, begun)


def savings(seen: Snapshot) -> Savings | None:
    """Return what pruning saved; None: no trial was stopped or paused, or no run is complete to compare with."""
    history, curves = seen.history, seen.history.curves
    if not curves.n_complete:
        return None
    states = {number: curves.state(number) for number in curves.numbers}
    partial = [n for n, state in states.items() if state in (TrialState.PRUNED, TrialState.PAUSED)]
    ends = {n: curves.steps(n)[-1] for n, state in states.items() if state is TrialState.COMPLETE}
    early = _ended_early(seen, ends)
    counted = [*ends, *partial]
    whole = set(counted)
    restarted = seen.in_parts([n for n in seen.restarted if n in whole])
    again = {trial.number: _again(trial) for trial in chain.from_iterable(restarted)}
    restarts = sum(found.restarts for found in again.values())
    if not partial and not restarts and not early:
        return None
    at = {n: curves.steps(n)[-1] for n in (*partial, *early)}
    lengths = _lengths(history, ends | early, partial) | early
    left = {n: max(0.0, length - at[n]) for n, length in lengths.items()}
    reports = sum(map(curves.size, counted))
    full_reports = reports + _reports_left(curves, ends, at, left)
    cost = full_cost = restart_cost = math.nan
    share = reports / full_reports
    if all(map(curves.known_costs, counted)):
        steps = _step_costs(curves, list(ends), list(left), again)
        restart_cost = max(0.0, math.fsum(_restart_cost(curves, n, steps[n], found) for n, found in again.items()))
        once = math.fsum(map(curves.spent, counted)) + math.fsum(found.lost for found in again.values())
        cost = once + math.fsum(found.paid for found in again.values())
        full_cost = cost - restart_cost + math.fsum(left[n] * steps[n] for n in left)
        share = cost / full_cost if full_cost > 0 else 1.0
    full_runs = min(len(counted), int(len(counted) * share + 1e-9))
    reached, expected = _reached(history, list(ends), {n: at[n] for n in partial}, full_runs)
    return Savings(
        sum(states[n] is TrialState.PRUNED for n in partial),
        sum(states[n] is TrialState.PAUSED for n in partial),
        len(counted),
        reports,
        full_reports,
        cost,
        full_cost,
        restarts,
        restart_cost,
        full_runs,
        reached,
        expected,
        len(early),
    )


def _ended_early(seen: Snapshot, complete: Iterable[int]) -> dict[int, int]:
    """Return the last steps that complete trials would have had that their patience ended."""
    if not seen.system_attrs.get(ENDS_EARLY):
        return {}
    trials = chain.from_iterable(seen.in_parts(sorted(complete)))
    return {trial.number: int(trial.system[PLANNED]) for trial in trials if trial.system and PLANNED in trial.system}


def _again(trial: TrialRecord) -> _Again:
    """Return what a trial did again, from what its attempts reported."""
    made, curve = _Again(), dict[int, float]()
    paused: bool | None = None
    attempts = [(a.reports, a.costs, a.failure) for a in trial.previous_attempts]
    for reports, costs, failure in (*attempts, (trial.reports or {}, trial.costs or {}, None)):
        if reports:
            first = min(reports)
            made.restarts += bool(paused)
            repeated = math.fsum(curve.pop(step) for step in [s for s in curve if s >= first])
            if paused:
                made.paid += repeated
            else:
                made.lost += repeated
            made.firsts = {step: after for step, after in made.firsts.items() if step < first}
            if curve:
                made.firsts[first] = bool(paused)
            curve |= {step: costs.get(step, 0.0) for step in reports}
        paused = failure is None
    return made


def _restart_cost(curves: Curves, number: int, step_cost: float, again: _Again) -> float:
    """Return what a trial paid to begin again after pauses: steps made again, and start-ups.

    What a start-up cost shows in the first report after it, beside what its steps cost.
    """
    before, costs = {b: a for a, b in pairwise(curves.steps(number))}, curves.known_costs(number)
    starts = (
        costs[step] - step_cost * (step - before[step])
        for step, after_pause in again.firsts.items()
        if after_pause and step in costs and step in before
    )
    return again.paid + math.fsum(starts)


def _reached(
    history: History, complete: Sequence[int], at: Mapping[int, int], k: int
) -> tuple[float | None, float | None]:
    """Return the best end of complete trials, and the expected best of k full runs drawn at random from all.

    Args:
        complete: the numbers of complete trials that reported.
        at: the last steps of partial ones.
        k: how many full runs.
    """
    if history.n_objectives > 1:
        return None, None
    value = np.where(history.complete & history.feasible, history.y[:, 0], np.inf)
    end_of = dict(zip(history.number.tolist(), value.tolist(), strict=True))
    ends = np.array([end_of.get(n, np.inf) for n in complete])
    if not np.isfinite(ends).any():
        return None, None
    sign = history.curves.signs[0]
    reached = sign * float(ends.min())
    if k < 1 or len(ends) < FEWEST_ENDS:
        return reached, None
    values, mass = _ends(history.curves, complete[-MOST_ENDS:], ends[-MOST_ENDS:], at)
    values = np.concatenate([ends, values])
    mass = np.concatenate([np.ones(len(ends)), mass])
    return reached, sign * _least_of(values, mass, k)


def _ends(curves: Curves, complete: Sequence[int], ends: Floats, at: Mapping[int, int]) -> tuple[Floats, Floats]:
    """Return at which values partial trials would end [r], infinite for those without one, and their weights [r].

    One is taken to end as the complete trials that were nearest to its last value at that step, plus as much of the
    difference to them there as usually lasts to the end. None is taken to end better than the best end known.

    Args:
        complete: the numbers of complete trials [n].
        ends: their values [n].
        at: the last steps of the partial ones.
    """
    values, mass = [np.empty(0)], [np.empty(0)]
    alike = max(1, min(MOST_ALIKE, len(ends) // 3))
    window = np.arange(-alike, alike)  # of complete trials by rank, around the place of a partial one
    reports = [curves.of(n) for n in complete]
    for step, group in groupby(sorted(at, key=at.__getitem__), key=at.__getitem__):
        last = np.array([curves.of(n)[1][-1] for n in group])
        seen = np.array([v[max(0, int(np.searchsorted(s, step, side="right")) - 1)] for s, v in reports])
        order = np.argsort(seen, kind="stable")
        order = order[np.isfinite(seen[order]) & np.isfinite(ends[order])]
        shown = np.isfinite(last) if len(order) >= alike else np.zeros(len(last), np.bool_)
        values.append(np.full(int((~shown).sum()), np.inf))
        mass.append(np.ones(int((~shown).sum())))
        if not shown.any():
            continue
        seen, own, last = seen[order], ends[order], last[shown][:, None]
        near = np.searchsorted(seen, last) + window
        beyond = np.where((near >= 0) & (near < len(seen)), last - seen[np.clip(near, 0, len(seen) - 1)], np.inf)
        best = np.argsort(np.abs(beyond), axis=1, kind="stable")[:, :alike]
        near, beyond = np.take_along_axis(near, best, axis=1), np.take_along_axis(beyond, best, axis=1)
        values.append(np.maximum(own[near] + _lasting(seen, own) * beyond, ends.min()).ravel())
        mass.append(np.full(near.size, 1.0 / alike))
    return np.concatenate(values), np.concatenate(mass)


def _lasting(seen: Floats, ends: Floats) -> float:
    """Return the share of a difference at a step that lasts to the end, 0 to 1: a slope, drawn towards a half.

    Args:
        seen: values at the step [n].
        ends: values at the end [n].
    """
    n, spread = len(seen), float(np.var(seen))
    if spread == 0:
        return 0.5
    slope = float(np.mean((seen - seen.mean()) * (ends - ends.mean()))) / spread
    return min(1.0, max(0.0, (n * slope + 0.5) / (n + 1)))


def _least_of(values: Floats, mass: Floats, k: int) -> float:
    """Return the expected least of k of N values that are drawn without putting back.

    Args:
        values: finite or infinite, some are finite; infinite ones count as the greatest finite one.
        mass: how many of the N each stands for; N is their sum.
        k: at least 1, at most N.
    """
    from scipy.special import gammaln

    values = np.minimum(values, values[np.isfinite(values)].max())
    order = np.argsort(values, kind="stable")
    values, total = values[order], float(mass.sum())
    above = np.maximum(total - np.cumsum(mass[order]), 0.0)  # how many are greater, or equal and later
    some = above > k - 1 + 1e-9
    log_none = np.full(len(above), -np.inf)  # that none of the values up to this one is drawn
    log_none[some] = gammaln(above[some] + 1) - gammaln(above[some] - k + 1)
    log_none[some] += gammaln(total - k + 1) - gammaln(total + 1)
    none = np.exp(np.minimum(log_none, 0.0))
    return float(values @ (np.append(1.0, none[:-1]) - none))


def _lengths(history: History, ends: dict[int, int], partial: Sequence[int]) -> dict[int, float]:
    """Return the last step that each partial trial would have as a full run.

    Args:
        ends: the last steps of complete trials.
        partial: the numbers of the partial ones.
    """
    last = np.array(list(ends.values()), float)
    found = dict.fromkeys(partial, float(np.median(last)))
    if last.min() == last.max():
        return found
    rows = dict(zip(history.number.tolist(), history.x, strict=True))
    rows |= dict(zip(history.pending.number.tolist(), history.pending.x, strict=True))
    if not all(n in rows for n in (*ends, *partial)):  # one of them is being read
        return found
    x, rest = np.array([rows[n] for n in ends]), np.array([rows[n] for n in partial])
    rules = {j: rule for j, column in enumerate(x.T) if (rule := _rule(column, last)) is not None}
    if rules:
        best = min(rules, key=lambda j: rules[j][0])
        lengths = rules[best][1](rest[:, best])
        found |= {n: length for n, length in zip(partial, lengths.tolist(), strict=True) if length == length}
    return found


def _rule(column: Floats, last: Floats) -> tuple[int, Callable[[Floats], Floats]] | None:
    """Return how a parameter decides the last steps of trials; None: it does not.

    Args:
        column: its values [n].
        last: the last steps [n].

    Returns:
        How far the rule reaches, the smaller the better, and what tells the steps at other values, NaN at NaN.
    """
    if np.isnan(column).any() or column.min() == column.max():
        return None
    before = last[0] - column[0]
    if np.array_equal(last, column + before):  # it is the number of steps, counted from 0 or from 1
        return 0, lambda values: values + before
    values, first, count = np.unique(column, return_index=True, return_counts=True)
    steps = last[first]
    one_each = np.array_equal(last, steps[np.searchsorted(values, column)])
    in_order = len(last) >= FEWEST and (np.all(np.diff(steps) >= 0) or np.all(np.diff(steps) <= 0))
    if not one_each or not (in_order or count.min() > 1):
        return None
    return 1, lambda given: np.interp(given, values, steps)


def _step_costs(
    curves: Curves, complete: Sequence[int], partial: Sequence[int], again: Mapping[int, _Again]
) -> dict[int, float]:
    """Return what one more step of each trial costs that is partial, or was begun again.

    The reports after the first one of each attempt tell it. Where a trial has none, it is what the first ones cost
    without the start-up of other trials, drawn towards the usual cost of a step by how far start-ups differ.

    Args:
        partial: the partial ones, and those that their patience ended.
    """
    firsts = {n: found.firsts.keys() for n, found in again.items()}
    wanted = dict.fromkeys((*partial, *again))
    known, starts = dict[int, float](), []
    for n in dict.fromkeys((*complete, *wanted)):
        steps, costs = curves.steps(n), curves.known_costs(n)
        step, first = step_cost(steps, costs, firsts.get(n, ())), costs.get(steps[0])
        if step is not None:
            known[n] = step
            if first is not None:
                starts.append(first - step * _gap(curves, n))
    if known.keys() >= wanted.keys():
        return known
    gap = median(_gap(curves, n) for n in complete)
    ones = {n: curves.spent(n) / curves.size(n) for n in wanted if n not in known}  # each report paid for a start-up
    if not starts:
        return known | {n: first / gap for n, first in ones.items()}
    usual, start = median(known.values()), median(starts)
    doubt = fmean((s - start) ** 2 for s in starts) / gap**2
    differ = fmean((s - usual) ** 2 for s in known.values())
    trust = differ / (differ + doubt) if differ else 0.0
    low, high = min(known.values()), max(known.values())
    return known | {
        n: usual + trust * (min(high, max(low, (first - start) / gap)) - usual) for n, first in ones.items()
    }


def _gap(curves: Curves, number: int) -> float:
    """Return how many steps lie between two reports of a trial; 1 if it made one."""
    gaps = [step - before for before, step in pairwise(curves.steps(number))]
    return float(median(gaps)) if gaps else 1.0


def _reports_left(curves: Curves, ends: dict[int, int], at: dict[int, int], left: dict[int, float]) -> int:
    """Return how many reports the partial trials would still make: those that complete ones made at the same steps.

    Args:
        ends: the last steps of complete trials.
        at: the last steps of the partial ones.
        left: how many steps these have left.
    """
    looked_at = [(end, curves.steps(n)) for n, end in list(ends.items())[-TRIALS_LOOKED_AT:]]
    gap = median(_gap(curves, n) for n in list(ends)[-TRIALS_LOOKED_AT:])

    @cache
    def made(begin: int, end: float) -> int:
        found = [bisect_right(steps, end) - bisect_right(steps, begin) for last, steps in looked_at if last >= end]
        return round(median(found) if found else (end - begin) / gap)

    return sum(made(at[n], at[n] + steps) for n, steps in left.items())
