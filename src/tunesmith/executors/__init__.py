"""Where objectives run: executors by class name; each is imported when it is first used.

``base.py`` is the contract; ``inline.py`` runs trials in the driver's own thread, ``threads.py`` in threads beside it,
``event_loop.py`` in an event loop, ``processes.py`` in processes of this machine; ``relay.py``, ``supervisor.py``,
``engine.py`` and ``task.py`` are what every engine uses. A new executor is one file and one line in
``foundation/registry.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.foundation import registry
from tunesmith.foundation.lazy import lazy

if TYPE_CHECKING:  # for type checkers; tests/executors/test_registry.py compares these names with the registry
    from tunesmith.executors.base import Executor as Executor
    from tunesmith.executors.dask import DaskExecutor as DaskExecutor
    from tunesmith.executors.event_loop import AsyncioExecutor as AsyncioExecutor
    from tunesmith.executors.futures import FuturesExecutor as FuturesExecutor
    from tunesmith.executors.inline import InlineExecutor as InlineExecutor
    from tunesmith.executors.processes import ProcessExecutor as ProcessExecutor
    from tunesmith.executors.ray import RayExecutor as RayExecutor
    from tunesmith.executors.threads import ThreadExecutor as ThreadExecutor

_TARGETS = {
    **{target.partition(":")[2]: target for target in registry.EXECUTORS.values()},
    "Executor": "tunesmith.executors.base:Executor",
}
__all__ = sorted(_TARGETS)  # made from the registry: a new executor is one line there

__getattr__, __dir__ = lazy(__name__, _TARGETS)
