"""`SearchCV` with nothing but its candidates: no default configuration, no fresh splits."""

from __future__ import annotations

from typing import Any

from tunesmith.sklearn import SearchCV


def bare(estimator: Any, space: Any, **settings: Any) -> SearchCV:
    """Return a search whose fits are those of its candidates alone."""
    return SearchCV(estimator, space, **{"prefer_default": None, "confirm": 0, **settings})
