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


def rerun(
    evaluate: Evaluation, store: CandidateStore, candidates: Sequence[Params], splits: list[Split], deadline: Deadline
) -> list[list[Outcome]] | None:
    """Run candidates on other splits, through the workers of a search.

    Args:
        evaluate: what fits and scores.
        store: where the outcomes are kept, so that an interrupted search need not run them again.
        candidates: their parameters.
        splits: pairs of training and test rows.
        deadline: after which no fit is begun.

    Returns:
        For each candidate its outcome on each split, predictions included; None if the time was up before. A fit
        that fails has no score, whatever ``error_score`` says: the candidate did well enough before.
    """
    stored = evaluate.search.storage is not None
    keys = [store.key_on(c, splits) for c in candidates]
    found: dict[int, list[Outcome]] = {}
    for i, record in enumerate(store.rerun_records(keys) if stored else []):
        if record is not None:
            found[i] = from_record(i, record, evaluate.task.failed(lenient=True))
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
                if stored and len(found[i]) == len(splits):
                    store.add_rerun(keys[i], to_record(keys[i], found[i]))

        run_all(evaluate.pool, units, evaluate.search.pre_dispatch, enter, store.display, deadline)
    if any(len(found.get(i, ())) < len(splits) for i in range(len(candidates))):
        return None
    return [sorted(found[i], key=lambda o: o.split) for i in range(len(candidates))]
