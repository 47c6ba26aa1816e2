"""The sampler that the documentation shows how to write keeps the laws it tells of."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tunesmith.samplers import Sampler
from tunesmith.testing import SamplerConformance

PAGE = Path(__file__).resolve().parents[2] / "docs" / "samplers.md"


def written_there() -> type[Sampler]:
    (code,) = (c for c in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "class Nearby" in c)
    found: dict[str, Any] = {}
    exec(code.partition("\n\n\nstudy =")[0], found)
    made: type[Sampler] = found["Nearby"]
    made.__module__, globals()["Nearby"] = __name__, made  # so that pickle finds it
    return made


class TestNearby(SamplerConformance):
    @pytest.fixture
    def make_sampler(self) -> Callable[[], Sampler]:
        return written_there()
