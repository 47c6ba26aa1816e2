"""What ``SearchCV(fidelity=...)`` stands for: levels of rounds, iterations or rows, and the splits of each."""

from __future__ import annotations

import logging
import math
from bisect import insort
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.numerics.cache import FitCache
from tunesmith.foundation.numerics.rank_tests import tau_error
from tunesmith.foundation.text import did_you_mean, shown
from tunesmith.foundation.warnings import caution
from tunesmith.history.fidelity.decision import Outlook
from tunesmith.history.fidelity.ladder import FIRST, GROWTH
from tunesmith.history.fidelity.runs import Runs, RunState
from tunesmith.selection.metric import row_indices
from tunesmith.sklearn.evaluate.task import Unit
from tunesmith.sklearn.protocols import Data, Estimator, Params, Split
from tunesmith.sklearn.search.default import default_row
from tunesmith.sklearn.store.outcome import Outcome
from tunesmith.space import Space

# ----------------------------------------------------------------------------------------------------------------------
# Whether a candidate goes on after a short fit: the decision that the default pruner makes of training runs.
#
# To the decision (`tunesmith.history.fidelity`), a candidate is a run, a level is a rung of it, and the full fidelity is its
# end. A fit that is longer begins anew, so a candidate that is unlikely to become the best is given up for good. What
# fits cost plays no part: seconds that were measured would make two searches with one seed differ.
#
# A level at which the order of candidates is not that of longer fits gives up nobody any more: Kendall's τ tells it.

FEWEST_PAIRS = 5  # candidates that came to both levels, from which on their orders are compared
MIN_AGREEMENT = 0.3  # Kendall's τ, by half its error below which they are not the same


