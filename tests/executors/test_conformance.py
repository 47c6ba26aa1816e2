"""Every executor of the registry keeps the laws; a new one joins by its line there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from tunesmith.executors.base import Executor
from tunesmith.foundation import registry
from tunesmith.testing import ExecutorConformance

# Executors that need an engine's object, and the fixture of conftest.py that gives it.
CLIENTS: dict[str, str] = {"dask": "dask_client", "ray": "ray_module"}


class TestEveryExecutor(ExecutorConformance):
    @pytest.fixture(params=sorted(registry.names("executors")))
    def make_executor(self, request: pytest.FixtureRequest) -> Callable[..., Executor]:
        kind: type[Executor] = registry.load_registered("executors", request.param)
        if request.param in CLIENTS:
            return partial(kind, request.getfixturevalue(CLIENTS[request.param]))
        return kind
