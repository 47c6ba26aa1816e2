"""The colours, light and dark: of pages, of states, and of what figures draw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Name: (on a light page, on a dark one). Text has a contrast of at least 4.5 on `bg`, `card`, `raised` and `hover`;
# `edge`, the border of what can be used, has 3.
COLOURS = {
    "bg": ("#f5f6f9", "#12151a"), "card": ("#ffffff", "#1a1f26"), "raised": ("#ffffff", "#222933"),
    "hover": ("#eef0f4", "#262d37"), "bone": ("#e5e8ed", "#2a313b"), "line": ("#dde1e7", "#333c47"),
    "edge": ("#828b97", "#737f8d"), "grid": ("#e8e8e8", "#2f353c"), "ink": ("#1a1f27", "#e7eaee"),
    "muted": ("#56606c", "#a6afba"), "accent": ("#4a4bd6", "#a9abff"), "on-accent": ("#ffffff", "#15162e"),
    "soft": ("#ecebfc", "#282a4c"), "link": ("#4142c6", "#b1b3ff"), "focus": ("#4a4bd6", "#a9abff"),
    "data": ("#0072b2", "#56b4e9"), "complete": ("#0062d6", "#5f9fe3"), "pruned": ("#7a6514", "#f2d230"),
    "fail": ("#b2305a", "#e8825c"), "running": ("#00472a", "#7df0c8"),
}  # fmt: skip

# State: (colour, icon, sign of one column in a terminal). Lightness differs too, for who does not tell colours apart.
STATES = {
    "complete": ("complete", "check-circle-fill", "✓"), "running": ("running", "dot-fill", "●"),
    "pruned": ("pruned", "skip", "–"), "fail": ("fail", "x-circle-fill", "✗"), "waiting": ("muted", "clock", "○"),
    "paused": ("muted", "columns", "‖"),
}  # fmt: skip

# What figures draw with: blue, orange, green, vermilion, purple and sky; greys of marks, axes, text and grids.
OKABE_ITO = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#a6568c", "#56b4e9")
GREYS = ("#8a8a8a", "#d0d0d0", "#2a2a2a", "#e8e8e8")
# What figures draw with on white, and what it is where a page is dark: as light on it as this one is dark on white.
# The coloured ones are Okabe and Ito's, which colour-blind people tell apart.
DATA = {
    "white": "#1a1f26", "black": "#e7eaee", "#2a2a2a": "#e6e8ea", "#e8e8e8": "#2f353c", "#b0b0b0": "#5a626b",
    "#666666": "#a3abb4", "#777777": "#a3abb4", "#444444": "#c8cdd2", "#f1f1f1": "#262b31", "#d0d0d0": "#4a525b",
    "#0072b2": "#56b4e9", "#5d4a9c": "#a795e0", "#a6568c": "#d58cbd", "#d55e00": "#f08a3c", "#009e73": "#3fc79b",
    "#08306b": "#deebf7", "#2171b5": "#9ecae1", "#6baed6": "#4292c6", "#c3d5e6": "#2f5273",
    "rgba(255,255,255,0.7)": "rgba(26,31,38,0.7)",
}  # fmt: skip


def declarations(*, dark: bool) -> str:
    """Return the tokens as declarations of CSS, without braces.

    Args:
        dark: of a dark page.
    """
    return ";".join(f"--{name}:{pair[dark]}" for name, pair in COLOURS.items())


COLOURED = ("color", "colorscale", "colorway")  # how names of settings of plotly.js end that are colours


def in_dark(of: Any, name: str = "") -> Any:
    """Return what plotly.js gets with the colours of a dark page; texts and names stay as they are.

    Args:
        of: a figure of ours, or a part of it.
        name: of the part.
    """
    if isinstance(of, Mapping):
        return {key: in_dark(value, key) for key, value in of.items()}
    if not name.lower().endswith(COLOURED):
        return [in_dark(part) for part in of] if isinstance(of, list) and of and isinstance(of[0], Mapping) else of
    if isinstance(of, str):
        return DATA.get(of, of)
    return [in_dark(part, name) for part in of] if isinstance(of, list | tuple) else of
