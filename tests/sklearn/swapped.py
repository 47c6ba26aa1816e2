"""A pytest plugin that puts our classes in the place of scikit-learn's own searches, for scikit-learn's own tests.

Loaded by ``pytest -p swapped`` before any test module is imported. ``SWAP`` names the classes; ``SWAP_REPORT`` is a
file that gets, as JSON, the tests that failed and how often one of our searches was fitted.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import sklearn.model_selection
import sklearn.model_selection._search
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  # or it would put its own in place of ours

import tunesmith.sklearn
from tunesmith.sklearn.search import base_search_cv as base

report: dict[str, Any] = {"failed": [], "passed": 0, "fits": 0}

for name in filter(None, os.environ["SWAP"].split(",")):
    ours = getattr(tunesmith.sklearn, name)
    for module in (sklearn.model_selection, sklearn.model_selection._search):
        setattr(module, name, ours)

checked_splitter = base.checked_splitter


def counted(*args: Any) -> Any:
    """A step of our own fit, and of no other estimator's."""
    report["fits"] += 1
    return checked_splitter(*args)


base.checked_splitter = counted


def pytest_runtest_logreport(report: Any) -> None:
    note(report)


def pytest_collectreport(report: Any) -> None:
    note(report)


def note(result: Any) -> None:
    if result.failed:
        report["failed"].append(result.nodeid)
    elif getattr(result, "when", "") == "call" and result.passed:
        report["passed"] += 1


def pytest_sessionfinish() -> None:
    Path(os.environ["SWAP_REPORT"]).write_text(json.dumps(report))
