"""Making, loading, copying and listing studies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import tunesmith
from tunesmith.compat.optuna import logging
from tunesmith.compat.optuna.frozen import FrozenTrial
from tunesmith.compat.optuna.pruners.base import BasePruner
from tunesmith.compat.optuna.samplers.base import BaseSampler
from tunesmith.compat.optuna.storages.base import BaseStorage
from tunesmith.compat.optuna.storages.kinds import get_storage
from tunesmith.compat.optuna.study_class import Study
from tunesmith.compat.optuna.study_direction import StudyDirection, only_direction
from tunesmith.compat.optuna.trial_state import TrialState
from tunesmith.errors import StudyNotFoundError
from tunesmith.text import printable

Direction = str | StudyDirection


def create_study(
    *,
    storage: str | BaseStorage | None = None,
    sampler: BaseSampler | None = None,
    pruner: BasePruner | None = None,
    study_name: str | None = None,
    direction: Direction | None = None,
    load_if_exists: bool = False,
    directions: Sequence[Direction] | None = None,
) -> Study:
    """Create a study.

    Args:
        storage: None for memory; SQLAlchemy's URL, an SQLite file, or a storage.
        sampler: who proposes; None: what suits the space, the number of trials and their cost.
        pruner: who decides what to prune; None: `MedianPruner`.
        study_name: unique in the storage; made up if missing.
        direction: "minimize" (the default) or "maximize".
        load_if_exists: go on with the study of that name if there is one.
        directions: one direction for each of several objectives.

    Returns:
        The study.

    Raises:
        DuplicatedStudyError: the name is taken and `load_if_exists` is false.
        ValueError: a direction is unknown, or the study of that name has other directions.
    """
    if direction is not None and not isinstance(direction, str | StudyDirection):
        raise ValueError(f"direction= takes one direction, and directions= a list of them; got {direction!r}")
    store = get_storage(storage)
    existed = load_if_exists and study_name is not None and _is_there(store, study_name)
    native = tunesmith.create_study(
        storage=store.native,
        study_name=study_name,
        direction=None if direction is None else _word(direction),
        directions=None if directions is None else [_word(d) for d in directions],
        load_if_exists=load_if_exists,
        seed=getattr(sampler, "seed", None),
        retries=store.retries,
    )
    study = Study(native.study_name, store, sampler, pruner)
    name = printable(native.study_name)
    if existed:
        told = f"Using an existing study with name '{name}' instead of creating a new one."
        logging.get_logger(logging.STUDY).info(told)
    else:
        logging.get_logger(store.logger).info(f"A new study created in {store.word} with name: {name}")
    return study


def _is_there(store: BaseStorage, study_name: str) -> bool:
    try:
        store.native.load_study(study_name)
    except StudyNotFoundError:
        return False
    return True


def _word(direction: Any) -> str:
    """Return a direction, this package's or the real Optuna's, as its word."""
    return str(getattr(direction, "name", direction)).lower() if not isinstance(direction, str) else direction


def load_study(
    *,
    study_name: str | None,
    storage: str | BaseStorage,
    sampler: BaseSampler | None = None,
    pruner: BasePruner | None = None,
) -> Study:
    """Load a study.

    Args:
        study_name: its name; None if it is the only one of the storage.
        storage: as for `create_study`.
        sampler: as for `create_study`; samplers are not stored.
        pruner: as for `create_study`.

    Returns:
        The study.

    Raises:
        KeyError: there is no such study.
        ValueError: no name is given, and there are several studies or none.
    """
    store = get_storage(storage)
    if study_name is None:
        names = tunesmith.get_all_study_names(store.native)
        if len(names) != 1:
            raise ValueError(f"study_name=None means the only study of a storage; this one holds {names}")
        study_name = names[0]
    return Study(study_name, store, sampler, pruner)


def delete_study(*, study_name: str, storage: str | BaseStorage) -> None:
    """Delete a study and all of its trials.

    Args:
        study_name: its name.
        storage: as for `create_study`.

    Raises:
        KeyError: there is no such study.
    """
    tunesmith.delete_study(study_name=study_name, storage=get_storage(storage).native)


def copy_study(
    *,
    from_study_name: str,
    from_storage: str | BaseStorage,
    to_storage: str | BaseStorage,
    to_study_name: str | None = None,
) -> None:
    """Copy a study with its finished and waiting trials and its attributes.

    Args:
        from_study_name: the study to copy.
        from_storage: where it is.
        to_storage: where the copy goes.
        to_study_name: the name of the copy; None: the same.

    Raises:
        KeyError: there is no such study.
        DuplicatedStudyError: the name is taken in the target.
    """
    tunesmith.copy_study(
        from_study_name=from_study_name,
        from_storage=get_storage(from_storage).native,
        to_storage=get_storage(to_storage).native,
        to_study_name=to_study_name,
    )


def get_all_study_names(storage: str | BaseStorage) -> list[str]:
    """Return the names of all studies of a storage, oldest first."""
    return tunesmith.get_all_study_names(get_storage(storage).native)


@dataclass
class StudySummary:
    """What a list of studies shows of one.

    Attributes:
        study_name: its name.
        directions: one for each objective.
        best_trial: the best one of a study with one objective; None: there is none.
        user_attrs: of the study.
        n_trials: how many trials it has, in any state.
        datetime_start: when the first one began; None: none has.
        _study_id: its number in the storage.
    """

    study_name: str
    directions: list[StudyDirection]
    best_trial: FrozenTrial | None
    user_attrs: dict[str, Any]
    n_trials: int
    datetime_start: datetime | None
    _study_id: int

    @property
    def direction(self) -> StudyDirection:
        """The direction of a study with one objective; RuntimeError if it has several."""
        return only_direction(self.directions, self.study_name)

    def __lt__(self, other: StudySummary) -> bool:
        return self._study_id < other._study_id

    def __le__(self, other: StudySummary) -> bool:
        return self._study_id <= other._study_id


def get_all_study_summaries(storage: str | BaseStorage, include_best_trial: bool = True) -> list[StudySummary]:
    """Return what a list of studies shows of each, oldest first.

    Args:
        storage: as for `create_study`.
        include_best_trial: look for the best trials.

    Returns:
        A summary of each study.
    """
    store = get_storage(storage)
    found = []
    for record in store.native.list_studies():
        study = Study(record.name, store)
        trials = study.get_trials()
        complete = any(trial.state is TrialState.COMPLETE for trial in trials)
        best = study.native.find_best() if include_best_trial and complete and len(record.directions) == 1 else None
        found.append(
            StudySummary(
                record.name,
                study.directions,
                None if best is None else study._frozen(best),
                study.user_attrs,
                len(trials),
                min((t.datetime_start for t in trials if t.datetime_start is not None), default=None),
                record.id,
            )
        )
    return found
