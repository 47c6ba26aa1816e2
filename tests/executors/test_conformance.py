"""Every executor of the registry keeps the laws; a new one joins by its line there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.executors.conftest import ENGINES, cluster_of, on

from tunesmith.executors.base import Executor
from tunesmith.foundation import registry
from tunesmith.testing import ExecutorConformance

NEED_A_CLUSTER = {name for parameter in ENGINES for name in parameter.values}


class TestEveryExecutor(ExecutorConformance):
    @pytest.fixture(params=[on(n) if n in NEED_A_CLUSTER else n for n in sorted(registry.names("executors"))])
    def make_executor(self, request: pytest.FixtureRequest) -> Callable[..., Executor]:
        if request.param in NEED_A_CLUSTER:
            return cluster_of(request, request.param).executor
        kind: type[Executor] = registry.load_registered("executors", request.param)
        return kind
