from __future__ import annotations

import math

import numpy as np
import pytest

from tunesmith.errors import SelectionError
from tunesmith.selection.intervals import pseudo_losses
from tunesmith.selection.metric import ROW_LOSSES

sklearn_metrics = pytest.importorskip("sklearn.metrics")


def data(n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = (rng.random(n) < 0.4).astype(int)
    return y, np.clip(0.5 * rng.random(n) + 0.3 * y, 0.01, 0.99)


@pytest.mark.parametrize("name", sorted(ROW_LOSSES))
def test_the_mean_loss_is_scikit_learn_s_score(name: str):
    y, p = data()
    metric = ROW_LOSSES[name]
    prediction = np.column_stack([1 - p, p]) if metric.targets == "codes" else (p > 0.5).astype(int)
    losses = metric.loss(y, prediction)
    function = getattr(
        sklearn_metrics, {"accuracy": "accuracy_score", "neg_brier_score": "brier_score_loss"}.get(name, name[4:])
    )
    wanted = function(y, p if name == "neg_brier_score" else prediction)
    assert losses.shape == y.shape
    assert metric.offset - losses.mean() == pytest.approx(wanted if name == "accuracy" else -wanted)


def test_several_outputs_are_one_loss_a_row():
    y = np.array([[1, 2], [3, 4]])
    assert ROW_LOSSES["accuracy"].loss(y, [[1, 2], [3, 5]]).tolist() == [0.0, 1.0]
    assert ROW_LOSSES["neg_mean_squared_error"].loss(y, [[1, 4], [3, 4]]).tolist() == [2.0, 0.0]


def test_pseudo_values_of_a_mean_are_its_rows():
    x = np.random.default_rng(0).normal(size=15)
    assert pseudo_losses(lambda keep: x[keep].mean(), 15) == pytest.approx(-x)


@pytest.mark.parametrize("name", ["roc_auc_score", "f1_score", "r2_score"])
def test_pseudo_values_have_the_score_s_mean_and_spread(name: str):
    function = getattr(sklearn_metrics, name)
    y, p = data()
    shown = (p > 0.5).astype(int) if name == "f1_score" else p
    losses = pseudo_losses(lambda keep: function(y[keep], shown[keep]), len(y), strata=y)
    assert losses.mean() == pytest.approx(-function(y, shown))
    rng = np.random.default_rng(1)
    again = [function(y[k], shown[k]) for k in (rng.integers(0, len(y), len(y)) for _ in range(200))]
    assert losses.std() / math.sqrt(len(y)) == pytest.approx(np.std(again), rel=0.4)


def test_a_metric_that_fails_on_part_of_the_fold_is_average_there():
    y = np.array([1] + [0] * 9)
    score = np.arange(10.0)[::-1]

    def auc(keep: np.ndarray) -> float:
        return float(sklearn_metrics.roc_auc_score(y[keep], score[keep])) if 0 < y[keep].sum() < len(keep) else math.nan

    assert np.isfinite(pseudo_losses(auc, 10)).all()
    assert np.isnan(pseudo_losses(lambda keep: math.nan, 10)).all()
    assert pseudo_losses(lambda keep: 0.5, 1).tolist() == [-0.5]


def test_bad_input_is_named():
    with pytest.raises(SelectionError, match="at least one row"):
        pseudo_losses(lambda keep: 0.0, 0)
    with pytest.raises(SelectionError, match="one label"):
        pseudo_losses(lambda keep: 0.0, 10, strata=[1, 2])
