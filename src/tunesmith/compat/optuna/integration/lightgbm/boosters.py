"""The files in which the tuner keeps the boosters of its trials, as Optuna's tuner does: ``NUMBER.pkl``."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any


class Boosters:
    """The best booster so far in memory, and all of them in a folder if there is one.

    Args:
        folder: where they are kept; None: nowhere. It is made if it is not there.
    """

    def __init__(self, folder: str | os.PathLike[str] | None) -> None:
        self._folder = None if folder is None else Path(folder)
        if self._folder is not None:
            self._folder.mkdir(exist_ok=True)
        self._best: tuple[int, Any] | None = None

    def keep(self, number: int, booster: Any, is_best: bool) -> None:
        """Keep the booster of a trial.

        Args:
            number: the trial's.
            booster: what was trained.
            is_best: whether no trial was better.
        """
        if is_best:
            self._best = (number, booster)
        if self._folder is not None:
            part = self._folder / f"{number}.pkl.part"
            part.write_bytes(pickle.dumps(booster))
            part.replace(self._folder / f"{number}.pkl")

    def of(self, number: int) -> Any:
        """Return the booster of the best trial.

        Args:
            number: the trial's.

        Raises:
            ValueError: it is not here: another process trained it, or an earlier one.
        """
        if self._best is not None and self._best[0] == number:
            return self._best[1]
        if self._folder is None:
            raise ValueError(
                f"the best booster, that of trial {number}, was trained by another process, and boosters are not kept: "
                "give all tuners the same model_dir="
            )
        path = self._folder / f"{number}.pkl"
        if not path.exists():
            raise ValueError(
                f"the best booster, that of trial {number}, is not in {self._folder}: "
                "give all tuners of the study the same model_dir=, in a folder that their machines share"
            )
        return pickle.loads(path.read_bytes())
