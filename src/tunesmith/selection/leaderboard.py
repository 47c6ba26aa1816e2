"""The best of each family of models, with honest scores: the leaderboard of `tunesmith.tune`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.formats import duration_text, json_value, size_text
from tunesmith.foundation.languages import Said, Words, aligned, say, words_of
from tunesmith.foundation.languages.words import translation_table
from tunesmith.foundation.text import printable
from tunesmith.selection import HonestScore
from tunesmith.selection.report import AVERAGE, params_from_json, params_to_json

LEADERBOARD = "leaderboard"  # the attribute of the study


@dataclass(frozen=True, slots=True)
class Place:
    """One line of a leaderboard.

    Attributes:
        model: the family, or `AVERAGE`.
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

    def cells(self, words: Words) -> tuple[str, ...]:
        """Return the line as texts."""
        value = interval = ""
        if self.score is not None:
            value, *ends = map(self.score.format.write, self.score.figures)
            interval = " – ".join(ends)
        is_average = self.model == AVERAGE
        model = words.translate(self.model) if is_average else printable(self.model)
        return (
            model, value, interval,
            duration_text(self.fit_seconds), duration_text(self.predict_seconds), size_text(self.size),
            "" if is_average else f"{self.tried:,}", printable(words.said(self.why)),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """The best of each family, the best first; print it, or show it in a notebook.

    Attributes:
        places: the lines.
    """

    places: tuple[Place, ...]

    @classmethod
    @checked()
    def of(cls, places: list[Place]) -> Leaderboard:
        """Return the lines in the order of their scores, those without one last."""
        return cls(tuple(sorted(places, key=lambda p: -math.inf if p.score is None else p.score.value, reverse=True)))

    def to_frame(self) -> Any:
        """Return the lines as a frame of pandas; an error is a positive number there, as in the texts."""
        import pandas as pd

        figures = [(math.nan,) * 3 if p.score is None else p.score.figures for p in self.places]
        as_they_are = ("fit_seconds", "predict_seconds", "size", "tried", "why")
        return pd.DataFrame(
            {
                "model": [p.model for p in self.places],
                **{name: [own[i] for own in figures] for i, name in enumerate(("score", "low", "high"))},
                **{name: [getattr(p, name) for p in self.places] for name in as_they_are},
                "params": [dict(p.params) for p in self.places],
            }
        )

    @checked()
    def table(self, words: Words) -> tuple[list[str], list[tuple[str, ...]]]:
        """Return the heads of the columns, and the cells of each line, as texts.

        Args:
            words: the language.
        """
        t = words.translate
        score = next((place.score for place in self.places if place.score is not None), None)
        heads = [
            t("model"), t("honest score") if score is None else words("honest {}", words.said(score.label.said)),
            t("interval") if score is None else words("{} % interval", f"{100 * score.level:.3g}"),
            t("time to fit"), t("time for 1,000 rows"), t("size"), t("candidates tried"), t("given up, since"),
        ]  # fmt: skip
        rows = [place.cells(words) for place in self.places]
        if not any(row[-1] for row in rows):
            return heads[:-1], [row[:-1] for row in rows]
        return heads, rows

    def to_json(self) -> list[dict[str, Any]]:
        """Return the lines as JSON has them: what is not known is None."""
        return [
            json_value(
                {
                    "model": p.model,
                    "score": None
                    if p.score is None
                    else {
                        "value": p.score.value,
                        "interval": p.score.interval,
                        "level": p.score.level,
                        "metric": p.score.metric,
                        "greater_is_better": p.score.greater_is_better,
                    },
                    "fit_seconds": p.fit_seconds,
                    "predict_seconds": p.predict_seconds,
                    "size": float(p.size),
                    "tried": p.tried,
                    "why": [str(p.why), *([p.why.pattern, *map(str, p.why.values)] if isinstance(p.why, Said) else [])],
                    "params": params_to_json(p.params),
                },
                infinities=False,
            )
            for p in self.places
        ]

    @classmethod
    def from_json(cls, data: Any) -> Leaderboard:
        """Return what `to_json` wrote.

        Args:
            data: the lines.

        Raises:
            ValueError: it is not a leaderboard.
        """
        try:
            return cls(tuple(map(_place_of_line, data)))
        except (TypeError, LookupError, AttributeError, OverflowError) as error:
            raise ValueError(f"this is no leaderboard: {error!r}") from error

    def __str__(self) -> str:
        heads, rows = self.table(words_of(None))
        return "\n".join(aligned([heads, *rows]))

    def _repr_html_(self) -> str:
        from tunesmith.foundation.look.card import Drawing, card, interval  # only notebooks need it

        heads, rows = self.drawn_by(partial(interval, width=110), Drawing())
        return card(say("The best of each kind of model"), rows, kind="leaderboard", heads=heads)

    def drawn_by(self, draw: Callable[..., str], nothing: str) -> tuple[list[str], list[tuple[str, ...]]]:
        """Return the table with a column in which the intervals are drawn: heads and rows for the reader.

        Args:
            draw: is given the lower end, the value, the upper end, and ``ends=`` of the line.
            nothing: stands where there is no interval.

        Returns:
            heads and rows.
        """
        heads, rows = self.table(words_of(None))
        shown = [
            None if p.score is None else (p.score.figures[1], p.score.figures[0], p.score.figures[2])
            for p in self.places
        ]
        known = [end for drawn in shown if drawn is not None for end in drawn if math.isfinite(end)]
        ends = (min(known, default=0.0), max(known, default=1.0))
        lines = [nothing if drawn is None else draw(*drawn, ends=ends) for drawn in shown]
        return [*heads[:2], "", *heads[2:]], [(*r[:2], line, *r[2:]) for r, line in zip(rows, lines, strict=True)]


def stored_leaderboard(system: Mapping[str, Any]) -> Leaderboard | None:
    """Return the leaderboard that `tunesmith.tune` stored with a study; None: it has none that can be read."""
    try:
        return Leaderboard.from_json(system[LEADERBOARD]) if LEADERBOARD in system else None
    except ValueError:
        return None


def _place_of_line(line: Mapping[str, Any]) -> Place:
    """Return a line that `Leaderboard.to_json` wrote."""
    honest = None
    if (score := line["score"]) is not None:
        low, high = map(_number_or_nan, score["interval"])
        honest = HonestScore(
            _number_or_nan(score["value"]), (low, high), math.nan, math.nan, "", level=float(score["level"]),
            metric=None if score["metric"] is None else str(score["metric"]),
            greater_is_better=bool(score["greater_is_better"]),
        )  # fmt: skip
    fit, predict, size = (_number_or_nan(line[name]) for name in ("fit_seconds", "predict_seconds", "size"))
    params = params_from_json(line["params"]) or {}
    return Place(str(line["model"]), honest, fit, predict, size, int(line["tried"]), _said(*line["why"]), params)


def _said(text: Any, pattern: Any = "", *values: Any) -> str:
    """Return a text with its pattern, if that is one of ours: a file of somebody else's may hold any."""
    return say(pattern, *map(str, values)) if str(pattern) in translation_table("zh") else str(text)


def _number_or_nan(value: Any) -> float:
    return math.nan if value is None else float(value)
