"""What `tunesmith.tune` returns: one model or an average of several, fitted on all rows, and what is told of it."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.foundation.formats import duration_text
from tunesmith.foundation.languages import say
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.selection import HonestScore, Report
from tunesmith.selection.leaderboard import Leaderboard, Place
from tunesmith.selection.report import AVERAGE
from tunesmith.tables.budget import CHOOSING_SHARE, SAFETY, Clock
from tunesmith.tables.candidates import Candidate, Standings
from tunesmith.tables.families import STRETCHED
from tunesmith.tables.judge import Judge, adapted
from tunesmith.tables.model import TableClassifier, TableRegressor
from tunesmith.tables.out_of_fold import OutOfFold
from tunesmith.tables.responses import answers, fit_model, rounds_in
from tunesmith.tables.rounds import REFIT
from tunesmith.tables.values import take_rows

SPENT = 0.9  # part of the time that is left, that last fits may be predicted to take
HALVED_FOLDS = 3  # of which the model is fitted on half of the rows, at most, to see what the last fit brings
LAST_FIT = (
    "The better end of the interval is {} beyond what the folds show: that is what the last fit may bring, which has "
    "more rows than theirs."
)
CUT_SHORT = (
    "An average of {:,} models was chosen, and there was time to fit {:,} of them, which are returned. The score is "
    "that of the whole average."
)
CUT_TO_BEST = "An average of {:,} models was chosen, and there was time to fit only one of them, the best single model."
AVERAGED = (
    "An average of {:,} models is returned. On rows that it was not chosen on it was better than the best single "
    "model (on the leaderboard, the scores of single models allow for the choice within their kind only); "
    "ensemble=False (--no-ensemble) keeps to one model.",
    "An average of {:,} models is returned. On rows that it was not chosen on it was no better than the best single "
    "model; ensemble=False (--no-ensemble) keeps to one model.",
)

Member = tuple[Candidate, float]  # a candidate, and its weight


@dataclass(slots=True)
class Choice:
    """What is to be returned.

    Attributes:
        best: the best single candidate.
        members: of the average, the heaviest first; or the best one alone.
        report: on it.
        single: the report on the best single candidate.
        costs: seconds that the last fit of each candidate takes, by its number.
        budget: seconds that there are for all of them.
        notes: what a reader has to know.
        gain: by how much the last fit is expected to be better than those of the folds.
        answers: of the average, for the tested rows; None: it is a single model.
    """

    best: Candidate
    members: list[Member]
    report: Report
    single: Report
    costs: Mapping[int, float]
    budget: float
    notes: list[str]
    gain: float = 0.0
    answers: Floats | None = None


def choose_members(judge: Judge, clock: Clock, ensemble: bool) -> Choice:
    """Choose a single candidate, or an average of several.

    Args:
        ensemble: whether an average may be chosen.
    """
    tested, standings = judge.tested, judge.tested.standings
    order = sorted(tested.candidates, key=lambda c: -tested.merit(c))
    made = judge.conclude(tested.candidates)
    best = order[0] if made.index is None else tested.candidates[made.index]
    costs = {c.number: REFIT * SAFETY * standings.predicted(c.family, standings.n_rows, c) for c in order}
    budget = max(SPENT * clock.left, overtime(clock)) if clock.limited else math.inf
    choice = Choice(best, [(best, 1.0)], made.report, made.report, costs, budget, [])
    if ensemble and len(order) > 1 and math.isfinite(tested.mean(order[1])):
        _average(judge, choice, order, CHOOSING_SHARE * clock.seconds, made.score)
    if choice.report.score is None:
        return choice
    left = SPENT * clock.left - sum(costs[c.number] for c, _ in choice.members)
    start = time.monotonic()
    choice.gain = last_fit_gain(judge, best, min(left, 0.1 * clock.seconds), clock.ends)
    choice.budget -= time.monotonic() - start
    return choice


def _reaching(report: Report, gain: float, most: float) -> tuple[Report, str]:
    """Return a report whose interval reaches further to the better side, and a sentence on it.

    Args:
        gain: by how much it does.
        most: the best score that there is, which it does not reach beyond.

    Returns:
        the report, and the sentence; empty: the interval stays as it was, or looks so.
    """
    if report.score is None:
        return report, ""
    low, high = report.score.interval
    end = min(high + gain, max(high, most))
    if not end > high:
        return report, ""
    score = replace(report.score, interval=(low, end))
    written = score.format.write(end - high)
    sentence = "" if written == score.format.write(0.0) else say(LAST_FIT, written)
    return replace(report, score=score), sentence


def _average(judge: Judge, choice: Choice, order: list[Candidate], seconds: float, single: HonestScore | None) -> None:
    """Let an average of several candidates be chosen, of the best twenty, unless a single one is credibly better."""
    library = order[:20]
    chosen = judge.ensemble(library, [choice.costs[c.number] for c in library], choice.budget, seconds)
    used = [(c, float(w)) for c, w in zip(library, chosen.weights, strict=True) if w > 0.0]
    average = judge.average(chosen) if len(used) > 1 else None
    if average is None or average.score is None:
        return
    score = replace(adapted(average.score, single), gain_over_default=None, beats_default=None, p_value=None)
    n_candidates = len(judge.tested.standings.candidates)
    choice.report = replace(choice.report, score=replace(score, n_candidates=n_candidates))
    choice.members = sorted(used, key=lambda pair: (pair[0] is not choice.best, -pair[1]))  # it is fitted first
    choice.notes = [say(AVERAGED[chosen.gain <= 0.0], len(choice.members))]
    choice.answers = chosen.known


def overtime(clock: Clock) -> float:
    """Return how many seconds a last fit may take where nothing is left of the time."""
    return 0.07 * clock.seconds + 0.5


def fit_choice(judge: Judge, clock: Clock, choice: Choice) -> Any:
    """Fit what was chosen on all rows, or on as many as there is time for; return a `TableClassifier` or its like.

    Args:
        choice: what was chosen. It gets notes.
    """
    table, standings = judge.table, judge.tested.standings
    target, n_rows, members, notes = table.target, standings.n_rows, choice.members, choice.notes
    at: Any = np.arange(n_rows)
    needed = sum(choice.costs[c.number] for c, _ in members) * choice.best.family.least_part
    if needed > choice.budget and len(members) == 1:
        n = max(int(n_rows * (choice.budget / needed) ** (1.0 / choice.best.family.kind.power)), min(50, n_rows))
        if n < n_rows:
            at = np.sort(np.random.default_rng(0).permutation(n_rows)[:n])
            if target.classes is not None:  # a member of each class
                at = np.unique(np.concatenate([at, np.unique(target.y, return_index=True)[1]]))
            notes.append(f"The model was fitted on {len(at):,} of {n_rows:,} rows: there was no time for all.")
    part = table.rows if len(at) == n_rows else take_rows(table.rows, at)
    weight = None if table.weight is None else table.weight[at]
    models: list[Any] = []
    unfitted: list[tuple[str, Any]] = []
    kept: list[Member] = []
    for candidate, share in members:
        if models and clock.left < STRETCHED * choice.costs[candidate.number]:
            continue
        n_rounds = _last_rounds(candidate, len(standings.levels))
        ends = None if clock.ends is None else max(clock.ends, time.monotonic() + overtime(clock))
        model = fit_model(candidate.family.build(candidate.params, n_rounds, ends), part, target.y[at], weight)
        if models and n_rounds and rounds_in(model) < STRETCHED * n_rounds:
            continue
        models.append(model)
        name = f"{candidate.family.name}_{candidate.number}"
        unfitted.append((name, candidate.family.build(candidate.params, n_rounds)))
        kept.append((candidate, share))
    if len(kept) == 1 < len(members) and kept[0][0] is choice.best:
        choice.report, choice.answers = choice.single, None
        notes[0] = say(CUT_TO_BEST, len(members))
    elif len(kept) < len(members):
        notes[0] = say(CUT_SHORT, len(members), len(kept))
    whole = sum(share for _, share in kept)
    choice.members = [(candidate, share / whole) for candidate, share in kept]
    shared = None if any(f.before is not None or f.is_given for f in standings.families) else table.columns
    cls = TableRegressor if target.classes is None else TableClassifier
    made: Any = cls(shared, unfitted, None if len(kept) == 1 else [share for _, share in choice.members])
    if target.classes is not None:
        made.classes_ = target.classes
    return made._take(shared, models, table.columns)


def out_of_fold(judge: Judge, choice: Choice) -> OutOfFold:
    """Return what is returned answered for the tested rows, by models that were fitted without them."""
    target = judge.table.target
    rows, known = judge.tested.pooled(choice.best)
    answers = known if choice.answers is None else choice.answers
    return OutOfFold(rows, target.y[rows], np.asarray(answers, np.float64), target.classes)


def _last_rounds(candidate: Candidate, n_levels: int) -> int | None:
    """Return how many rounds the last fit has, by those of the folds, or else of the levels; None: it has none."""
    known = {split: rounds for split, rounds in candidate.rounds.items() if math.isfinite(rounds)}
    rounds = [rounds for split, rounds in known.items() if split >= n_levels] or list(known.values())
    return max(1, round(REFIT * float(np.mean(rounds)))) if rounds and candidate.family.kind.rounds else None


def full_report(judge: Judge, choice: Choice, n_trials: int, inferred: Sequence[str]) -> Report:
    """Return the report with what was chosen, what it takes, and what was inferred.

    Args:
        n_trials: of the study.
        inferred: in sentences.
    """
    standings, members = judge.tested.standings, choice.members
    report, reaches = _reaching(choice.report, choice.gain, judge.table.measure.best)
    notes = [*choice.notes, reaches] if reaches else list(choice.notes)
    if math.isfinite(per_row := sum(c.answering for c, _ in members)):
        notes.append(f"A prediction takes about {duration_text(per_row)} for 1,000 rows.")
    if judge.tested.note:
        notes.append(judge.tested.note)
    tried = Counter(c.family.name for c in standings.candidates if c.evaluated)
    for name, (error, n) in standings.failures.items():
        all_failed = f"All candidates of {name} failed"
        which = all_failed if n == tried[name] else f"{n:,} of {tried[name]:,} candidates of {name} failed"
        notes.append(f"{which}: {error}")
    notes += [f"{name} was not tried: {why}." for name, why in standings.spared.items() if name not in tried]
    chosen = {"ensemble": _family_shares(members)} if len(members) > 1 else dict(members[0][0].trial.params)
    return replace(
        report,
        chosen=chosen,
        n_candidates=tried.total(),
        n_passed=max(n_trials - tried.total(), 0),
        n_fits=standings.n_fits,
        n_fits_saved=None,
        adaptive=True,
        notes=(*notes, *inferred, *report.notes),
    )


def _family_shares(members: Sequence[Member]) -> str:
    """Return what an average is made of: the share of each family, the largest first."""
    shares: dict[str, float] = {}
    for candidate, share in members:
        shares[candidate.family.name] = shares.get(candidate.family.name, 0.0) + share
    return ", ".join(f"{100 * shares[name]:.0f} % {name}" for name in sorted(shares, key=lambda name: -shares[name]))


def results(standings: Standings) -> dict[str, Any]:
    """Return the candidates as columns, those of scikit-learn's ``cv_results_`` and how far each came."""
    own, folds = standings.candidates, range(standings.used)
    scores = [[c.scores.get(k, math.nan) for k in folds] for c in own]
    ran = np.isfinite(np.array(scores).reshape(len(own), -1)).sum(axis=1)
    mean = np.array([c.mean for c in own])
    merit = [(-int(n), -m if math.isfinite(m) else math.inf) for n, m in zip(ran, mean, strict=True)]
    return {
        "params": [dict(c.trial.params) for c in own],
        **{f"split{k}_test_score": np.array([row[k] for row in scores]) for k in folds},
        "mean_test_score": mean,
        "std_test_score": np.array([np.std(list(c.scores.values())) if c.scores else math.nan for c in own]),
        "rank_test_score": np.array([1 + sum(m < one for m in merit) for one in merit], np.int32),
        "n_splits_run": ran,
        "mean_fit_time": np.array([np.mean([s for _, s in c.seconds]) if c.seconds else math.nan for c in own]),
        "rows": np.array([max((n for n, _ in c.seconds), default=0) for c in own]),
        "state": [c.state.name for c in own],
    }


