"""The work that is sent to workers: a task for each search, and units of candidates and splits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tunesmith.selection.when_to_stop import Race
from tunesmith.sklearn._compat import is_multimetric, metric_scorers
from tunesmith.sklearn.evaluate.shared_steps import Prefix
from tunesmith.sklearn.protocols import Data, ErrorScore, Estimator, Params, Scorer
from tunesmith.sklearn.store.outcome import Outcome


def is_hopeless(race: Race | None, row: Sequence[Outcome | None], metric: str | None) -> bool:
    """Tell whether a candidate with these outcomes by split is to be given up; not if one of them has no score."""
    if race is None:
        return False
    scores = [math.nan if o is None else o.figure(metric) for o in row]
    lacking = any(o is not None and s != s for o, s in zip(row, scores, strict=True))
    return not lacking and race.hopeless(scores)


@dataclass(slots=True)
class Unit:
    """One candidate on some of the splits, as sent to a worker.

    Attributes:
        candidate: its position.
        splits: on which splits to fit it.
        prefix: what its pipeline shares with other candidates.
        race: the incumbent to run against: the splits after which it is hopeless are left out. Only of a unit that
            holds all splits of its candidate.
        contexts: the callback context of each split, and the search that is handed to the callbacks.
        lenient: a fit that fails never ends the search, whatever ``error_score`` says.
        partial: it is trained for a part only, so that it need not have converged.
        explains: where there is no score, its outcomes have the error of the scorer.
    """

    candidate: int
    params: Params
    splits: tuple[int, ...]
    prefix: Prefix | None = None
    race: Race | None = None
    contexts: tuple[Any, ...] | None = None
    caller: Any = None
    lenient: bool = False
    partial: bool = False
    explains: bool = False

    def cut(self, n: int) -> tuple[Unit, Unit]:
        """Return two units with the first n splits and the others."""
        first, rest = (self.contexts[:n], self.contexts[n:]) if self.contexts else (None, None)
        return (
            replace(self, splits=self.splits[:n], contexts=first),
            replace(self, splits=self.splits[n:], contexts=rest),
        )

    def only(self, places: list[int]) -> Unit:
        """Return a unit with those splits that stand at the given places."""
        contexts = tuple(self.contexts[i] for i in places) if self.contexts else None
        return replace(self, splits=tuple(self.splits[i] for i in places), contexts=contexts)


@dataclass(slots=True)
class Task:
    """Everything that is the same for all candidates of a search; sent to each worker once.

    Attributes:
        estimator: an unfitted clone of what is tuned.
        scorer: scikit-learn's scorer, or a function (estimator, X, y) -> number or dict.
        fit_params: further arguments of ``fit``; arrays as long as the rows are cut too.
        score_params: further arguments of the scorer, likewise.
        train_scores: whether to score the training rows.
        error_score: the score of a fit that fails, or "raise".
        verbose: scikit-learn's verbosity.
        n_splits, n_candidates: how many there are, for messages.
        prefix_bytes: how much of shared pipeline steps each process may keep.
        metric: which of several metrics candidates are compared by; None: there is only one, or none that decides.
        record: whether to record the predictions that the scorer gets.
        every: whether to record them for each of several metrics, not only for the one that decides.
        once: whether each warning is shown once, and not with each fit.
        config: scikit-learn's configuration, and the warning filters, of the caller; None in the caller's own thread.
        beside: how many fits run at once on one machine; 1: one, or it is not known.
    """

    estimator: Estimator
    X: Data
    y: Data
    scorer: Scorer
    fit_params: Params
    score_params: Params
    train_scores: bool
    error_score: ErrorScore
    verbose: int
    n_splits: int
    n_candidates: int
    prefix_bytes: int
    metric: str | None = None
    record: bool = False
    every: bool = False
    once: bool = False
    config: tuple[dict[str, Any], list[Any]] | None = None
    beside: int = 1

    def failed(self, lenient: bool = False) -> Any:
        """Return the scores of a fit that failed; "raise" if that ends the search, which a lenient unit never does."""
        score = self.failure(lenient)
        if is_multimetric(self.scorer) and score != "raise":
            return dict.fromkeys(metric_scorers(self.scorer), score)
        return score

    def failure(self, lenient: bool) -> Any:
        """Return the score of a single metric where a fit failed, or "raise"."""
        return math.nan if lenient and self.error_score == "raise" else self.error_score
