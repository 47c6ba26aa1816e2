"""Screens: fits at a lower fidelity (fewer rounds, iterations or rows), which decide who is run at the full one.

Who goes on is the decision of the default pruner (`tunesmith.sklearn.search.screen_judge`). Levels differ in their
folds, so that not the same test rows decide each time.
"""

from __future__ import annotations

import logging
import math
from bisect import insort
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tunesmith.sklearn.evaluate.task import Unit
from tunesmith.sklearn.protocols import Params, Split
from tunesmith.sklearn.search.screen_judge import ScreenJudge
from tunesmith.sklearn.store.outcome import Outcome

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
        """Return what a candidate has to pass; None: nothing.

        Args:
            unit: the candidate on all splits.
        """
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
            number: of its trial.
            params: its parameters.
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
            params: its parameters.
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
            metric: the metric that decides.
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
