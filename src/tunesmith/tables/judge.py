"""What candidates of `tunesmith.tune` were tested on, and what is concluded from it: by rows, as in all searches."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier, DummyRegressor

from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.selection import HonestScore
from tunesmith.selection.metric import tested_rows
from tunesmith.selection.targets import Predictions
from tunesmith.sklearn.protocols import Data, Split
from tunesmith.sklearn.results.conclusion import Conclusion, conclude_chosen
from tunesmith.sklearn.results.evidence import Evidence
from tunesmith.sklearn.store.fingerprint import describe_params
from tunesmith.tables.candidates import Candidate, Standings
from tunesmith.tables.columns import TableColumns
from tunesmith.tables.responses import LEAST_CHANCE, Measure
from tunesmith.tables.target import Target

MOST_CHOSEN_ON = 20_000  # rows that weights are chosen on

Judged = list[tuple[float, Predictions | None]]  # the score of each split, and what the scorer saw there
Run = tuple[list[Split], dict[int, Judged]]  # the splits of a run of the folds, and its candidates


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The rows of a search.

    Attributes:
        rows: as models get them.
        columns: makes numbers of what was given.
        target: what is predicted.
        measure: the metric.
        groups: of the rows, or None.
        weight: likewise.
        seed: of what is drawn.
    """

    rows: Data
    columns: TableColumns
    target: Target
    measure: Measure
    groups: Any
    weight: Any
    seed: int


class Tested:
    """The candidates that can be compared: those with answers on the same rows.

    Attributes:
        standings: of the search.
        candidates: at least one.
        numbers: of the splits on which all of them were tested, the levels before the folds.
        splits: these splits.
        note: what a reader has to know; None: nothing.
    """

    def __init__(
        self, standings: Standings, candidates: list[Candidate], numbers: Sequence[int], note: str | None
    ) -> None:
        self.standings, self.candidates, self.numbers, self.note = standings, candidates, list(numbers), note
        self.splits = [standings.split(number) for number in numbers]

    @classmethod
    def of(cls, standings: Standings) -> Tested | None:
        """Return the candidates of a search that came furthest; None: none has a score."""
        n, used, n_folds = len(standings.levels), standings.used, len(standings.folds)
        if done := standings.complete():
            part = "one of the folds" if used == 1 else f"{used} of the {n_folds} folds"
            note = None if used == n_folds else f"Candidates were tested on {part}: there was no time for all."
            return cls(standings, done, range(n, n + used), note)
        if some := [c for c in standings.candidates if c.scores]:
            folds = sorted(max(some, key=lambda c: len(c.scores)).scores)
            note = f"Candidates were tested on {len(folds)} of the {n_folds} folds: the time was up."
            done = [c for c in some if set(folds) <= set(c.scores)]
            return cls(standings, done, [n + k for k in folds], note)
        level = max((c.highest for c in standings.candidates), default=-1)
        if level < 0:
            return None
        note = f"Candidates were fitted on {standings.rows(level):,} rows only: the time was up."
        return cls(standings, [c for c in standings.candidates if level in c.screens], [level], note)

    def scores(self, candidate: Candidate) -> list[float]:
        """Return a candidate's scores, by split."""
        n = len(self.standings.levels)
        return [candidate.screens[k] if k < n else candidate.scores[k - n] for k in self.numbers]

    def mean(self, candidate: Candidate) -> float:
        """Return the mean of a candidate's scores."""
        return float(np.mean(self.scores(candidate)))

    def merit(self, candidate: Candidate) -> float:
        """Return the mean of a candidate's scores, those on folds that were dealt anew included."""
        return float(np.mean([*self.scores(candidate), *candidate.further.values()]))

    def pooled(self, candidate: Candidate) -> tuple[NDArray[Any], Floats]:
        """Return the tested rows, ascending, and a candidate's answers for them, their mean where there are several."""
        rows = tested_rows(self.splits)
        first = candidate.known[self.numbers[0]]
        total, count = np.zeros((len(rows), *first.shape[1:])), np.zeros(len(rows))
        for number, (_, test) in zip(self.numbers, self.splits, strict=True):
            at = np.searchsorted(rows, test)
            np.add.at(total, at, candidate.known[number])
            np.add.at(count, at, 1.0)
        return rows, total / (count if total.ndim == 1 else count[:, None])


