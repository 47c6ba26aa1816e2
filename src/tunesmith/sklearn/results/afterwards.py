"""The honest score of a search that chooses as scikit-learn does, computed when it is first asked for.

``fit`` retains what it needs: the targets, the test rows, and predictions within a bound. A pickle does not hold that;
without it the score is made from the scores of the folds in ``cv_results_``.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import NotFittedError

from tunesmith.selection import HonestScore, Report
from tunesmith.selection.metric import in_time_order, row_indices
from tunesmith.sklearn.protocols import Data, Estimator, Params, Scorer, Split
from tunesmith.sklearn.results.conclusion import Conclusion, conclude_chosen
from tunesmith.sklearn.results.evidence import Evidence
from tunesmith.sklearn.results.last_fit import with_last_fit
from tunesmith.sklearn.store.fingerprint import describe, describe_params
from tunesmith.sklearn.store.outcome import CACHE_BYTES, Outcome, PredictionCache, labels_of

# ----------------------------------------------------------------------------------------------------------------------
# What ``fit`` retains so that the honest score can be computed when it is asked for.


class EvaluationCall(NamedTuple):
    """One call of ``evaluate_candidates``: the positions of its candidates, and the splits."""

    places: range
    splits: list[Split]  # training and test rows; of the training rows only how many they are


@dataclass(slots=True)
class RetainedData:
    """Data that a search retains for its honest score.

    Attributes:
        sample_weight: what the scorer got of it, or None.
        groups: what the splitter got, or None.
        calls: of ``evaluate_candidates``.
        predictions: predictions by the positions of candidates, for each metric; under None if there is one only.
        scorer: what scored.
    """

    y: Data = None
    sample_weight: Data = None
    groups: Data = None
    calls: list[EvaluationCall] = field(default_factory=list)
    predictions: dict[str | None, PredictionCache] = field(default_factory=dict)
    scorer: Scorer | None = None

    def put(self, begin: int, candidate: int, row: Sequence[Outcome]) -> None:
        """Retain the predictions of a candidate, given by its place in a call that begins at a position."""
        row = sorted(row, key=lambda o: o.split)
        several = row[0].test if isinstance(row[0].test, dict) else {}
        for metric in several or (None,):
            score = sum(o.figure(metric) for o in row) / len(row)
            seen = [o.predictions if metric is None else (o.others or {}).get(metric) for o in row]
            cache = self.predictions.setdefault(metric, PredictionCache(CACHE_BYTES // max(len(several), 1)))
            cache.put(begin + candidate, True, score, seen)

    def enter(self, start: int, stop: int, splits: list[Split]) -> None:
        """Note a call; of each split the test rows, and how many training rows unless their order counts."""
        tests = [row_indices(test) for _, test in splits]
        trains: list[Any] = [row_indices(train) for train, _ in splits]
        if not in_time_order(splits):
            behind = 1 + max((int(t.max()) for t in tests if len(t)), default=0)  # so that they are not before the test
            trains = [range(behind, behind + max(len(t), 1)) for t in trains]
        self.calls.append(EvaluationCall(range(start, stop), list(zip(trains, tests, strict=True))))

    def call_of(self, place: int) -> EvaluationCall | None:
        """Return the call that a candidate was in."""
        return next((c for c in self.calls if place in c.places), None)


# ----------------------------------------------------------------------------------------------------------------------

NO_PREDICTIONS = "The predictions of the search are not in its pickle: ask for its honest score before it is pickled."
EARLIER_ITERATIONS = (
    "The earlier iterations chose on some of these rows, too; the estimate allows for the choice in the last one only."
)


def afterwards(search: Any) -> Conclusion:
    """Return what is to be said of a fitted search.

    Raises:
        NotFittedError: it has not been fitted.
    """
    if not hasattr(search, "cv_results_"):
        name = type(search).__name__
        raise NotFittedError(f"this {name} has no honest score and no report before it is fitted: call fit(X, y)")
    index = getattr(search, "best_index_", None)
    if index is None or callable(search.refit):
        why = "a function chooses the configuration" if callable(search.refit) else "no metric was named to decide"
        return _nothing(search, index, f"There is no honest score, because {why} (refit=).")
    try:
        made = _concluded(search, search.refit if search.multimetric_ else "score", index, True)
        return with_last_fit(made, search._last_fit)
    except Exception as error:  # of a user's splitter, metric or estimator: a display must not fail for it
        return _nothing(search, index, f"There is no honest score: {type(error).__name__}: {error}")


def each_metric(search: Any) -> dict[str, HonestScore]:
    """Return the honest score of each of a fitted search's several metrics; one that has none is left out.

    For the metric that decides it is the search's own. For another one it is the score of the returned configuration,
    corrected as if that metric had chosen, which is rather too much than too little. Where none decides, it is that of
    the best configuration by each.
    """
    own, found = search._conclusion(), {}
    if not search.multimetric_:
        return {} if own.score is None else {str(own.score.metric or "score"): own.score}
    for name in [n.removeprefix("mean_test_") for n in search.cv_results_ if n.startswith("mean_test_")]:
        score = own.score
        if name != search.refit:
            means = np.asarray(search.cv_results_[f"mean_test_{name}"], np.float64)
            index = getattr(search, "best_index_", None)
            if index is None and np.isfinite(means).any():
                index = int(np.nanargmax(means))
            score = None
            if index is not None:
                with suppress(Exception):  # as in afterwards
                    score = with_last_fit(_concluded(search, name, index, False), search._last_fit).score
        if score is not None:
            found[name] = score
    return found


def _nothing(search: Any, index: int | None, note: str) -> Conclusion:
    """Return a conclusion without a score, and the reason."""
    n = len(search.cv_results_["params"])
    chosen = None if index is None else search.cv_results_["params"][index]
    report = Report(None, chosen, n_candidates=n, n_fits=n * search.n_splits_, n_splits=search.n_splits_, notes=(note,))
    return Conclusion(index, None, report)


def _concluded(search: Any, metric: str, index: int, decides: bool) -> Conclusion:
    """Report on the candidate at `index` by one metric; `decides`: whether that metric chose it."""
    results, kept = search.cv_results_, search._kept or RetainedData()
    every = np.column_stack([results[f"split{k}_test_{metric}"] for k in range(search.n_splits_)])
    rivals = search._rivals(index)
    halved = not rivals.all()
    call = kept.call_of(index)
    if call is not None:
        together = [i for c in kept.calls if c is call or _same_tests(c.splits, call.splits) for i in c.places]
        rivals = rivals & np.isin(np.arange(len(every)), together)
    cache = None if call is None else kept.predictions.get(metric if search.multimetric_ else None)
    at = np.flatnonzero(rivals)
    params = [results["params"][i] for i in at]
    splits = [(range(search.n_splits_ - 1), [k]) for k in range(search.n_splits_)] if call is None else call.splits
    evidence = Evidence(
        params=params,
        numbers=list(range(len(at))),
        keys=[describe_params(p) for p in params],
        scores=every[at],
        ran=np.ones((len(at), search.n_splits_), bool),
        predictions=[None if cache is None else cache.get(int(i)) for i in at],
        splits=list(splits),
        own_splits=[list(splits)] * len(at),
        y=kept.y,
        labels=labels_of(kept.y),
        sample_weight=kept.sample_weight,
        groups=kept.groups,
        metric=metric if search.multimetric_ else None,
    )
    default = None if not decides else next((i for i, p in enumerate(params) if _is_default(search.estimator, p)), None)
    chosen = int(np.flatnonzero(at == index)[0])
    notes = [NO_PREDICTIONS] if call is None and decides else []
    if halved:
        notes.append(EARLIER_ITERATIONS)
    adaptive = search.adaptive and not halved
    found = conclude_chosen(evidence, chosen, default, search, kept.scorer, adaptive, notes)
    report = replace(found.report, n_candidates=len(every), n_fits=len(every) * search.n_splits_)
    places = {name: None if place is None else int(at[place]) for name, place in found.places.items()}
    if call is None and found.score is not None:
        named = search.scoring if isinstance(search.scoring, str) else found.score.metric
        score: HonestScore | None = replace(found.score, n_rows=None, n_groups=None, metric=named)
        return Conclusion(index, score, replace(report, score=score), places)
    return Conclusion(index, found.score, report, places, tail=found.tail)


def _same_tests(one: list[Split], other: list[Split]) -> bool:
    """Whether two lists of splits test the same rows."""
    same = len(one) == len(other)
    return same and all(np.array_equal(a, b) for (_, a), (_, b) in zip(one, other, strict=True))


def _is_default(estimator: Estimator, params: Params) -> bool:
    own = estimator.get_params()
    return bool(params) and all(n in own and describe(own[n]) == describe(v) for n, v in params.items())
