"""When, and with which versions, a report was made."""

from __future__ import annotations

from datetime import datetime

from tunesmith import __version__

NAMES = {"numpy": "NumPy", "scipy": "SciPy"}


def stamped(subtitle: str, n: int) -> str:
    """Return the line below a report's title.

    Args:
        subtitle: with {n}, {when} and {version}.
        n: how many trials or candidates there are.

    Returns:
        the line.
    """
    when = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    return subtitle.format(n=f"{n:,}", when=when, version=__version__)


def versions(*packages: str) -> str:
    """Return the versions of tunesmith and of other packages, with commas."""
    from importlib.metadata import version

    return ", ".join([f"tunesmith {__version__}", *(f"{NAMES.get(p, p)} {version(p)}" for p in packages)])
