"""Conformance suites: what everything in the registry must do, as pytest classes that other packages use too.

They need pytest and Hypothesis (``pip install '.[testing]'`` in a clone), and are imported where they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunesmith.testing.blob_stores import BlobStoreConformance
    from tunesmith.testing.executors import ExecutorConformance
    from tunesmith.testing.pruners import PrunerConformance
    from tunesmith.testing.samplers import SamplerConformance
    from tunesmith.testing.storages import StorageConformance

__all__ = [
    "BlobStoreConformance",
    "ExecutorConformance",
    "PrunerConformance",
    "SamplerConformance",
    "StorageConformance",
]

_HOMES = {
    "BlobStoreConformance": "tunesmith.testing.blob_stores",
    "ExecutorConformance": "tunesmith.testing.executors",
    "PrunerConformance": "tunesmith.testing.pruners",
    "SamplerConformance": "tunesmith.testing.samplers",
    "StorageConformance": "tunesmith.testing.storages",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"tunesmith.testing has no {name!r} (it has {', '.join(sorted(_HOMES))})")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