class ScreenJudge:
    """Decides of each candidate at each level. It depends on the order in which candidates were entered, on no clock.

    Args:
        space: what is searched, with the choices as objects.
        labels: of the levels, the lowest first.

    Attributes:
        left_out: the levels that give up nobody any more, and why.
    """

    def __init__(self, space: Space, labels: Sequence[str]) -> None:
        self.left_out: dict[str, str] = {}
        self._space, self._labels = space, list(labels)
        self._fits = FitCache()
        self._u: list[Floats] = []
        self._complete: list[bool] = []
        self._scores: list[list[float]] = []  # at the levels and in the end, NaN where it did not come so far
        self._kept: dict[tuple[int, int], bool] = {}  # decisions since the last candidate was entered

    def goes_on(self, number: int, params: Params, scores: Mapping[str, float]) -> bool:
        """Tell whether a candidate is to be fitted at the next level.

        The first ones are, so that orders can be compared, and so is the best so far.

        Args:
            scores: at the levels that it came to, by their labels; greater is better.
        """
        known = self._known(scores)
        level = max((i for i, score in enumerate(known) if math.isfinite(score)), default=-1)
        row = default_row(params, self._space)
        ends = sum(math.isfinite(scores[-1]) for scores in self._scores)
        if level < 0 or row is None or ends < FEWEST_PAIRS or known[level] > self._best(level):
            return True
        if (number, level) not in self._kept:
            runs = self._runs(self._space.to_unit(np.array([row]))[0], [*known, math.nan])
            self._kept[number, level] = Outlook.of(runs, self._space, self._fits).goes_on(len(self._u))
        return self._kept[number, level]

    def enter(self, params: Params, scores: Mapping[str, float], mean: float, complete: bool) -> list[str]:
        """Take in a candidate whose end is certain.

        Args:
            mean: of its scores at the full fidelity; NaN: there are none.
            complete: whether these are of all splits.

        Returns:
            Why levels give up nobody from now on, in sentences.
        """
        known, row = self._known(scores), default_row(params, self._space)
        if row is None or not np.isfinite(known).any():
            return []
        self._kept.clear()
        self._u.append(self._space.to_unit(np.array([row]))[0])
        self._complete.append(complete)
        self._scores.append([*known, mean])
        return self._disagreements()

    def _best(self, level: int) -> float:
        return max((row[level] for row in self._scores if math.isfinite(row[level])), default=-math.inf)

    def _known(self, scores: Mapping[str, float]) -> list[float]:
        """Return the scores at all levels, NaN where there is none, or the level does not count any more."""
        return [math.nan if label in self.left_out else scores.get(label, math.nan) for label in self._labels]

    def _disagreements(self) -> list[str]:
        """Leave out the levels whose order is not that of longer fits; return why, of each that was not left out."""
        table, found = np.array(self._scores), []
        for i, label in enumerate(self._labels):
            if label in self.left_out:
                continue
            for j in range(len(self._labels), i, -1):  # the longest fits that enough candidates have
                both = table[np.isfinite(table[:, i]) & np.isfinite(table[:, j])]
                if len(both) >= FEWEST_PAIRS:
                    tau = _kendall(both[:, i], both[:, j])
                    if tau < MIN_AGREEMENT - 0.5 * tau_error(len(both)):
                        longer = self._labels[j] if j < len(self._labels) else "the full fits"
                        self.left_out[label] = (
                            f"{label} gives up no candidate any more: the order of {len(both)} candidates there is not "
                            f"that of {longer} (Kendall's tau {tau:.2f})"
                        )
                        found.append(self.left_out[label])
                    break
        return found

    def _runs(self, u: Floats, scores: Sequence[float]) -> Runs:
        """Return all runs, and a running one: its point of the unit cube, and its scores.

        What a level shows stands for all reports up to its rung.
        """
        counting = [i for i, label in enumerate([*self._labels, ""]) if label not in self.left_out]
        rungs = [FIRST * GROWTH**k for k in range(len(counting))]
        steps, losses = [], []
        for row in (*self._scores, scores):
            own, before = list[float](), 0
            for i, rung in zip(counting, rungs, strict=True):
                if math.isfinite(row[i]):
                    own += [-row[i]] * (rung - before)
                    before = rung
            steps.append(np.arange(1, len(own) + 1))
            losses.append(np.array(own))
        states = [RunState.COMPLETE if complete else RunState.STOPPED for complete in self._complete]
        return Runs(
            np.arange(len(steps)),
            np.array([*self._u, u]),
            np.array([*states, RunState.RUNNING], np.int8),
            tuple(steps),
            tuple(losses),
            tuple(np.full(len(s), np.nan) for s in steps),
            np.append(np.where(self._complete, -np.array(self._scores)[:, -1], np.nan), np.nan),
        )


def _kendall(a: Floats, b: Floats) -> float:
    """Return Kendall's τ-b of two orders [n]; 0 where one of them is none."""
    from scipy.stats import kendalltau

    tau = float(kendalltau(a, b).statistic)
    return tau if math.isfinite(tau) else 0.0


# ----------------------------------------------------------------------------------------------------------------------
# Screens: fits at a lower fidelity (fewer rounds, iterations or rows), which decide who is run at the full one.
#
# Who goes on is the decision of the default pruner (`tunesmith.sklearn.search.fidelity`). Levels differ in their
# folds, so that not the same test rows decide each time.

FACTOR = 3  # between levels
FOLDS = (3, 2)  # of the lowest level and of the next: their fits cost about as much as one at the full fidelity
_log = logging.getLogger("tunesmith")


@dataclass(frozen=True, slots=True)
class Level:
    """One screen.

    Attributes:
        label: what is told of it, such as "n_estimators=11".
        value: the rounds, iterations or rows.
        params: what candidates are set to besides their own parameters.
        splits: on which splits it is run, counted on from those of the search.
        shares_steps: whether the first steps of a pipeline are the same at each level.
    """

    label: str
    value: int
    params: Params
    splits: tuple[int, ...]
    shares_steps: bool = True


