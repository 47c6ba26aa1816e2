"""Optuna's `DaskStorage`: here a file that the workers of Dask share."""

from __future__ import annotations

from tunesmith.compat.optuna.storages.shared_file import DaskStorage

__all__ = ["DaskStorage"]
