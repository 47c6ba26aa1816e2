"""Optuna's `DaskStorage`: here a file that the workers of Dask share."""

from tunesmith.compat.optuna.storages.kinds import DaskStorage

__all__ = ["DaskStorage"]
