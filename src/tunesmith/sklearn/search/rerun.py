"""Runs candidates on other splits; the outcomes are stored with the study, but not as trials."""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.sklearn.evaluate.deadline import Deadline
from tunesmith.sklearn.evaluate.task import Unit
from tunesmith.sklearn.protocols import Params, Split
from tunesmith.sklearn.search.evaluation import Evaluation
from tunesmith.sklearn.search.fixed_units import run_all
from tunesmith.sklearn.store.candidates import CandidateStore, from_record, to_record
from tunesmith.sklearn.store.outcome import Outcome


class Reruns:
    """Runs candidates on other splits, through the workers of a search, each on the same splits once.

    Args:
        evaluate: what fits and scores.
        store: where the outcomes are kept if the search is, so that it need not run them again.
    """

    def __init__(self, evaluate: Evaluation, store: CandidateStore) -> None:
        self._evaluate = evaluate
        self._store = store
        self._kept: dict[str, list[Outcome]] = {}  # by key, where nothing is stored

    def __call__(
        self, candidates: Sequence[Params], splits: list[Split], deadline: Deadline
    ) -> list[list[Outcome]] | None:
        """Run candidates.

        Args:
            candidates: their parameters.
            splits: pairs of training and test rows.
            deadline: after which no fit is begun.

        Returns:
            For each candidate its outcome on each split, predictions included; None if the time was up before. A fit
            that fails has no score, whatever ``error_score`` says: the candidate did well enough before.
        """
        evaluate, store = self._evaluate, self._store
        keys = [store.key_on(c, splits) for c in candidates]
        found = self._known(keys)
        left = [i for i in range(len(candidates)) if i not in found]
        if left:
            evaluate.pool.prepare(evaluate.task, splits)
            prefixes = evaluate.planner.plan([candidates[i] for i in left])
            every = tuple(range(len(splits)))
            units = [Unit(i, candidates[i], every, p, lenient=True) for i, p in zip(left, prefixes, strict=True)]

            def enter(outcomes: list[Outcome]) -> None:
                for outcome in outcomes:
                    i = outcome.candidate
                    found.setdefault(i, []).append(outcome)
                    if len(found[i]) == len(splits):
                        self._keep(keys[i], found[i])

            run_all(evaluate.pool, units, evaluate.search.pre_dispatch, enter, store.display, deadline)
        if any(len(found.get(i, ())) < len(splits) for i in range(len(candidates))):
            return None
        return [sorted(found[i], key=lambda o: o.split) for i in range(len(candidates))]

    @property
    def _stored(self) -> bool:
        return self._evaluate.search.storage is not None

    def _known(self, keys: list[str]) -> dict[int, list[Outcome]]:
        """Return the outcomes of the candidates that ran on these splits before, by their places."""
        if not self._stored:
            return {i: list(self._kept[key]) for i, key in enumerate(keys) if key in self._kept}
        failed = self._evaluate.task.failed(lenient=True)
        records = enumerate(self._store.rerun_records(keys))
        return {i: from_record(i, record, failed) for i, record in records if record is not None}

    def _keep(self, key: str, outcomes: list[Outcome]) -> None:
        if self._stored:
            self._store.add_rerun(key, to_record(key, outcomes))
        else:
            self._kept[key] = outcomes
