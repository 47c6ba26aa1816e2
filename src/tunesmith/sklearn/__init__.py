"""The scikit-learn edge: searches that scikit-learn users know, on tunesmith's engine, and `SearchCV`.

``from tunesmith.sklearn import GridSearchCV, RandomizedSearchCV`` is the change of import that a program needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunesmith.sklearn.one_of import OneOf
    from tunesmith.sklearn.search.base import BaseSearchCV
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
    "BaseSearchCV": "search.base",
    "GridSearchCV": "search.grid",
    "HalvingGridSearchCV": "search.halving",
    "HalvingRandomSearchCV": "search.halving",
    "OneOf": "one_of",
    "RandomizedSearchCV": "search.grid",
    "SearchCV": "search.search_cv",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(f"{__name__}.{_HOMES[name]}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "sklearn":
            raise
        from tunesmith.errors import MissingDependencyError

        raise MissingDependencyError(
            f"tunesmith.sklearn.{name} needs scikit-learn, which is not installed: pip install scikit-learn"
        ) from error
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
