"""Warnings that point at the user's line, whatever of ours and of scikit-learn's lies between."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

OURS = str(Path(__file__).parent)
BETWEEN = ("sklearn", "joblib", "contextlib")  # what calls us for the user


def caution(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn, and name the innermost line that is neither this package's nor of a package that called it for the user.

    Args:
        text: what is to be known, and what to do about it.
        category: of the warning.
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _passed_over(frame.f_code.co_filename, frame.f_globals.get("__name__")):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)


def _passed_over(path: str, module: object) -> bool:
    return path.startswith(OURS) or str(module).partition(".")[0] in BETWEEN
