"""What rows add to a metric that is no mean over rows, and how few rows it depends on."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tunesmith.selection.intervals import Confusion, area_influence, effective_size, precision_influence

metrics = pytest.importorskip("sklearn.metrics")
FIVE = np.r_[np.ones(5, np.intp), np.zeros(495, np.intp)]  # five rows of the class that matters, of 500


def weighing(function: Callable[..., float], **options: Any) -> Callable[..., float]:
    return lambda y, p, w: float(function(y, p, sample_weight=w, **options))


def drawn(function: Callable[[np.ndarray], float], n: int, times: int) -> float:
    rng = np.random.default_rng(1)
    return float(np.std([function(rng.integers(0, n, n)) for _ in range(times)]))


@pytest.mark.parametrize("name", ["f1", "recall", "precision", "balanced_accuracy", "jaccard", "three"])
def test_the_influences_of_labels_have_the_spread_of_the_metric(name: str) -> None:
    rng, n, k = np.random.default_rng(0), 400, 3 if name == "three" else 2
    y = rng.choice(k, n, p=[0.6, 0.3, 0.1][:k] if k == 3 else [0.8, 0.2])
    p = np.where(rng.random(n) < 0.7, y, rng.integers(0, k, n))
    function = metrics.f1_score if k == 3 else getattr(metrics, f"{name}_score")
    options = {"average": "macro"} if k == 3 else {}
    matrix, cell = Confusion.of(weighing(function, **options), y, p, np.ones(n), k)
    effect = matrix.influences()[cell]
    assert effect.mean() == pytest.approx(0.0, abs=1e-9)
    error = effect.std() / math.sqrt(n)
    assert error == pytest.approx(drawn(lambda at: function(y[at], p[at], **options), n, 150), rel=0.2)
    # The limits put together are those of that error where no rate is near 0 or 1.
    sizes = np.bincount(y).astype(float)
    effective_sample = matrix.effective_sample(sizes, np.full(k, float(n)), 0.95, 1.0)
    assert (effective_sample.below + effective_sample.above) / 2 == pytest.approx(1.96 * error, rel=0.15)


@pytest.mark.parametrize(
    ("function", "predicted", "low", "high"),
    [
        (metrics.recall_score, FIVE, 0.566, 1.0),  # Wilson's for 5 of 5
        (metrics.recall_score, 0 * FIVE, 0.0, 0.434),
        (metrics.f1_score, FIVE, 0.609, 1.0),
        (metrics.balanced_accuracy_score, 0 * FIVE, 0.496, 0.717),
        (metrics.balanced_accuracy_score, FIVE, 0.783, 1.0),
    ],
)
def test_five_rows_say_what_five_rows_can(function: Any, predicted: np.ndarray, low: float, high: float) -> None:
    matrix, _ = Confusion.of(weighing(function), FIVE, predicted, np.ones(500), 2)
    effective_sample = matrix.effective_sample(np.array([495.0, 5.0]), np.full(2, 500.0), 0.95, 1.0)
    score = function(FIVE, predicted)
    assert score - effective_sample.above == pytest.approx(low, abs=2e-3)
    assert score + effective_sample.below == pytest.approx(high, abs=2e-3)
    assert effective_sample.size == (10.0 if function is metrics.balanced_accuracy_score else 5.0)


@pytest.mark.parametrize("share", [0.5, 0.1])
@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_the_influences_of_values_have_the_spread_of_the_metric(name: str, share: float) -> None:
    rng, n = np.random.default_rng(0), 400
    y = rng.random(n) < share
    value, fold = np.round(rng.normal(size=n) + 1.2 * y, 1), np.arange(n) % 2  # there are ties
    function = getattr(metrics, f"{name}_score")
    scores, effect = (area_influence if name == "roc_auc" else precision_influence)(y, value, fold)
    assert scores == pytest.approx([function(y[fold == f], value[fold == f]) for f in (0, 1)])
    assert effect.mean() == pytest.approx(0.0, abs=1e-9)

    def score(at: np.ndarray) -> float:
        halves = [at[fold[at] == f] for f in (0, 1)]
        return float(np.average([function(y[h], value[h]) for h in halves], weights=[y[h].sum() for h in halves]))

    assert effect.std() / math.sqrt(n) == pytest.approx(drawn(score, n, 300), rel=0.2)


def test_folds_with_one_positive_row_each_show_how_far_these_differ() -> None:
    y, fold = np.tile(np.arange(20) == 0, 5), np.repeat(np.arange(5), 20)
    value = np.tile(np.arange(20.0), 5)
    value[y] = [25.0, 25.0, -1.0, 10.5, 25.0]  # where each is ranked in its fold
    for of_rows in (area_influence, precision_influence):
        scores, effect = of_rows(y, value, fold)
        assert effect.std() / 10 > 0.5 * scores.std() / math.sqrt(5)


def test_weights_and_groups_make_fewer_rows() -> None:
    member, hit = np.ones(12, bool), np.arange(12) % 2 == 0
    groups = np.repeat([0, 1, 2], 4)
    ones = np.ones(12)
    assert effective_size(member, hit, ones, None) == 12
    assert effective_size(member, hit, np.r_[np.ones(6), np.zeros(6)], None) == 6
    assert effective_size(member, hit, ones, groups) == 12  # each group has as many hits as all: they are no alike
    assert effective_size(member, groups == 0, ones, groups) == pytest.approx(3)  # rows of a group are all alike
    assert effective_size(member, member, ones, groups) == 3  # nothing is known of how far they are
    assert effective_size(~member, member, ones, groups) == 0
