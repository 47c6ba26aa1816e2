"""Marks for tests of what only some releases of scikit-learn have."""

from __future__ import annotations

import importlib.util

import pytest
import sklearn

RELEASE = tuple(int(part) for part in sklearn.__version__.split(".")[:2])

with_callbacks = pytest.mark.skipif(
    importlib.util.find_spec("sklearn.callback") is None, reason="scikit-learn has callbacks since 1.9"
)
with_weighted_scores = pytest.mark.skipif(
    RELEASE < (1, 7), reason="scikit-learn hands sample_weight to the scorer, without metadata routing, since 1.7"
)
