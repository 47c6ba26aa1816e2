"""Keeps a program in the attributes of its study, so that the study can go on without being told again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tunesmith.errors import StorageError
from tunesmith.foundation.arguments import checked
from tunesmith.program.program import Program
from tunesmith.study import Study
from tunesmith.study.study import METRIC_NAMES

KEY = "program"  # the system attribute
PLACES = ("directory", "study", "storage")  # which differ from machine to machine, or are secret


@checked()
def store_program(study: Study, program: Program) -> None:
    """Keep a program with a study, whose objectives are called as its metrics are unless they have names.

    Args:
        study: the study.
        program: its objective.
    """
    kept = description(program)
    if study.system_attrs.get(KEY) != kept:
        study.set_system_attr(KEY, kept)
    if study.metric_names is None and program.metrics:
        study.set_system_attr(METRIC_NAMES, list(program.metrics))


def description(program: Program) -> dict[str, Any]:
    """Return what is kept of a program, as JSON has it."""
    fields = {name: value for name, value in asdict(program).items() if name not in PLACES}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}


@checked()
def load_program(study: Study, directory: str, storage: str = "") -> Program:
    """Return the program that a study is about.

    Args:
        study: the study.
        directory: where the folders of the trials are.
        storage: the storage, for the environment of the program.

    Returns:
        the objective.

    Raises:
        StorageError: the study has none, since it was not made by ``tunesmith run``.
    """
    kept = study.system_attrs.get(KEY)
    if kept is None:
        raise StorageError(f"the study {study.study_name!r} keeps no program: it was not made by `tunesmith run`")
    return Program(**kept, directory=directory, study=study.study_name, storage=storage)
