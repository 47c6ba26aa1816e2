"""tunesmith: good hyperparameters in few training runs, and an honest figure for how good they are.

The names below are imported where they are first used, so that ``import tunesmith`` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.foundation.lazy import lazy
from tunesmith.foundation.moved import find_moved_modules

__version__ = "1.0.0"

if TYPE_CHECKING:
    from tunesmith import artifacts, errors, importance, pruners, samplers, storage, study
    from tunesmith.errors import (
        AttemptReplacedError,
        DuplicatedStudyError,
        MissingDependencyError,
        ObjectiveError,
        ResumeError,
        SpaceError,
        SpaceExhaustedError,
        StorageError,
        StorageUnavailableError,
        StudyNotFoundError,
        TrialPruned,
        TunesmithError,
        WorkerDiedError,
    )
    from tunesmith.foundation.states import FailureKind, TrialState
    from tunesmith.space import (
        Categorical,
        Choice,
        Distribution,
        Float,
        Int,
        Ordinal,
        Permutation,
        Space,
        Subset,
    )
    from tunesmith.study import (
        Study,
        StudyDirection,
        copy_study,
        create_study,
        delete_study,
        get_all_study_names,
        load_study,
        rename_study,
    )
    from tunesmith.study.shortcut import maximize, minimize
    from tunesmith.tables.tune import tune
    from tunesmith.trial import FrozenTrial, Trial, create_trial

_NAMES: dict[str, tuple[str, ...]] = {
    "tunesmith.errors": (
        "AttemptReplacedError",
        "DuplicatedStudyError",
        "MissingDependencyError",
        "ObjectiveError",
        "ResumeError",
        "SpaceError",
        "SpaceExhaustedError",
        "StorageError",
        "StorageUnavailableError",
        "StudyNotFoundError",
        "TrialPruned",
        "TunesmithError",
        "WorkerDiedError",
    ),
    "tunesmith.study.shortcut": ("maximize", "minimize"),
    "tunesmith.space": (
        "Categorical",
        "Choice",
        "Distribution",
        "Float",
        "Int",
        "Ordinal",
        "Permutation",
        "Space",
        "Subset",
    ),
    "tunesmith.foundation.states": ("FailureKind", "TrialState"),
    "tunesmith.study": (
        "Study",
        "StudyDirection",
        "copy_study",
        "create_study",
        "delete_study",
        "get_all_study_names",
        "load_study",
        "rename_study",
    ),
    "tunesmith.tables.tune": ("tune",),
    "tunesmith.trial": ("FrozenTrial", "Trial", "create_trial"),
}
_MODULES = (
    "artifacts", "compat", "errors", "importance", "pruners", "report", "samplers", "sklearn", "space",
    "storage", "study", "testing", "trial", "visualization",
)  # fmt: skip
_HOMES = {
    **{name: module for module, names in _NAMES.items() for name in names},
    **{name: f"tunesmith.{name}:" for name in _MODULES},
    "spaces": "tunesmith.space.estimators:",  # as it was called in 1.0
}

__all__ = [
    "AttemptReplacedError",
    "Categorical",
    "Choice",
    "Distribution",
    "DuplicatedStudyError",
    "FailureKind",
    "Float",
    "FrozenTrial",
    "Int",
    "MissingDependencyError",
    "ObjectiveError",
    "Ordinal",
    "Permutation",
    "ResumeError",
    "Space",
    "SpaceError",
    "SpaceExhaustedError",
    "StorageError",
    "StorageUnavailableError",
    "Study",
    "StudyDirection",
    "StudyNotFoundError",
    "Subset",
    "Trial",
    "TrialPruned",
    "TrialState",
    "TunesmithError",
    "WorkerDiedError",
    "__version__",
    "artifacts",
    "copy_study",
    "create_study",
    "create_trial",
    "delete_study",
    "errors",
    "get_all_study_names",
    "importance",
    "load_study",
    "maximize",
    "minimize",
    "pruners",
    "rename_study",
    "samplers",
    "storage",
    "study",
    "tune",
]

__getattr__, __dir__ = lazy(__name__, _HOMES)
find_moved_modules()
