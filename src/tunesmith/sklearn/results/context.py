"""One search to be concluded: its settings, what is known of its candidates, and what its report says besides."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.selection import HonestScore, Rule, SelectionResult
from tunesmith.selection.choice import USUAL_RISK, Complexity, complexities, ranks
from tunesmith.selection.metric import Metric
from tunesmith.selection.outlook import Outlook
from tunesmith.sklearn.results.evidence import Evidence, FinishedSearch

Selected = tuple[SelectionResult, HonestScore]


@dataclass(frozen=True, slots=True)
class Further:
    """Further repeats of the folds for the leaders of a search that has concluded.

    Attributes:
        known: the trials of the candidates that ran on each fresh set of splits before.
        repeats: how many more sets there are to be.
        leaders: how many candidates run on each, beside the default.
    """

    known: tuple[tuple[int, ...], ...]
    repeats: int
    leaders: int


@dataclass(frozen=True, slots=True)
class SelectionSettings:
    """How to conclude; see `SearchCV`. `further`: after `SearchCV.decide`, in the place of `confirm`."""

    confirm: Any = "auto"
    prefer_default: bool | str | None = True
    complexity: Complexity | None = None
    deadline: float | None = None
    level: float = 0.95
    risk: float = USUAL_RISK
    further: Further | None = None


@dataclass(slots=True)
class SelectionContext:
    """One search to be concluded, and what goes into its report beside the choice.

    Attributes:
        run: the search; None if it is over, and its candidate chosen.
        search: the estimator whose settings it had.
        settings: how to conclude.
        evidence: what is known of the candidates.
        whole: which of them have a score on all splits, bool[C].
        seed: of resamples.
        adaptive: whether candidates were proposed from earlier scores.
        given: the index of the candidate that is returned; None: it is to be chosen.
        metric: the metric that decides; None if it is not known how it follows from predictions.
        default: the default's index; None if there is none to compare with.
        confirmed: how many candidates were evaluated again.
        repeats: on how many fresh splits.
        fresh_fits: how many fits that took.
        fresh: the trials of the candidates on each fresh set of splits.
        outlook: what the lead of the best alternative over the default rests on; None: not known.
        notes: further remarks.
    """

    run: FinishedSearch | None
    search: Any
    settings: SelectionSettings
    evidence: Evidence
    whole: NDArray[np.bool_]
    seed: int = 0
    adaptive: bool = False
    given: int | None = None
    metric: Metric | None = None
    default: int | None = None
    confirmed: int = 0
    repeats: int = 0
    fresh_fits: int = 0
    fresh: list[tuple[int, ...]] = field(default_factory=list)
    outlook: Outlook | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def metric_name(self) -> str | None:
        """What the metric that decides is called."""
        return self.evidence.metric if self.metric is None else self.metric.name

    def rule(self, caution: float, default: int | None) -> Rule:
        """Return the rule of the choice.

        Args:
            caution: how many standard errors a gain over the default has to exceed.
            default: the default's index; None: nothing is compared with it.
        """
        order = None
        if self.settings.complexity is not None:
            order = tuple(ranks(complexities(self.evidence.params, self.settings.complexity)).tolist())
        prefer = bool(self.settings.prefer_default)
        return Rule(default, prefer, caution, adaptive=self.adaptive, complexity=order)