@dataclass(slots=True)
class Screens:
    """The screens of one search, and what its candidates had there.

    Attributes:
        levels: the lowest first; none: every candidate is run at the full fidelity.
        full: the full fidelity.
        splits: the splits of all levels.
        judge: decides who goes on; None where there are no levels.
    """

    levels: tuple[Level, ...] = ()
    full: int | None = None
    splits: list[Split] = field(default_factory=list)
    judge: ScreenJudge | None = None
    _pairs: list[tuple[dict[str, float], float]] = field(default_factory=list)

    def begin(self, unit: Unit) -> Screening | None:
        """Return what a candidate has to pass; None: nothing."""
        levels = tuple(level for level in self.levels if level.label not in self.left_out)
        if not levels:
            return None
        plain = replace(
            unit, contexts=None, caller=None, partial=True
        )  # callbacks hear of the fits on the splits alone
        units = [
            replace(
                plain,
                params={**unit.params, **level.params},
                splits=level.splits,
                prefix=unit.prefix if level.shares_steps else None,
            )
            for level in levels
        ]
        return Screening(levels, tuple(units))

    @property
    def left_out(self) -> Mapping[str, str]:
        """The levels that candidates pass whatever they score there, by label, and why."""
        return {} if self.judge is None else self.judge.left_out

    def restored(self, found: Mapping[str, list[Outcome]], begun: Screening | None = None) -> Screening | None:
        """Return the screens of a candidate that an earlier run has ended, or brought past them.

        Args:
            found: its outcomes by the names of levels, which may be those of another search.
            begun: what the candidate has to pass if it is run again. That it was past them when the run was interrupted
                is not the last word: candidates before it, which are run again too, may still leave it out.
        """
        if not found:
            return None
        if begun is not None and all(level.label in found for level in begun.levels):
            begun.outcomes, begun.open = [found[level.label] for level in begun.levels], False
            return begun
        levels = [
            Level(label, int(label.rpartition("=")[2]), {}, tuple(o.split for o in at)) for label, at in found.items()
        ]
        return Screening(tuple(levels), (), list(found.values()), open=False)

    def passes(self, number: int, params: Params, screening: Screening, level: int, metric: str | None) -> bool:
        """Tell whether a candidate goes on from a level.

        A candidate without a score passes: what is wrong with it is told by the fits at the full fidelity.

        Args:
            screening: what it had at the levels up to this one.
            level: of its screening.
            metric: which of several metrics counts.
        """
        label = screening.levels[level].label
        scores = {at.label: screening.score(i, metric) for i, at in enumerate(screening.levels[: level + 1])}
        if self.judge is None or label in self.left_out or math.isnan(scores[label]):
            return True
        return self.judge.goes_on(number, params, scores)

    def enter(self, params: Params, scores: Mapping[str, float], full: Sequence[float]) -> None:
        """Take in a candidate of which it is certain how it ended.

        Args:
            scores: at each level that it came to, by the level's name.
            full: at the full fidelity, by split; NaN where it was not run.
        """
        scores = {label: score for label, score in scores.items() if not math.isnan(score)}
        seen = [score for score in full if not math.isnan(score)]
        complete = len(seen) == len(full)
        mean = float(np.mean(seen)) if seen else math.nan
        if complete:
            self._pairs.append((scores, mean))
        if self.judge is not None:
            for why in self.judge.enter(params, scores, mean, complete):
                _log.info("fidelity: %s", why)  # no warning: the search deals with it, and its report says so

    def estimate(self, label: str, score: float) -> float:
        """Return what the mean at the full fidelity of a candidate that is given up would have been.

        It is its score and what other candidates gained from this level on, by their median; never above the best mean,
        below which it is given up. NaN if nobody was run at the full fidelity.

        Args:
            label: of the level at which it is given up.
            score: its score there.
        """
        gains = [mean - own[label] for own, mean in self._pairs if label in own]
        if not gains:
            return math.nan
        return min(score + float(np.median(gains)), max(mean for _, mean in self._pairs))

    def columns(
        self, screenings: Sequence[Screening | None], n_run: Sequence[int], metric: str | None
    ) -> dict[str, list[Any]]:
        """Return the columns of ``cv_results_`` that say how far each candidate came.

        Args:
            screenings: those of the candidates.
            n_run: on how many splits each was run at the full fidelity.
        """
        reached: list[float] = []
        found: list[float] = []
        for screening, n in zip(screenings, n_run, strict=True):
            if n or screening is None:
                reached.append(self.full or math.nan)
                found.append(math.nan)
            else:
                reached.append(screening.levels[screening.level].value)
                found.append(screening.score(screening.level, metric))
        return {"fidelity": reached, "screen_score": found}

    def summary(self, screenings: Sequence[Screening | None]) -> str | None:
        """Return what a report says of the screens; None: there were none."""
        counts = Counter(label for s in screenings if s is not None for label, at in s.by_label().items() for _ in at)
        if not counts:
            return None
        shown = " and ".join(f"{n} with {label}" for label, n in counts.items())
        why = "".join(f" {reason}." for reason in self.left_out.values())
        return f"Before that, short fits decided which candidates were worth full ones: {shown}.{why}"


