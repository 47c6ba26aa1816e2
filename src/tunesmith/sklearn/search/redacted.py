"""Hides the password in the URL of a storage where a search is displayed."""

from __future__ import annotations

import os
from typing import Any

from tunesmith.storage.redact import shown_spec


class RedactedText(str):
    """A text whose ``repr`` leaves out what could be a password. It is equal to the text, and can be used as such."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(shown_spec(str(self)))


def redacted(storage: Any) -> Any:
    """Return what was given as ``storage=`` in a form whose ``repr`` shows no password.

    scikit-learn writes the texts and diagrams of estimators, and of what holds them, from ``get_params``.
    """
    if hasattr(storage, "drivername"):  # an SQLAlchemy URL
        storage = storage.render_as_string(hide_password=False)
    if isinstance(storage, RedactedText) or not isinstance(storage, str | os.PathLike):
        return storage
    text = os.fspath(storage)
    return storage if isinstance(text, bytes) or shown_spec(storage) == text else RedactedText(text)
