"""How a terminal looks: the tones of `COLOURS` that can be read on a light and on a dark one, and what it can write."""

from __future__ import annotations

from typing import IO, Any

from tunesmith.foundation.look.colours import STATES

# Styles of Rich. A terminal does not say whether it is light: each colour has a contrast of 4.5 on white and on black.
TONES = {
    "complete": "#1273e2", "running": "#07875d", "pruned": "#917108", "fail": "#c94566", "muted": "#697786",
    "data": "#0a7bbd", "accent": "bold",
}  # fmt: skip
PLAIN_SIGNS = {"complete": "+", "running": "*", "pruned": "-", "fail": "x", "waiting": "o", "paused": "="}


def can_write(text: str, stream: IO[str]) -> bool:
    """Tell whether the encoding of a stream has all signs of a text."""
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def state_sign(state: str, stream: IO[str]) -> str:
    """Return the sign of a state, in plain characters where the stream has no others; empty: it is no state.

    Args:
        state: one of `STATES`.
        stream: where it is written.
    """
    if state not in STATES:
        return ""
    sign = STATES[state][2]
    return sign if can_write(sign, stream) else PLAIN_SIGNS[state]


def state_style(state: str) -> str:
    """Return the style of a state; empty: it is none."""
    return TONES[STATES[state][0]] if state in STATES else ""


def shows_drawings(stream: Any) -> bool:
    """Tell whether a stream is a terminal that can write bars and lines: a pipe gets the plain text alone."""
    return bool(stream.isatty()) and can_write("▁█├─●┤", stream)
