"""Every pruner of the registry keeps the laws; a new one joins by its line there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from tunesmith import registry
from tunesmith.pruners.base import Pruner
from tunesmith.pruners.median import MedianPruner
from tunesmith.testing import PrunerConformance

# Arguments other than the default ones that are worth a run of their own.
VARIANTS: dict[str, Callable[[], Pruner]] = {
    "median-eager": partial(MedianPruner, 0),
    "median-interval": partial(MedianPruner, 1, 1, 2, n_min_trials=2),
}


class TestEveryPruner(PrunerConformance):
    @pytest.fixture(params=sorted({*registry.names("pruners"), *VARIANTS}))
    def make_pruner(self, request: pytest.FixtureRequest) -> Callable[[], Pruner]:
        made: Callable[[], Pruner] = (
            VARIANTS[request.param] if request.param in VARIANTS else registry.load("pruners", request.param)
        )
        return made


@pytest.mark.parametrize("name", sorted(registry.names("pruners")))
def test_names_agree_with_the_registry(name: str) -> None:
    pruner = registry.load("pruners", name)()
    assert pruner.name == name
    assert isinstance(pruner, Pruner)
