"""Runs given candidates on other splits, and keeps what they gave beside the study's trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunesmith.sklearn.evaluate.batches import run_all
from tunesmith.sklearn.evaluate.task import Unit
from tunesmith.sklearn.search.evaluation import Evaluation
from tunesmith.sklearn.store.candidates import Ledger, pack, unpack
from tunesmith.sklearn.store.fingerprint import digest
from tunesmith.sklearn.store.outcome import Outcome

AGAIN = "sklearn again"  # under which attributes of the study it is kept


def run_again(
    evaluate: Evaluation, ledger: Ledger, candidates: Sequence[dict[str, Any]], splits: list[tuple[Any, Any]]
) -> list[list[Outcome]]:
    """Run given candidates on other splits, through the workers of a search; see :meth:`Sequential.more`."""
    study = ledger.study
    stored = evaluate.search.storage is not None
    keys = [ledger.key_on(c, splits) for c in candidates]
    names = [f"{AGAIN} {digest(key.encode())}" for key in keys]
    known = study.system_attrs if stored else {}
    found: dict[int, list[Outcome]] = {}
    for i, (key, name) in enumerate(zip(keys, names, strict=True)):
        kept = known.get(name)
        if kept is not None and kept["key"] == key:
            found[i] = unpack(i, kept, evaluate.task.failed(lenient=True))
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
                    study.set_system_attr(names[i], pack(keys[i], found[i]))

        run_all(evaluate.pool, units, evaluate.search.pre_dispatch, enter)
    return [sorted(found[i], key=lambda o: o.split) for i in range(len(candidates))]
