"""The figures by Matplotlib, where Optuna has them: ``from tunesmith.visualization.matplotlib import plot_slice``.

Each function is that of `tunesmith.visualization` with ``backend="matplotlib"``.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from tunesmith import visualization
from tunesmith.foundation.lazy import missing_name


def __getattr__(name: str) -> Any:
    if name not in visualization.__all__:
        raise missing_name(name, visualization.__all__, __name__)
    return partial(getattr(visualization, name), backend="matplotlib")


def __dir__() -> list[str]:
    return list(visualization.__all__)
