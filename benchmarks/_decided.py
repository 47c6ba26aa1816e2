"""Searches on real models whose losses are kept, so that other rules can choose among the same candidates.

Each one is a `SearchCV` of 25 configurations. What its choice was made by is kept, with what each candidate scores on
thousands of other rows when it is fitted on all training rows.
"""

from __future__ import annotations

import itertools
import pickle
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import _datasets
import numpy as np
from _honesty import CHEAP, DATA, FOLDS, NOTHING, OTHER_DATA, Arrays, _cv, draw, models
from sklearn.base import clone

from tunesmith.selection import Rule, select_by_rows
from tunesmith.sklearn import SearchCV
from tunesmith.sklearn.results import chosen_by_rows

SIZES = (60, 150, 300)
TRIALS = 25
LEAST_TEST = 700  # rows that tell the truth
# The tables of packages, in the groups of `_datasets.py`.
TABLES = {
    group: {name: source for name, source in kinds.items() if isinstance(source, _datasets.Source)}
    for group, kinds in _datasets.CLASSIFICATION.items()
}


def rows_of(data: str, n: int, seed: int) -> Arrays | None:
    """Return training and test rows of a kind of data or of a table; None: there are too few, or too few of a class."""
    source = next((tables[data] for tables in TABLES.values() if data in tables), None)
    if source is None:
        return draw(data, n, seed)
    X, y, X_test, y_test = _datasets.draw(data, source, n, seed)
    names, y = np.unique(y, return_inverse=True)
    known = np.isin(y_test, names)
    X_test, y_test = X_test[known], np.searchsorted(names, y_test[known])
    if len(y) < n or len(y_test) < LEAST_TEST or len(names) < 2 or np.bincount(y).min() < FOLDS:
        return None
    mean, spread = X.mean(axis=0), X.std(axis=0)
    X, X_test = ((x - mean) / np.where(spread > 0.0, spread, 1.0) for x in (X, X_test))
    return X, y, X_test, y_test


def harvest(data: str, model: str, n: int, seed: int) -> dict[str, Any] | None:
    """Return one search: what its choice was made by, and the true error rate of each candidate."""
    drawn = rows_of(data, n, seed)
    if drawn is None:
        return None
    X, y, X_test, y_test = drawn
    made, kept = models(n)[model], {}
    losses_of = chosen_by_rows._losses_by_candidate

    def note_params(context: Any, *rest: Any) -> Any:
        kept["params"] = list(context.evidence.params)
        return losses_of(context, *rest)

    def note_losses(losses: Any, rule: Rule, **known: Any) -> Any:
        kept.update(losses=np.asarray(losses), rule=rule, known=known | {"effective_sample": None})
        return select_by_rows(losses, rule, **known)

    with (
        mock.patch.object(chosen_by_rows, "_losses_by_candidate", note_params),
        mock.patch.object(chosen_by_rows, "select_by_rows", note_losses),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        sampler = "random" if seed % 2 else "auto"
        SearchCV(
            made.estimator, made.space, n_trials=TRIALS, cv=_cv(seed), random_state=seed, sampler=sampler, refit=False
        ).fit(X, y)
        errors = [1.0 - clone(made.estimator).set_params(**p).fit(X, y).score(X_test, y_test) for p in kept["params"]]
    return {"data": data, "model": model, "n": n, "seed": seed, "true": np.array(errors), **kept}


def harvests(
    file: Path, seeds: Iterable[int], sizes: Iterable[int] = SIZES, kinds: Iterable[str] = ()
) -> Iterator[Any]:
    """Yield all searches; those in the file are read, the others made and added to it."""
    known = {}
    if file.exists():
        with file.open("rb") as stream:
            while True:
                try:
                    one = pickle.load(stream)
                except EOFError:
                    break
                known[one["data"], one["model"], one["n"], one["seed"]] = one
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as stream:
        for seed, n, data, model in itertools.product(seeds, sizes, kinds or (*DATA, *OTHER_DATA, NOTHING), CHEAP):
            job = data, model, n, seed
            if job not in known and (made := harvest(*job)) is not None:
                known[job] = made
                pickle.dump(made, stream)
                stream.flush()
            if job in known:
                yield known[job]
