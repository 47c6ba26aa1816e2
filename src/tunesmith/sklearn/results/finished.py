"""What a conclusion reads of a search that has run, while its workers are still there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from tunesmith.sklearn.results.evidence import Evidence
from tunesmith.sklearn.store.outcome import Outcome

if TYPE_CHECKING:
    from tunesmith.space import Space
    from tunesmith.study import Study


class FinishedSearch(Protocol):
    """A search that has run.

    Attributes:
        space: what was searched.
        default: the estimator's own configuration; None: it was not to be tried.
        reshuffle: whether each candidate had splits of its own.
    """

    space: Space
    default: dict[str, Any] | None
    reshuffle: bool

    @property
    def study(self) -> Study:
        """The study that holds its candidates."""

    @property
    def estimator(self) -> Any:
        """An unfitted clone of what is tuned."""

    @property
    def scorer(self) -> Any:
        """scikit-learn's scorer, or a function (estimator, X, y) -> number or dict."""

    @property
    def results(self) -> dict[str, Any]:
        """The search's ``cv_results_``."""

    @property
    def exhausted(self) -> bool:
        """Whether every point of the space, or of the sampler's grid of it, was tried."""

    @property
    def adaptive(self) -> bool:
        """Whether it depended on scores which candidates there are."""

    def evidence(self) -> Evidence:
        """Return what the search has found out, in the order of ``cv_results_``."""

    def default_index(self) -> int | None:
        """Return the default's place in ``cv_results_``; None if there is none, or it could not be fitted at all."""

    def untold(self) -> list[str]:
        """Return the space's parameters of which the estimator does not tell its own value."""

    def cut(self, splitter: Any) -> Iterable[tuple[Any, Any]]:
        """Return the splits of all rows that a splitter gives."""

    def more(self, candidates: Sequence[dict[str, Any]], splits: list[tuple[Any, Any]]) -> list[list[Outcome]]:
        """Run candidates on other splits, through the same workers; kept with the study, but not as trials."""