def leaderboard(judge: Judge, members: Sequence[Member], report: Report) -> Leaderboard:
    """Return the best of each family, and the ensemble if one is returned."""
    tested, standings = judge.tested, judge.tested.standings
    places = []

    def seconds(candidate: Candidate) -> float:
        return standings.predicted(candidate.family, standings.n_rows, candidate)

    if len(members) > 1:
        fit, predict, size = (
            sum(of(c) for c, _ in members) for of in (seconds, lambda c: c.answering, lambda c: c.size)
        )
        places.append(Place(AVERAGE, report.score, fit, predict, size, len(members), "", {}))
    for one in standings.families:
        own = [c for c in standings.candidates if c.family is one]
        compared = sorted((c for c in tested.candidates if c.family is one), key=tested.merit, reverse=True)[:8]
        rest = [c for c in own if c.scored]
        if compared:
            made = judge.conclude(compared)
            best = compared[0 if made.index is None else made.index]
            returned = len(members) == 1 and members[0][0].family is one
            score, why = report.score if returned else made.score, ""
        elif rest:
            best = max(rest, key=lambda c: (len(c.scores), c.highest))
            score, why = None, best.why
        else:
            failed, spared = standings.failures.get(one.name), standings.spared.get(one.name)
            why = failed[0] if failed else spared or say("there was no time for it")
            places.append(Place(one.name, None, math.nan, math.nan, math.nan, 0, why, {}))
            continue
        tried = sum(c.evaluated for c in own)
        places.append(Place(one.name, score, seconds(best), best.answering, best.size, tried, why, best.params))
    return Leaderboard.of(places)


