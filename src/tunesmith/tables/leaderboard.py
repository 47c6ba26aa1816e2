"""The best of each family of models, with honest scores: the leaderboard of `tunesmith.tune`."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tunesmith.selection import HonestScore

HEADS = ("model", "honest score", "interval", "fit", "1,000 rows", "size", "tried", "")


@dataclass(frozen=True, slots=True)
class Place:
    """One line of a leaderboard.

    Attributes:
        model: the family, or "ensemble".
        score: what its best configuration is likely to score on new rows; None: it was given up before.
        fit_seconds: that a fit on all rows takes, as predicted.
        predict_seconds: that a prediction of 1,000 rows takes.
        size: of the fitted model, in bytes.
        tried: how many configurations of it were tried; of an ensemble its members.
        why: it has no score, in words.
        params: of its best configuration.
    """

    model: str
    score: HonestScore | None
    fit_seconds: float
    predict_seconds: float
    size: float
    tried: int
    why: str
    params: Mapping[str, Any]

    def cells(self) -> tuple[str, ...]:
        """Return the line as texts."""
        value = interval = ""
        if self.score is not None:
            value = self.score.write(self.score.value)
            interval = " to ".join(self.score.write(end) for end in self.score.interval)
        return (
            self.model, value, interval, _time(self.fit_seconds), _time(self.predict_seconds), _size(self.size),
            str(self.tried), self.why,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """The best of each family, the best first; print it, or show it in a notebook.

    Attributes:
        places: the lines.
    """

    places: tuple[Place, ...]

    @classmethod
    def of(cls, places: list[Place]) -> Leaderboard:
        """Return the lines in the order of their scores, those without one last."""
        return cls(tuple(sorted(places, key=lambda p: -math.inf if p.score is None else p.score.value, reverse=True)))

    def to_frame(self) -> Any:
        """Return the lines as a frame of pandas."""
        import pandas as pd

        ends = [(math.nan, math.nan) if p.score is None else p.score.interval for p in self.places]
        return pd.DataFrame(
            {
                "model": [p.model for p in self.places],
                "score": [math.nan if p.score is None else p.score.value for p in self.places],
                "low": [low for low, _ in ends],
                "high": [high for _, high in ends],
                "fit_seconds": [p.fit_seconds for p in self.places],
                "predict_seconds": [p.predict_seconds for p in self.places],
                "size": [p.size for p in self.places],
                "tried": [p.tried for p in self.places],
                "why": [p.why for p in self.places],
                "params": [dict(p.params) for p in self.places],
            }
        )

    def __str__(self) -> str:
        lines = [HEADS, *(place.cells() for place in self.places)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(HEADS))]
        return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in HEADS)
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in place.cells()) + "</tr>"
            for place in self.places
        )
        return f'<table class="tunesmith-leaderboard"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _time(seconds: float) -> str:
    if not math.isfinite(seconds):
        return ""
    return f"{seconds:.3g} s" if seconds >= 1.0 else f"{1e3 * seconds:.3g} ms"


def _size(size: float) -> str:
    if not math.isfinite(size):
        return ""
    return f"{size / 2**20:.3g} MB" if size >= 2**20 else f"{size / 2**10:.3g} kB"