def mean_score(outcomes: Sequence[Outcome], metric: str | None) -> float:
    """Return the mean over some folds; NaN if one of them has no score."""
    return float(np.mean([math.nan if o.error is not None else o.figure(metric) for o in outcomes]))


@dataclass(slots=True)
class Screening:
    """The screens of one candidate. It is at one level at a time.

    Attributes:
        levels: the lowest first.
        units: what is run at each.
        outcomes: of each level that it came to.
        open: whether there is a level that it has not passed.
    """

    levels: tuple[Level, ...]
    units: tuple[Unit, ...]
    outcomes: list[list[Outcome]] = field(default_factory=lambda: [[]])
    open: bool = True

    @property
    def level(self) -> int:
        """The level that it came to."""
        return len(self.outcomes) - 1

    @property
    def unit(self) -> Unit:
        """What is run at the level that it came to."""
        return self.units[self.level]

    def by_label(self) -> dict[str, list[Outcome]]:
        """Return the outcomes of each level that it came to, by what it is called."""
        return {level.label: at for level, at in zip(self.levels, self.outcomes, strict=False)}

    def done(self, level: int) -> bool:
        """Tell whether all splits of a level were run."""
        return level < len(self.outcomes) and len(self.outcomes[level]) == len(self.levels[level].splits)

    def score(self, level: int, metric: str | None) -> float:
        """Return the mean score at a level; NaN if a fit failed or has no score."""
        return mean_score(self.outcomes[level], metric)

    def scores(self, metric: str | None) -> dict[str, float]:
        """Return the mean score at each level of which all splits were run, by the level's name."""
        return {level.label: self.score(i, metric) for i, level in enumerate(self.levels) if self.done(i)}

    def receive(self, outcome: Outcome) -> bool:
        """Enter an outcome of the present level; tell whether it is one."""
        if outcome.split not in self.levels[self.level].splits:
            return False
        # in the order of the splits: a sum depends on its order, and which worker is first must not matter
        insort(self.outcomes[self.level], outcome, key=lambda known: known.split)
        return True

    def advance(self) -> None:
        """Go on to the next level, if there is one."""
        if len(self.outcomes) < len(self.units):
            self.outcomes.append([])
        else:
            self.open = False

    def truncate(self, level: int) -> None:
        """Drop what was run above a level."""
        del self.outcomes[level + 1 :]


# ----------------------------------------------------------------------------------------------------------------------

N_SAMPLES = "n_samples"
FEWEST_ROWS = 30  # of a level: with fewer, scores say more about the rows than about the parameters
ROWS_SALT = 0xF1DE  # keeps the seeds of the rows apart from others