# ----------------------------------------------------------------------------------------------------------------------
# By how much the last fit, on all rows, is better than those of the folds, which have fewer.
#
# The score of a model follows a learning curve, s(m) = s(∞) - a·m^-1/2. Two points of it, few rows and those of a fold,
# tell a, and so what the step from a fold to all rows brings. The first point is a level of the search; where the data
# are too small for levels, the model is fitted once more on half of the rows of each fold.


def last_fit_gain(judge: Judge, candidate: Candidate, seconds: float, ends: float | None) -> float:
    """Return by how much the score of the last fit is expected to be better, at least 0.

    Args:
        judge: of the candidates of a search that has run.
        candidate: the best one, whose learning curve is taken for that of all that is returned.
        seconds: that may be spent on fits; without levels and seconds it is not known: 0.
        ends: when the search ends; None: there is no such time.
    """
    tested, table, standings = judge.tested, judge.table, judge.tested.standings
    many, n_rows = len(tested.splits[0][0]), standings.n_rows
    if many >= n_rows:
        return 0.0
    lower = [level for level in candidate.screens if level < min(tested.numbers)]
    if lower:
        few, at = standings.split(max(lower))
        n_few, known = len(few), candidate.known[max(lower)]
    else:
        at, known = _halves(judge, candidate, seconds, ends)
        n_few = many // 2
    rows, whole = tested.pooled(candidate)
    both = np.isin(at, rows)
    if not both.any():
        return 0.0
    at, known = at[both], known[both]
    weight = None if table.weight is None else table.weight[at]
    y, score = table.target.y[at], table.measure.score
    better = score(y, whole[np.searchsorted(rows, at)], weight) - score(y, known, weight)
    if not math.isfinite(better):
        return 0.0
    step = (many**-0.5 - n_rows**-0.5) / (n_few**-0.5 - many**-0.5)
    return float(max(better, 0.0) * step)


