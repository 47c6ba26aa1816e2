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

from tunesmith.foundation.languages import say
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.text import span
from tunesmith.selection import HonestScore, Report
from tunesmith.selection.report import AVERAGE
from tunesmith.tables.engine import CHOOSING, SAFETY, Candidate, Clock, TableSearch
from tunesmith.tables.families import STRETCHED
from tunesmith.tables.judge import LIBRARY, Judge, Table, adapted
from tunesmith.tables.leaderboard import Leaderboard, Place
from tunesmith.tables.model import TableClassifier, TableRegressor
from tunesmith.tables.responses import answers, fitted, rounds_in
from tunesmith.tables.rounds import REFIT
from tunesmith.tables.values import take_rows

FEWEST_ROWS = 50  # that a last fit has, where there is no time for all
OVER = (0.07, 0.5)  # of the timeout, and seconds, that a last fit may take where nothing is left of it
SPENT = 0.9  # part of the time that is left, that last fits may be predicted to take

MOST_FOR_CURVE = 0.1  # of the timeout, that fits on half of the rows may take: they tell what the last fit brings
LAST_FIT = (
    "The better end of the interval is {} beyond what the folds show: that is what the last fit may bring, which has "
    "more rows than theirs."
)
CUT = (
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
COMPARED = 8  # candidates of a family that its honest score is corrected for the choice among

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
    """

    best: Candidate
    members: list[Member]
    report: Report
    single: Report
    costs: Mapping[int, float]
    budget: float
    notes: list[str]


def choose(search: TableSearch, judge: Judge, ensemble: bool) -> Choice:
    """Choose a single candidate, or an average of several.

    Args:
        ensemble: whether an average may be chosen.
    """
    tested, clock = judge.tested, search.clock
    order = sorted(tested.candidates, key=lambda c: -tested.merit(c))
    made = judge.conclude(tested.candidates)
    best = order[0] if made.index is None else tested.candidates[made.index]
    costs = {c.number: REFIT * SAFETY * search.predicted(c.family, search.n_rows, c) for c in order}
    budget = math.inf if math.isinf(clock.seconds) else max(SPENT * clock.left, over(clock))
    choice = Choice(best, [(best, 1.0)], made.report, made.report, costs, budget, [])
    if ensemble and len(order) > 1 and math.isfinite(tested.mean(order[1])):
        _average(search, judge, choice, order, made.score)
    if choice.report.score is None:
        return choice
    left = SPENT * clock.left - sum(costs[c.number] for c, _ in choice.members)
    start = time.monotonic()
    gain = last_fit_gain(search, judge, best, min(left, MOST_FOR_CURVE * clock.seconds))
    choice.budget -= time.monotonic() - start
    if gain > 0.0:
        most = judge.table.measure.best
        written = choice.report.score.format.write(gain)
        choice.report, choice.single = (_reaching(one, gain, most) for one in (choice.report, choice.single))
        choice.notes.append(say(LAST_FIT, written))
    return choice


def _reaching(report: Report, gain: float, most: float) -> Report:
    """Return a report whose interval reaches further to the better side.

    Args:
        gain: by how much.
        most: the best score that there is.
    """
    if report.score is None:
        return report
    low, high = report.score.interval
    return replace(report, score=replace(report.score, interval=(low, min(high + gain, max(high, most)))))


def _average(
    search: TableSearch, judge: Judge, choice: Choice, order: list[Candidate], single: HonestScore | None
) -> None:
    """Let an average of several candidates be chosen, unless a single one is credibly better."""
    library, costs = order[:LIBRARY], choice.costs
    seconds = CHOOSING * search.clock.seconds
    chosen = judge.ensemble(library, [costs[c.number] for c in library], choice.budget, seconds)
    used = [(c, float(w)) for c, w in zip(library, chosen.weights, strict=True) if w > 0.0]
    average = judge.average(chosen) if len(used) > 1 else None
    if average is None or average.score is None:
        return
    score = replace(adapted(average.score, single), gain_over_default=None, beats_default=None, p_value=None)
    choice.report = replace(choice.report, score=replace(score, n_candidates=len(search.candidates)))
    choice.members = sorted(used, key=lambda pair: (pair[0] is not choice.best, -pair[1]))  # it is fitted first
    choice.notes = [say(AVERAGED[chosen.gain <= 0.0], len(choice.members))]


def over(clock: Clock) -> float:
    """Return how many seconds a last fit may take where nothing is left of the time."""
    return OVER[0] * clock.seconds + OVER[1]


def fit_choice(search: TableSearch, table: Table, choice: Choice) -> Any:
    """Fit what was chosen on all rows, or on as many as there is time for; return a `TableClassifier` or its like.

    Args:
        choice: what was chosen. It gets notes.
    """
    members, budget, costs, notes, clock = choice.members, choice.budget, choice.costs, choice.notes, search.clock
    at: Any = np.arange(search.n_rows)
    needed = sum(costs[c.number] for c, _ in members) * choice.best.family.least_part
    if needed > budget and len(members) == 1:
        power = members[0][0].family.power
        n = max(int(search.n_rows * (budget / needed) ** (1.0 / power)), min(FEWEST_ROWS, search.n_rows))
        if n < search.n_rows:
            at = np.sort(np.random.default_rng(0).permutation(search.n_rows)[:n])
            if table.target.classes is not None:  # a member of each class
                at = np.unique(np.concatenate([at, np.unique(table.target.y, return_index=True)[1]]))
            notes.append(f"The model was fitted on {len(at):,} of {search.n_rows:,} rows: there was no time for all.")
    part = table.rows if len(at) == search.n_rows else take_rows(table.rows, at)
    models: list[Any] = []
    unfitted: list[tuple[str, Any]] = []
    kept: list[Member] = []
    for candidate, share in members:
        rounds = [r for r in candidate.rounds.values() if math.isfinite(r)]
        last = [candidate.rounds[s] for s in candidate.rounds if s >= len(search.levels)]
        rounds = [r for r in last if math.isfinite(r)] or rounds
        settled = candidate.family.kind is not None and candidate.family.kind.rounds
        n_rounds = max(1, round(REFIT * float(np.mean(rounds)))) if rounds and settled else None
        if models and clock.left < STRETCHED * costs[candidate.number]:
            continue
        ends = None if clock.ends is None else max(clock.ends, time.monotonic() + over(clock))
        timed = candidate.family.build(candidate.params, n_rounds, ends)
        model = fitted(timed, part, table.target.y[at], None if table.weight is None else table.weight[at])
        if models and n_rounds and rounds_in(model) < STRETCHED * n_rounds:
            continue
        models.append(model)
        name = f"{candidate.family.name}_{candidate.number}"
        unfitted.append((name, candidate.family.build(candidate.params, n_rounds)))
        kept.append((candidate, share))
    if len(kept) == 1 < len(members) and kept[0][0] is choice.best:
        choice.report = choice.single
        notes[0] = say(CUT_TO_BEST, len(members))
    elif len(kept) < len(members):
        notes[0] = say(CUT, len(members), len(kept))
    whole = sum(share for _, share in kept)
    choice.members = [(candidate, share / whole) for candidate, share in kept]
    own_rows = any(f.before is not None or f.kind is None for f in search.families)
    shared = None if own_rows else table.columns
    cls = TableRegressor if table.target.classes is None else TableClassifier
    made: Any = cls(shared, unfitted, None if len(kept) == 1 else [share for _, share in choice.members])
    if table.target.classes is not None:
        made.classes_ = table.target.classes
    made._take(shared, models)
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(table.columns, name):
            setattr(made, name, getattr(table.columns, name))
    return made


def full_report(search: TableSearch, judge: Judge, choice: Choice, inferred: Sequence[str]) -> Report:
    """Return the report with what was chosen, what it takes, and what was inferred.

    Args:
        inferred: in sentences.
    """
    notes = list(choice.notes)
    per_row = sum(c.answering for c, _ in choice.members)
    if math.isfinite(per_row):
        notes.append(f"A prediction takes about {span(per_row)} for 1,000 rows.")
    if judge.tested.note:
        notes.append(judge.tested.note)
    notes += _failures(search)
    alone = len(choice.members) == 1
    evaluated = sum(c.evaluated for c in search.candidates)
    return replace(
        choice.report,
        chosen=dict(choice.members[0][0].trial.params) if alone else {"ensemble": _shares(choice.members)},
        n_candidates=evaluated,
        n_passed=max(len(search.study.history) - evaluated, 0),
        n_fits=search.n_fits,
        n_fits_saved=None,
        adaptive=True,
        notes=(*notes, *inferred, *choice.report.notes),
    )


def _shares(members: Sequence[Member]) -> str:
    """Return what an average is made of: the share of each family, the largest first."""
    shares: dict[str, float] = {}
    for candidate, share in members:
        shares[candidate.family.name] = shares.get(candidate.family.name, 0.0) + share
    return ", ".join(f"{100 * shares[name]:.0f} % {name}" for name in sorted(shares, key=lambda name: -shares[name]))


def _failures(search: TableSearch) -> list[str]:
    """Return sentences on the families of which fits failed, and on those of which none was tried."""
    tried = Counter(c.family.name for c in search.candidates if c.evaluated)
    found = []
    for name, (error, n) in search.failures.items():
        which = (
            f"All candidates of {name} failed"
            if n == tried[name]
            else f"{n:,} of {tried[name]:,} candidates of {name} failed"
        )
        found.append(f"{which}: {error}")
    return [*found, *(f"{name} was not tried: {why}." for name, why in search.spared.items() if name not in tried)]


def results(search: TableSearch) -> dict[str, Any]:
    """Return the candidates as columns, those of scikit-learn's ``cv_results_`` and how far each came."""
    own = search.candidates
    scores = np.array([[c.scores.get(k, math.nan) for k in range(search.used)] for c in own]).reshape(len(own), -1)
    found: dict[str, Any] = {"params": [dict(c.trial.params) for c in own]}
    for k in range(scores.shape[1]):
        found[f"split{k}_test_score"] = scores[:, k]
    ran = np.isfinite(scores).sum(axis=1)
    with np.errstate(all="ignore"):
        mean = np.array([c.mean for c in own])
        found["mean_test_score"] = mean
        found["std_test_score"] = np.array([np.std(list(c.scores.values())) if c.scores else math.nan for c in own])
    merit = [(-int(n), -m if math.isfinite(m) else math.inf) for n, m in zip(ran, mean, strict=True)]
    found["rank_test_score"] = np.array([1 + sum(m < one for m in merit) for one in merit], np.int32)
    found["n_splits_run"] = ran
    found["mean_fit_time"] = np.array([np.mean([s for _, s in c.seconds]) if c.seconds else math.nan for c in own])
    found["rows"] = np.array([max((n for n, _ in c.seconds), default=0) for c in own])
    found["state"] = [c.state.name for c in own]
    return found


def leaderboard(
    search: TableSearch,
    judge: Judge,
    members: Sequence[Member],
    report: Report,
) -> Leaderboard:
    """Return the best of each family, and the ensemble if one is returned."""
    places = []
    if len(members) > 1:
        places.append(
            Place(
                AVERAGE,
                report.score,
                sum(search.predicted(c.family, search.n_rows, c) for c, _ in members),
                sum(c.answering for c, _ in members),
                sum(c.size for c, _ in members),
                len(members),
                "",
                {},
            )
        )
    for one in search.families:
        own = [c for c in judge.tested.candidates if c.family is one]
        own = sorted(own, key=judge.tested.merit, reverse=True)[:COMPARED]
        if own:
            made = judge.conclude(own)
            best = own[made.index] if made.index is not None else max(own, key=judge.tested.merit)
            returned = len(members) == 1 and members[0][0].family is one
            score, why = report.score if returned else made.score, ""
        else:
            rest = [c for c in search.candidates if c.family is one and (c.screens or c.scores)]
            if not rest:
                why = search.failures[one.name][0] if one.name in search.failures else search.spared.get(
                    one.name, say("there was no time for it"))  # fmt: skip
                places.append(Place(one.name, None, math.nan, math.nan, math.nan, 0, why, {}))
                continue
            best = max(rest, key=lambda c: (len(c.scores), max(c.screens, default=-1)))
            score, why = None, best.why
        places.append(
            Place(
                one.name,
                score,
                search.predicted(one, search.n_rows, best),
                best.answering,
                best.size,
                sum(c.family is one and c.evaluated for c in search.candidates),
                why,
                best.params,
            )
        )
    return Leaderboard.of(places)


# ----------------------------------------------------------------------------------------------------------------------
# By how much the last fit, on all rows, is better than those of the folds, which have fewer.
#
# The score of a model follows a learning curve, s(m) = s(∞) - a·m^-1/2. Two points of it, few rows and those of a fold,
# tell a, and so what the step from a fold to all rows brings. The first point is a level of the search; where the data
# are too small for levels, the model is fitted once more on half of the rows of each fold.

HALVES = 3  # folds whose halves are fitted, at most


def last_fit_gain(search: TableSearch, judge: Judge, candidate: Candidate, seconds: float) -> float:
    """Return by how much the score of the last fit is expected to be better, at least 0.

    Args:
        search: that has run.
        judge: of its candidates.
        candidate: the best one, whose learning curve is taken for that of all that is returned.
        seconds: that may be spent on fits; without levels and seconds it is not known: 0.
    """
    tested, table = judge.tested, judge.table
    many = len(tested.splits[0][0])
    if many >= search.n_rows:
        return 0.0
    lower = [level for level in candidate.screens if level < min(tested.numbers)]
    if lower:
        level = max(lower)
        few, at = search.split(level)
        known = candidate.known[level]
        n_few = len(few)
    else:
        at, known = _halves(search, judge, candidate, seconds)
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
    step = (many**-0.5 - search.n_rows**-0.5) / (n_few**-0.5 - many**-0.5)
    return float(max(better, 0.0) * step)


def _halves(search: TableSearch, judge: Judge, candidate: Candidate, seconds: float) -> tuple[NDArray[np.intp], Floats]:
    """Return tested rows, and the answers of the candidate for them after fits on half of the rows of their folds."""
    table = judge.table
    rng = np.random.default_rng([table.seed, 31])
    n_classes = 0 if table.target.classes is None else len(table.target.classes)
    rows: list[NDArray[np.intp]] = []
    known: list[Floats] = []
    for train, test in judge.tested.splits[:HALVES]:
        half = np.sort(rng.permutation(train)[: len(train) // 2])
        needed = SAFETY * search.predicted(candidate.family, len(half), candidate)
        if needed > seconds or not len(half):
            break
        seconds -= needed
        weight = None if table.weight is None else table.weight[half]
        try:
            model = fitted(
                candidate.family.build(candidate.params, ends=search.clock.ends),
                take_rows(table.rows, half), table.target.y[half], weight,
            )  # fmt: skip
            found = answers(model, take_rows(table.rows, test), n_classes)
        except Exception:  # of somebody's estimator: half of the rows may be too few for it
            break
        search.n_fits += 1
        rows.append(np.asarray(test, np.intp))
        known.append(found)
    if not rows:
        return np.empty(0, np.intp), np.empty(0)
    return np.concatenate(rows), np.concatenate(known)
