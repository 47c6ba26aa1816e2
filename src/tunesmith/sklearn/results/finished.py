"""What a conclusion is drawn from: a search that has run, while its workers are still there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tunesmith.sklearn.protocols import Estimator, Params, Results, Scorer, Split, Splitter
from tunesmith.sklearn.results.evidence import Evidence
from tunesmith.sklearn.store.outcome import Outcome
from tunesmith.study import Study


@dataclass(frozen=True, slots=True)
class FinishedSearch:
    """A search that has run.

    Attributes:
        evidence: what it has found out, in the order of ``cv_results_``.
        study: holds its candidates.
        estimator: an unfitted clone of what is tuned.
        scorer: what scored.
        results: ``cv_results_``.
        tried_all_of: "space" or "grid" if every point of it was tried; else None.
        adaptive: whether it depended on scores which candidates there are.
        reshuffle: whether each candidate had splits of its own.
        wants_default: whether the estimator's own configuration was to be tried.
        default: its place among the candidates; None if there is none, or it could not be fitted at all.
        untold: the space's parameters of which the estimator does not tell its own value.
        cut: returns the splits of all rows that a splitter gives.
        rerun: runs candidates on other splits through the same workers; returns outcomes by candidate and split.
    """

    evidence: Evidence
    study: Study
    estimator: Estimator
    scorer: Scorer
    results: Results
    tried_all_of: str | None
    adaptive: bool
    reshuffle: bool
    wants_default: bool
    default: int | None
    untold: list[str]
    cut: Callable[[Splitter], Iterable[Split]]
    rerun: Callable[[Sequence[Params], list[Split]], list[list[Outcome]]]