def _halves(judge: Judge, candidate: Candidate, seconds: float, ends: float | None) -> tuple[NDArray[np.intp], Floats]:
    """Return tested rows, and the answers of the candidate for them after fits on half of the rows of their folds."""
    table, standings, family = judge.table, judge.tested.standings, candidate.family
    rng = np.random.default_rng([table.seed, 31])
    n_classes = 0 if table.target.classes is None else len(table.target.classes)
    found: list[tuple[NDArray[np.intp], Floats]] = []
    for train, test in judge.tested.splits[:HALVED_FOLDS]:
        half = np.sort(rng.permutation(train)[: len(train) // 2])
        needed = SAFETY * standings.predicted(family, len(half), candidate)
        if needed > seconds or not len(half):
            break
        seconds -= needed
        weight = None if table.weight is None else table.weight[half]
        try:
            unfitted = family.build(candidate.params, ends=ends)
            model = fit_model(unfitted, take_rows(table.rows, half), table.target.y[half], weight)
            found.append((np.asarray(test, np.intp), answers(model, take_rows(table.rows, test), n_classes)))
        except Exception:  # of somebody's estimator: half of the rows may be too few for it
            break
        standings.n_fits += 1
    if not found:
        return np.empty(0, np.intp), np.empty(0)
    rows, known = zip(*found, strict=True)
    return np.concatenate(rows), np.concatenate(known)
