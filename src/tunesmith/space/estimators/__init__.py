"""Search spaces that come with the estimator: what people tune, in which ranges, and good first configurations.

`of` shows the space of an estimator; `register` makes one known. Each kind of estimator is a function in `families`.
"""

from __future__ import annotations

from typing import Any

from tunesmith.foundation.text import shown
from tunesmith.space import Space
from tunesmith.space.estimators.about import About, Inside
from tunesmith.space.estimators.joined import joined
from tunesmith.space.estimators.known import known_names, register
from tunesmith.space.words import FloatOr, IntOr

__all__ = ["About", "FloatOr", "Inside", "IntOr", "known_names", "of", "register"]


def of(estimator: Any, X: Any = None, y: Any = None) -> Space:
    """Return the space that ``SearchCV(estimator, space="auto")`` searches.

    It is a space like others: print it, change it (``Space({**tunesmith.space.of(model, X, y), "C": Float(1, 10)})``)
    and give it to a search.

    Args:
        estimator: what is tuned: an estimator of scikit-learn, XGBoost, LightGBM or CatBoost, a pipeline, or an
            estimator around others. Numbers that are set in it are inside of the ranges, choices that are set stay.
        X: rows, shape (n_samples, n_features); ranges depend on their number and scale. None: typical ones.
        y: targets, shape (n_samples,); None: typical ones.

    Returns:
        the space.

    Raises:
        SpaceError: nobody knows the estimator; the message lists what is known, and says what to write.
        TypeError: it is a class, or no estimator at all; or X has no rows.

    Example:
        ```python
        from sklearn.datasets import load_wine
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import SVC

        import tunesmith

        print(tunesmith.space.of(make_pipeline(StandardScaler(), SVC()), *load_wine(return_X_y=True)))
        ```
    """
    if isinstance(estimator, type):
        raise TypeError(f"of takes an estimator, such as {estimator.__name__}(); got its class")
    if not hasattr(estimator, "get_params"):
        raise TypeError(f"of takes an estimator, such as SVC(); got {shown(estimator)}")
    return joined(estimator, X, y).space
