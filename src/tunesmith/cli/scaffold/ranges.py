"""Ranges to begin with, from the names and defaults of options."""

from __future__ import annotations

import re
from typing import Any

from tunesmith.cli.scaffold.option import Option

# What an experienced person tunes first, by the end of the name, and where the search begins.
_LOG = re.compile(
    r"(lr|learning_?rate|weight_?decay|wd|l1|l2|reg(ulari[sz]ation)?|lambda|alpha|eta|gamma|c)\d?", re.IGNORECASE
)
_RATE = re.compile(r"(lr|learning_?rate|eta)\d?", re.IGNORECASE)
_TINY = re.compile(r"(eps(ilon)?|tol(erance)?)", re.IGNORECASE)
_DROP = re.compile(r"(drop(out)?(_?(rate|prob|p))?|label_?smoothing)", re.IGNORECASE)
_MOMENTUM = re.compile(r"(momentum|beta_?1)", re.IGNORECASE)
_SIZE = re.compile(
    r"(batch(_?size)?|bs|hidden(_?(size|dim|units))?|width|units|dim|channels|(n_)?embd?|embedding(_?dim)?|d_model|filters|n_?estimators|num_?leaves)",
    re.IGNORECASE,
)
_COUNT = re.compile(r"((n|num)_?(layers?|heads?|blocks?)|layers?|depth|heads?|max_?depth|blocks?)", re.IGNORECASE)
_NOT = re.compile(
    r".*(epochs?|steps|iters?|iterations|seed|workers|port|gpus?|device|verbose|interval|every|patience|rank|num_?classes|"
    r"log|save|print|dir|path|file|debug|cuda|cpu|resume|dry|run|freq|threads|procs|limit|resolution|image_?size)(_.*|\d)?",
    re.IGNORECASE,
)


def suggestion(option: Option) -> tuple[str | None, bool]:
    """Return what describes an option as a parameter (None: not to be tuned), and whether that is a safe guess."""
    name = re.sub(r"[.-]", "_", option.name)
    last = re.sub(r"-", "_", option.name.rpartition(".")[2])
    if option.choices and len(option.choices) > 1:
        return " | ".join(map(_label, option.choices)), not _NOT.fullmatch(last)
    if option.is_flag or isinstance(option.default, bool):
        return (None if _NOT.fullmatch(last) else "true | false"), False
    value = option.default
    if isinstance(value, int):
        return _whole(last, value)
    return _real(last, name, value) if isinstance(value, float) else (None, False)


def _whole(name: str, value: int) -> tuple[str | None, bool]:
    if _SIZE.fullmatch(name) and value > 0:
        return f"log int({max(1, value // 4)}, {value * 4})", True
    if _COUNT.fullmatch(name) and value > 0:
        return f"int({max(1, value // 2)}, {max(3, value * 2)})", True
    if _LOG.fullmatch(name):
        return _real(name, name, float(value))
    if _NOT.fullmatch(name) or value <= 0:
        return None, False
    return f"int({max(1, value // 2)}, {value * 2})", False


def _real(name: str, whole: str, value: float) -> tuple[str | None, bool]:
    if _LOG.fullmatch(name) or name.endswith(("_lr", "_wd", "_decay", "learning_rate")):
        if value <= 0:
            return "log(1e-6, 1e-1)", True
        high = value * 100
        return (
            f"log({_short(value / 100)}, {_short(min(high, 1.0) if _RATE.search(name) and value < 1 else high)})",
            True,
        )
    if _DROP.fullmatch(name):
        return "float(0, 0.5)", True
    if _MOMENTUM.fullmatch(name):
        return "float(0.5, 0.99)", True
    if _NOT.fullmatch(name):
        return None, False
    if _TINY.fullmatch(name) or 0 < value < 0.01:
        return f"log({_short(value / 100)}, {_short(value * 100)})", False
    if 0 <= value <= 1:
        return "float(0, 1)", False
    low, high = sorted((value / 4, value * 4))
    return f"float({_short(low)}, {_short(high)})", False


def _short(value: float) -> str:
    """Return a number with one digit, or two."""
    text = f"{value:.1g}" if abs(value) < 1e-2 or abs(value) >= 100 else f"{value:.2g}"
    return re.sub(r"e([+-])0*", r"e\1", text).replace("e+", "e")


def _label(choice: Any) -> str:
    text = str(choice)
    plain = re.fullmatch(r"[\w.+\-/@%*]+", text) and text not in ("if", "and")
    return text if plain else "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
