"""Hyperopt's exceptions, by its names."""

from __future__ import annotations

from typing import Any


class BadSearchSpace(Exception):
    """The description of the search space is wrong."""


class DuplicateLabel(BadSearchSpace):
    """Two different parameters of a space have one label."""


class InvalidTrial(ValueError):
    """A document that is not a trial."""

    def __init__(self, msg: str, obj: Any) -> None:
        super().__init__(f"{msg} {obj}")
        self.obj = obj


class InvalidResultStatus(ValueError):
    """The objective returned a dict whose status is not one of `STATUS_STRINGS`."""

    def __init__(self, result: Any) -> None:
        status = result.get("status") if isinstance(result, dict) else None
        super().__init__(f"the result's status is {status!r}; valid is one of STATUS_STRINGS, such as STATUS_OK")
        self.result = result


class InvalidLoss(ValueError):
    """The objective returned a dict with the status "ok" and no loss that is a number."""

    def __init__(self, result: Any) -> None:
        loss = result.get("loss") if isinstance(result, dict) else None
        super().__init__(f"a result with the status 'ok' needs a number as its 'loss'; got {loss!r}")
        self.result = result


class AllTrialsFailed(Exception):
    """No trial has a loss."""


class InvalidAnnotatedParameter(ValueError):
    """An argument of the objective is not annotated by a space, with ``space="annotated"``."""


class PyllImportError(ImportError):
    """A symbol is not defined in the scope."""
