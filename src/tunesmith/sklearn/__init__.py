"""The scikit-learn edge: searches that scikit-learn users know, on tunesmith's engine, and `SearchCV`.

``from tunesmith.sklearn import GridSearchCV, RandomizedSearchCV`` is the change of import that a program needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.foundation.lazy import lazy

if TYPE_CHECKING:
    from tunesmith.sklearn._compat import metric_function as metric_function
    from tunesmith.sklearn._compat import scorer_parts as scorer_parts
    from tunesmith.sklearn._compat import with_labels as with_labels
    from tunesmith.sklearn.one_of import OneOf
    from tunesmith.sklearn.search.base_search_cv import BaseSearchCV
    from tunesmith.sklearn.search.grid import GridSearchCV, RandomizedSearchCV
    from tunesmith.sklearn.search.halving import HalvingGridSearchCV, HalvingRandomSearchCV
    from tunesmith.sklearn.search.search_cv import SearchCV

__all__ = [
    "BaseSearchCV",
    "GridSearchCV",
    "HalvingGridSearchCV",
    "HalvingRandomSearchCV",
    "OneOf",
    "RandomizedSearchCV",
    "SearchCV",
]

_HOMES = {
    "BaseSearchCV": "tunesmith.sklearn.search.base_search_cv",
    "GridSearchCV": "tunesmith.sklearn.search.grid",
    "HalvingGridSearchCV": "tunesmith.sklearn.search.halving",
    "HalvingRandomSearchCV": "tunesmith.sklearn.search.halving",
    "OneOf": "tunesmith.sklearn.one_of",
    "RandomizedSearchCV": "tunesmith.sklearn.search.grid",
    "SearchCV": "tunesmith.sklearn.search.search_cv",
}

# What satellites use besides, see docs/satellites.md.
_FOR_SATELLITES = {
    "metric_function": "tunesmith.sklearn._compat",
    "scorer_parts": "tunesmith.sklearn._compat",
    "with_labels": "tunesmith.sklearn._compat",
}

__getattr__, __dir__ = lazy(__name__, {**_HOMES, **_FOR_SATELLITES}, "pip install scikit-learn")
