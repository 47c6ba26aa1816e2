"""Warnings that point at the user's line, past the frames of tunesmith and of libraries that called it."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

PACKAGE_FOLDER = str(Path(__file__).parents[1])
CALLING_PACKAGES = ("sklearn", "joblib", "contextlib")  # packages that call tunesmith for the user


def caution(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the innermost line that is neither of this package nor of one that called it for the user.

    Args:
        text: what is wrong, and what to do about it.
        category: of the warning.
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _is_skipped(frame.f_code.co_filename, frame.f_globals.get("__name__")):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)


def _is_skipped(path: str, module: object) -> bool:
    return path.startswith(PACKAGE_FOLDER) or str(module).partition(".")[0] in CALLING_PACKAGES
