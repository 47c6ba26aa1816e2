"""What ``fit`` retains so that the honest score can be computed when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tunesmith.selection.metric import in_time_order, row_indices
from tunesmith.sklearn.protocols import Data, Scorer, Split
from tunesmith.sklearn.store.outcome import Outcome
from tunesmith.sklearn.store.predictions import CACHE_BYTES, PredictionCache


@dataclass(slots=True)
class EvaluationCall:
    """One call of ``evaluate_candidates``: the positions of its candidates, and the splits.

    Attributes:
        start: the position of the first candidate.
        stop: the position after the last one.
        splits: training and test rows; of the training rows only how many they are.
    """

    start: int
    stop: int
    splits: list[Split]


@dataclass(slots=True)
class RetainedData:
    """Data that a search retains for its honest score.

    Attributes:
        y: the targets.
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
        self.calls.append(EvaluationCall(start, stop, list(zip(trains, tests, strict=True))))

    def call_of(self, place: int) -> EvaluationCall | None:
        """Return the call that a candidate was in."""
        return next((c for c in self.calls if c.start <= place < c.stop), None)