@dataclass(frozen=True, slots=True)
class Chosen:
    """An ensemble, and what it and its best member answered for rows that they were not chosen on.

    Attributes:
        weights: of the candidates, [C]; they sum to 1.
        known: the ensemble's answers for the tested rows, [m, ...].
        single: those of single candidates, likewise.
        gain: by how much the ensemble's score is higher.
    """

    weights: Floats
    known: Floats
    single: Floats
    gain: float


class Judge:
    """Draws conclusions from answers, as the other searches do.

    Args:
        level: of intervals.
        risk: the share of searches that may return an average that is worse than the best single model.
    """

    def __init__(self, table: Table, tested: Tested, level: float, risk: float) -> None:
        self.table, self.tested, self.level, self.risk = table, tested, level, risk
        self.y = table.measure.labels(table.target.y)
        self.labels = np.unique(self.y)
        self._judged: dict[tuple[int, int], Judged] = {}  # by candidate, which is among all and in its family, and run

    def conclude(self, candidates: Sequence[Candidate]) -> Conclusion:
        """Choose among candidates, and estimate what the chosen one scores on new rows."""
        tested, runs = self.tested, list[Run]()
        for place, c in enumerate(candidates):
            for dealt, numbers in enumerate([tested.numbers, *tested.standings.further(c)]):
                if (c.number, dealt) not in self._judged:
                    self._judged[c.number, dealt] = self._judge([c.known[number] for number in numbers], numbers)
                if dealt == len(runs):
                    runs.append(([tested.standings.split(number) for number in numbers], {}))
                runs[dealt][1][place] = self._judged[c.number, dealt]
        return self._conclude([dict(c.trial.params) for c in candidates], runs, None, True)

    def ensemble(self, library: list[Candidate], costs: list[float], budget: float, seconds: float) -> Chosen:
        """Choose an ensemble of candidates: a weighted average of their answers.

        Each step adds the candidate, with replacement, that makes the average best (Caruana et al. 2004, "Ensemble
        Selection from Libraries of Models"). What the average scores on the rows that it was chosen on is too good, as
        with any choice. So rows are dealt into five parts: the weights for each part are chosen on all other parts, and
        these answers are what the ensemble is judged by, beside those of the best single candidate, which is chosen in
        the same way.

        Args:
            library: the candidates, the best first.
            costs: seconds that the last fit of each takes.
            budget: seconds that there are for them.
            seconds: that the choice may take: with a slow metric there are fewer steps.
        """
        table, measure = self.table, self.table.measure
        pooled = [self.tested.pooled(c) for c in library]
        rows, known = pooled[0][0], np.stack([np.asarray(one, np.float64) for _, one in pooled])
        y, weight = table.target.y[rows], None if table.weight is None else table.weight[rows]
        rng = np.random.default_rng([table.seed, 4242])
        groups = np.arange(len(y)) if table.groups is None else np.asarray(table.groups)[rows]
        unit = np.unique(groups, return_inverse=True)[1].ravel()  # rows of one group are in one part
        n_units = int(unit.max()) + 1
        part = rng.permutation(np.arange(n_units) % min(5, n_units))[unit]
        start = time.perf_counter()
        measure.score(y, known[0], weight)
        each = (time.perf_counter() - start) * len(known) * 6
        steps = 25 if math.isinf(seconds) else min(max(int(seconds / max(each, 1e-9)), 5), 25)

        def chosen_on(own: NDArray[np.intp]) -> tuple[Floats, int]:
            """Return weights that are chosen on some rows, and the place of the best single candidate there."""
            if len(own) > MOST_CHOSEN_ON:
                own = rng.permutation(own)[:MOST_CHOSEN_ON]
            goal = _goal(measure, y[own], None if weight is None else weight[own])
            alone = [goal(one) for one in known[:, own]]
            return _greedy(known[:, own], alone, goal, costs, budget, steps), int(np.argmax(alone))

        made, single = np.empty_like(known[0]), np.empty_like(known[0])
        for k in np.unique(part):
            out, there = part == k, np.flatnonzero(part != k)
            weights, best = chosen_on(there if len(there) else np.flatnonzero(out))
            made[out], single[out] = np.tensordot(weights, known[:, out], 1), known[best][out]
        weights, _ = chosen_on(np.arange(len(y)))
        return Chosen(weights, made, single, measure.score(y, made, weight) - measure.score(y, single, weight))

    def average(self, chosen: Chosen) -> Conclusion | None:
        """Return the conclusion on an average of models; None: a single one is credibly better.

        In doubt it is the average: over 25 searches of twelve tables it was better than the best single model by 0.2 ±
        0.1 points on other rows, and by as much where the search itself saw no gain.
        """
        rows = tested_rows(self.tested.splits)
        parts = [np.searchsorted(rows, test) for _, test in self.tested.splits]
        both = enumerate((chosen.known, chosen.single))
        judged = {k: self._judge([one[at] for at in parts], self.tested.numbers) for k, one in both}
        made = self._conclude([{"members": 2}, {"members": 1}], [(self.tested.splits, judged)], 0, False)
        return made if made.index == 0 else None

    def _judge(self, known: Sequence[Floats], numbers: Sequence[int]) -> Judged:
        """Return the scores of answers for each split, and what the scorer saw of them."""
        table, y = self.table, self.table.target.y
        found = []
        for own, number in zip(known, numbers, strict=True):
            test = self.tested.standings.split(number)[1]
            weight = None if table.weight is None else table.weight[test]
            found.append(table.measure.seen(y[test], own, self.labels, weight))
        return found

    def _conclude(
        self, params: list[dict[str, Any]], runs: Sequence[Run], default: int | None, adaptive: bool
    ) -> Conclusion:
        """Return a conclusion by the runs of the folds, the first of which has all candidates."""
        table = self.table
        (splits, first), *more = runs
        judged = [first[place] for place in range(len(params))]
        scores = np.array([[score for score, _ in own] for own in judged])
        evidence = Evidence(
            params=params,
            numbers=list(range(len(params))),
            keys=[describe_params(p) for p in params],
            scores=scores,
            ran=np.ones(scores.shape, bool),
            predictions=[[predicted for _, predicted in own] for own in judged],
            splits=splits,
            own_splits=[splits] * len(params),
            y=self.y,
            labels=self.labels,
            sample_weight=table.weight,
            groups=table.groups,
            metric=None,
            fresh=tuple(more),
        )
        stand_in: Any = DummyRegressor() if table.target.classes is None else DummyClassifier()
        search = SimpleNamespace(
            estimator=stand_in, scoring=table.measure.name, level=self.level, refit=True, risk=self.risk,
            cv=None, _checked_cv_orig=None,
        )  # fmt: skip
        return conclude_chosen(evidence, None, default, search, table.measure.plain, adaptive, [], tells_last_fit=False)


