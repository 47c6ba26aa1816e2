"""Models that take all cores, where fits run beside each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tunesmith.sklearn import GridSearchCV
from tunesmith.sklearn.evaluate.threads import keep_to, share_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)


def threads(estimator: Any, X: Any, y: Any) -> float:
    """A scorer that tells how many threads the model was given."""
    return float(estimator.get_params()["n_jobs"] or 0)


def test_each_worker_takes_its_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joblib.cpu_count", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [share_of(n) for n in (2, 3, 16)] == [4, 2, 1]
    monkeypatch.setenv("OMP_NUM_THREADS", "3")  # by hand, or by joblib in its workers
    assert share_of(16) == 3


def test_only_what_nobody_has_set_is_set() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    model = make_pipeline(StandardScaler(), lightgbm.LGBMClassifier())
    keep_to(model, 2)
    assert model[-1].n_jobs == 2
    for own in ({"n_jobs": -1}, {"num_threads": 3}):
        model = lightgbm.LGBMClassifier(**own)
        keep_to(model, 2)
        assert model.n_jobs == own.get("n_jobs")
    catboost = pytest.importorskip("catboost")
    model = catboost.CatBoostClassifier()
    keep_to(model, 2)
    assert model.get_params()["thread_count"] == 2


def test_folds_beside_each_other_share_the_cores_and_the_last_fit_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    model = lightgbm.LGBMClassifier(n_estimators=3, verbosity=-1)
    for n_jobs, seen in ((2, 1.0), (1, 0.0)):
        search = GridSearchCV(model, {"num_leaves": [3, 5]}, scoring=threads, cv=2, n_jobs=n_jobs).fit(X, Y)
        assert search.cv_results_["mean_test_score"].tolist() == [seen, seen]
        assert search.best_estimator_.n_jobs is None
