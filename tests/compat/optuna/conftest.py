"""Optuna's warnings of what is experimental or old are tested in `test_warnings.py`; elsewhere they say nothing."""

from __future__ import annotations

import pytest

IGNORED = (
    "ignore:.*experimental in Optuna:tunesmith.compat.optuna.exceptions.ExperimentalWarning",
    "ignore:.*deprecated in Optuna:FutureWarning",
    "ignore:JournalStorage.*is an SQLite database here",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each test of this folder run without these warnings, but for their own tests."""
    for item in items:
        if "compat/optuna" in item.path.as_posix() and item.path.name != "test_warnings.py":
            for text in IGNORED:
                item.add_marker(pytest.mark.filterwarnings(text), append=False)
