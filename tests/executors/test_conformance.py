"""Every executor of the registry keeps the laws; a new one joins by its line there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tunesmith import Trial, registry
from tunesmith.executors.base import Executor
from tunesmith.executors.inline import InlineExecutor
from tunesmith.testing import ExecutorConformance
from tunesmith.trial import Channel


class TestEveryExecutor(ExecutorConformance):
    @pytest.fixture(params=sorted(registry.names("executors")))
    def make_executor(self, request: pytest.FixtureRequest) -> Callable[..., Executor]:
        if request.param == "inline":  # takes no number of jobs: it has one
            return make_inline
        made: Callable[..., Executor] = registry.load("executors", request.param)
        return made


def make_inline(objective: Callable[[Trial], Any], channel: Channel, jobs: int) -> Executor:
    return InlineExecutor(objective, channel)


@pytest.mark.parametrize("name", sorted(registry.names("executors")))
def test_names_agree_with_the_registry(name: str) -> None:
    assert registry.load("executors", name).name == name