def adapted(score: HonestScore, single: HonestScore | None) -> HonestScore:
    """Return the honest score of an average, corrected for what its members adapted to.

    Its weights are judged on rows that they were not chosen on, but the search proposed its members after scores on all
    of these rows. By how much that makes them too good is what is known of the best single one; it is as uncertain as
    it is large.

    Args:
        score: of the average, by rows that its weights were not chosen on.
        single: of the best single candidate; None: not known.
    """
    luck = 0.0 if single is None or not math.isfinite(single.optimism) else max(single.optimism, 0.0)
    low, high = score.interval
    value = score.value - luck
    below = value - math.hypot(score.value - low, luck)
    low = max(below, 0.0) if low >= 0.0 else below
    return replace(score, value=value, interval=(low, high), optimism=score.optimism + luck)


def _goal(measure: Measure, y: NDArray[Any], weight: Floats | None) -> Any:
    """Return what is to be as high as possible: the metric, and a little of the log loss where targets are classes.

    Many averages have the same value of a metric of classes.
    """

    def of(known: Floats) -> float:
        score = measure.score(y, known, weight)
        if measure.classes is None:
            return score if math.isfinite(score) else -math.inf
        own = known[np.arange(len(y)), y] / np.maximum(known.sum(axis=1), LEAST_CHANCE)
        sure = float(np.average(np.log(np.clip(own, 1e-6, 1.0)), weights=weight))
        return score + 0.02 * sure if math.isfinite(score) else -math.inf

    return of


def _greedy(
    table: Floats, alone: Sequence[float], goal: Any, costs: Sequence[float], budget: float, steps: int
) -> Floats:
    """Return the weights of candidates [C] whose average is best, beginning with the best one."""
    count = np.zeros(len(table))
    best = int(np.argmax(alone))
    count[best], total, reached = 1.0, table[best].copy(), alone[best]
    kept = count.copy()
    for step in range(1, steps):
        free = budget - sum(cost for cost, n in zip(costs, count, strict=True) if n)
        open_to = [c for c in range(len(table)) if count[c] or costs[c] <= free]
        values = [goal((total + table[c]) / (step + 1)) for c in open_to]
        at = int(np.argmax(values))
        count[open_to[at]] += 1.0
        total += table[open_to[at]]
        if values[at] > reached:
            reached, kept = values[at], count.copy()
    return np.asarray(kept / kept.sum())
