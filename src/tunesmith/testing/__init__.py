"""Conformance suites: what everything in the registry must do, as pytest classes that other packages use too.

They need pytest and Hypothesis (``pip install '.[testing]'`` in a clone), and are imported where they are first used.
`simulated.py` needs neither: the executor that runs a search on a virtual clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.foundation.lazy import lazy

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

__getattr__, __dir__ = lazy(__name__, _HOMES, "pip install pytest hypothesis")