def check_fidelity(fidelity: str | None, estimator: Estimator, space: Space) -> None:
    """Check that a search can be screened by a parameter.

    Raises:
        ValueError: the estimator has no such parameter, its value is no whole number above 1, or it is searched too.
    """
    if fidelity is None or fidelity == N_SAMPLES:
        return
    own = estimator.get_params()
    if fidelity not in own:
        raise ValueError(
            f"fidelity={fidelity!r}: {type(estimator).__name__} has no such parameter"
            f"{did_you_mean(fidelity, [*own, N_SAMPLES])}; give the name of one that counts rounds or iterations, or "
            f"{N_SAMPLES!r} for a share of the rows"
        )
    parts = fidelity.split("__")
    searched = set(space.outer_names)
    for name in ("__".join(parts[: i + 1]) for i in range(len(parts))):
        if name in searched:
            raise ValueError(
                f"fidelity={fidelity!r}: {name!r} is searched too; the fidelity is what all candidates have alike at "
                "the end, so take it out of the space and set it in the estimator"
            )
    full = own[fidelity]
    if isinstance(full, bool) or not isinstance(full, Integral) or full < 2:
        raise ValueError(
            f"fidelity={fidelity!r}: it is {shown(full)} in the estimator; set it to the number of a full fit, a whole "
            "number above 1"
        )


def make_screens(
    fidelity: str | None,
    estimator: Estimator,
    space: Space,
    splits: Sequence[Split],
    y: Data,
    classifies: bool,
    seed: int,
) -> Screens:
    """Return the screens of a search.

    Args:
        fidelity: as `SearchCV` has it, checked.
        y: targets, [n_samples].
        classifies: whether each level's rows are to have the classes in the shares of all rows.
        seed: of the choice of rows, and of decisions.
    """
    if fidelity is None:
        return Screens()
    by_rows = fidelity == N_SAMPLES
    smallest = min(len(row_indices(train)) for train, _ in splits)
    full = smallest if by_rows else int(estimator.get_params()[fidelity])
    values = [full // FACTOR**power for power in (2, 1)]
    least = FEWEST_ROWS if by_rows else 1
    screens = Screens(full=full)
    first = 0  # levels differ in their folds as long as there are others
    orders: dict[int, NDArray[np.intp]] = {}
    for value, most in zip(values, FOLDS, strict=True):
        if value < least:
            continue
        folds = [(first + i) % len(splits) for i in range(min(most, len(splits)))]
        first += len(folds)
        begin = len(splits) + len(screens.splits)
        for fold in folds:
            train, test = splits[fold]
            if by_rows:
                if fold not in orders:
                    orders[fold] = _order(row_indices(train), y if classifies else None, seed + fold)
                train = np.sort(orders[fold][:value])
            screens.splits.append((train, test))
        level = Level(
            f"{fidelity}={value}",
            value,
            {} if by_rows else {fidelity: value},
            tuple(range(begin, begin + len(folds))),
            by_rows or not isinstance(estimator, Pipeline) or fidelity.startswith(f"{estimator.steps[-1][0]}__"),
        )
        screens.levels += (level,)
    if screens.levels:
        screens.judge = ScreenJudge(space, [level.label for level in screens.levels])
    else:
        caution(f"fidelity={fidelity!r} has no effect: a third of {full} is too little to tell candidates apart")
    return screens


def _order(rows: NDArray[np.intp], y: Any, seed: int) -> NDArray[np.intp]:
    """Return rows in an order of which each beginning is a random sample, with classes in their shares if `y` says so.

    Args:
        rows: training rows, [n].
        y: the classes of all rows, [n_samples]; None: there are none.
        seed: of the order.
    """
    rng = np.random.default_rng([seed, ROWS_SALT])
    rows = rng.permutation(rows)
    labels = None if y is None else np.asarray(y)[rows]
    if labels is None or labels.ndim != 1:
        return rows
    _, classes = np.unique(labels, return_inverse=True)
    place = np.empty(len(rows))
    for k in range(classes.max() + 1):
        own = np.flatnonzero(classes == k)
        place[own] = np.arange(len(own)) / len(own)  # the first of each class comes first
    return rows[np.argsort(place, kind="stable")]
