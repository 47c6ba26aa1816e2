"""tunesmith: good hyperparameters in few training runs, and an honest figure for how good they are.

The names below are imported where they are first used, so that ``import tunesmith`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tunesmith._version import __version__

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
    from tunesmith.shortcut import maximize, minimize
    from tunesmith.sklearn.tune import tune
    from tunesmith.space import Categorical, Choice, Distribution, Float, Int, Ordinal, Space
    from tunesmith.state import FailureKind, TrialState
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
    from tunesmith.trial import FrozenTrial, Trial, create_trial

_HOMES: dict[str, tuple[str, ...]] = {
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
    "tunesmith.shortcut": ("maximize", "minimize"),
    "tunesmith.sklearn.tune": ("tune",),
    "tunesmith.space": ("Categorical", "Choice", "Distribution", "Float", "Int", "Ordinal", "Space"),
    "tunesmith.state": ("FailureKind", "TrialState"),
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
    "tunesmith.trial": ("FrozenTrial", "Trial", "create_trial"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}
_MODULES = (
    "artifacts", "compat", "errors", "importance", "pruners", "report", "samplers", "sklearn", "space", "spaces",
    "storage", "study", "testing", "trial", "visualization",
)  # fmt: skip

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
    "ResumeError",
    "Space",
    "SpaceError",
    "SpaceExhaustedError",
    "StorageError",
    "StorageUnavailableError",
    "Study",
    "StudyDirection",
    "StudyNotFoundError",
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


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"tunesmith.{name}")
    else:
        from tunesmith.missing import missing

        raise missing(name, [*_HOME, *_MODULES])
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_MODULES})
