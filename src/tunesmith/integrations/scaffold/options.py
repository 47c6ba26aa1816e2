"""What ``tunesmith init`` finds out about a program: its options, and ranges to begin with."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from tunesmith.integrations.scaffold.helps import (
    HELP_LINE_CHARACTERS,
    Kind,
    Option,
    arguments_in_help,
    is_help,
    is_too_large,
    options_in_help,
    value_of,
)

__all__ = [
    "HELP_LINE_CHARACTERS",
    "Option",
    "arguments_in_help",
    "groups_in_help",
    "is_help",
    "merged",
    "options_in_config",
    "options_in_help",
    "options_in_source",
    "suggestion",
    "value_of",
]

# -- what calls in its source say that ``--help`` leaves out -----------------------------------------------------------


def options_in_source(path: Path) -> list[Option]:
    """Return the options that a Python file declares by ``add_argument("--name", ...)`` or ``option("--name", ...)``.

    Args:
        path: the file.

    Returns:
        the options; none if the file is not Python.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8", errors="replace"))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):  # the last two: nested too deeply
        return []
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            names = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            long = [name for name in names if name.startswith("--")]
            if long and len(long) <= len(node.args):
                found.append(_declared(long[0], node))
    return found


def _declared(name: str, call: ast.Call) -> Option:
    option = Option(name.partition("/")[0].strip().lstrip("-"), is_flag="/" in name)
    for keyword in call.keywords:
        try:
            value = ast.literal_eval(keyword.value)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):  # no constant, or none that can be
            continue
        if is_too_large(value):
            continue
        if keyword.arg == "default":
            option.default = value
        elif keyword.arg == "choices" and isinstance(value, list | tuple):
            option.choices = list(value)
        elif (keyword.arg, value) in (("action", "store_true"), ("action", "store_false"), ("is_flag", True)):
            option.is_flag = True
    kinds = [k.value.id for k in call.keywords if k.arg == "type" and isinstance(k.value, ast.Name)]
    known: dict[str, Kind] = {"int": "int", "float": "float", "str": "text"}
    option.kind = known.get("".join(kinds), "")
    if option.kind == "float" and isinstance(option.default, int) and not isinstance(option.default, bool):
        option.default = float(option.default)
    return option


def merged(told: list[Option], declared: list[Option]) -> list[Option]:
    """Return the options that a program tells, with what only its source says; where it tells none, the source's."""
    if not told:
        return declared
    known = {option.name.replace("_", "-"): option for option in declared}
    for option in told:
        own = known.get(option.name.replace("_", "-"))
        if own is not None:
            if option.default is None or (isinstance(own.default, float) and isinstance(option.default, int)):
                option.default = own.default
            option.choices = own.choices or option.choices
            option.is_flag = option.is_flag or own.is_flag
            option.kind = own.kind or option.kind
    return told


# -- ranges to begin with, from the names and defaults of options ---------------------------------------------------

# What an experienced person tunes first, by the end of the name, and where the search begins.
_LOG = re.compile(
    r"(lr|learning_?rate|weight_?decay|wd|l1|l2|reg(ulari[sz]ation)?|lambda|alpha|eta|gamma|c|cost)\d?", re.IGNORECASE
)
_RATE = re.compile(r"(lr|learning_?rate|eta|step_?size)\d?", re.IGNORECASE)
# Of what is kept, where it is a half and more: the difference to 1 is what counts.
_SHARE = re.compile(r"(.*_)?(lambda|alpha|gamma|discount|decay)\d?", re.IGNORECASE)
_TINY = re.compile(r"(eps(ilon)?|tol(erance)?)", re.IGNORECASE)
_DROP = re.compile(r"(drop(out)?(_?(rate|prob|p))?|label_?smoothing)", re.IGNORECASE)
_MOMENTUM = re.compile(r"(momentum|beta_?1)", re.IGNORECASE)
_SIZE = re.compile(
    r"((per_device_)?(train_)?batch_?size|batch|bs|hidden(_?(size|dim|units))?|width|units|dim|channels|(n_)?embd?|embedding(_?dim)?|d_model|filters|n_?estimators|(n|num)_?(leaves|trees))",
    re.IGNORECASE,
)
_COUNT = re.compile(r"((n|num)_?(layers?|heads?|blocks?)|layers?|depth|heads?|max_?depth|blocks?)", re.IGNORECASE)
_NOT = re.compile(
    r".*(epochs?|steps|iters?|iterations|seed|workers|port|gpus?|device|verbose|interval|every|patience|rank|num_?classes|"
    r"log|save|print|dir|path|file|debug|cuda|cpu|resume|dry|run|freq|threads?|procs|lim(it)?|resolution|image_?size)(_.*|\d)?|"
    r"colou?rs?|verb|(logging|eval|evaluation|hub|ddp|dist|fsdp)_.*|"
    r"(.*_)?(backend|progress(_bar)?|format|style|theme|unit|provider|encoding|cache_?size)",
    re.IGNORECASE,
)
_USUAL = (
    (re.compile(r"lr|(base_?)?learning_?rate", re.IGNORECASE), 1e-3),
    (re.compile(r"weight_?decay|wd", re.IGNORECASE), 1e-4),
    (re.compile(r"drop(out)?(_?(rate|prob|p))?", re.IGNORECASE), 0.1),
    (re.compile(r"momentum", re.IGNORECASE), 0.9),
    (re.compile(r"batch_?size", re.IGNORECASE), 64),
)
CHOICES_FOR_EACH = 12  # choices: of more, some are hardly meant for every machine and purpose
OPEN_END_SHARE = 0.01  # of a range, by which an end that is not a possible value is moved


@dataclass(frozen=True)
class _Range:
    """A range to begin with: its kind ("int", "log int", "float", "log"), its ends, and whether it is a safe guess."""

    kind: str
    low: float
    high: float
    safe: bool


def suggestion(option: Option) -> tuple[str | None, bool]:
    """Return what describes an option as a parameter (None: not to be tuned), and whether that is a safe guess."""
    from tunesmith.errors import SpaceError
    from tunesmith.space import Space

    described, safe = _suggested(option)
    if described is not None:
        try:
            Space({option.name: described})
        except SpaceError:  # a range that no float holds, for instance
            return None, False
    return described, safe


def _suggested(option: Option) -> tuple[str | None, bool]:
    name = re.sub(r"[.-]", "_", option.means or option.name)
    last = re.sub(r"-", "_", option.means or option.name.rpartition(".")[2])
    if option.choices and len(option.choices) > 1:
        is_switch = option.choices == [0, 1]
        is_safe = not (_NOT.fullmatch(last) or option.is_group or is_switch or len(option.choices) > CHOICES_FOR_EACH)
        return _of_choices(option.choices), is_safe
    if option.is_flag or isinstance(option.default, bool):
        # What is on by itself stays on: {args} leaves out what is false.
        return (None if _NOT.fullmatch(last) or option.default is True else "true | false"), False
    value = option.default
    if value is None and option.kind != "text":
        value = _usual_value(last)
    if value is None and option.low is not None and option.high is not None:
        value = type(option.low)((option.low + option.high) / 2)
    found = None
    if isinstance(value, int):
        found = _whole_range(last, value)
    elif isinstance(value, float):
        found = _real_range(last, name, value)
    if found is None and isinstance(value, int | float) and not _NOT.fullmatch(last):
        found = _Range("int" if isinstance(value, int) else "float", value, value, False)  # its bounds may say more
    found = None if found is None else _within_bounds(found, option)
    if found is None:
        return None, False
    ends = (found.low, found.high)
    return f"{found.kind}({', '.join(map(str if found.kind.endswith('int') else _few_digits, ends))})", found.safe


def _usual_value(name: str) -> float | None:
    """Return what an option usually is whose default is not known; None: its name does not say."""
    for names, value in _USUAL:
        if names.fullmatch(name):
            return value
    return None


def _within_bounds(found: _Range, option: Option) -> _Range | None:
    """Return a range within the bounds of an option, or these where nothing better is known; None: nothing is left."""
    low, high = found.low, found.high
    linear = found.kind in ("int", "float")
    bounded = option.low is not None and option.high is not None
    replaced = bounded and linear and not (found.kind == "float" and found.safe)
    if option.low is not None:
        low = option.low if replaced else max(low, option.low)
    if option.high is not None:
        high = option.high if replaced else min(high, option.high)
    margin = OPEN_END_SHARE * (high - low) if linear else 0.0
    if option.inside[0] and low == option.low:
        low += margin
    if option.inside[1] and high == option.high:
        high -= margin
    return replace(found, low=low, high=high) if low < high else None


def _whole_range(name: str, value: int) -> _Range | None:
    if _SIZE.fullmatch(name) and value > 0:
        return _Range("log int", max(1, value // 4), value * 4, True)
    if _COUNT.fullmatch(name) and value > 0:
        return _Range("int", max(1, value // 2), max(3, value * 2), True)
    if _LOG.fullmatch(name):
        return _real_range(name, name, float(value))
    if _NOT.fullmatch(name) or value <= 0:
        return None
    return _Range("int", max(1, value // 2), value * 2, False)


def _real_range(name: str, whole: str, value: float) -> _Range | None:
    if _SHARE.fullmatch(name) and 0.5 <= value < 1:
        return _Range("float", round(max(0.0, 1 - 5 * (1 - value)), 6), round(1 - (1 - value) / 5, 6), True)
    if _LOG.fullmatch(name) or name.endswith(("_lr", "_wd", "_decay", "learning_rate", "step_size")):
        if value <= 0:
            return _Range("log", 1e-6, 1e-1, True)
        high = value * 100
        return _Range("log", value / 100, min(high, 1.0) if _RATE.search(name) and value < 1 else high, True)
    if _DROP.fullmatch(name):
        return _Range("float", 0.0, 0.5, True)
    if _MOMENTUM.fullmatch(name):
        return _Range("float", 0.5, 0.99, True)
    if _NOT.fullmatch(name):
        return None
    if _TINY.fullmatch(name) or 0 < value < 0.01:
        return _Range("log", value / 100, value * 100, False)
    if 0 <= value <= 1:
        return _Range("float", 0.0, 1.0, False)
    low, high = sorted((value / 4, value * 4))
    return _Range("float", low, high, False)


def _few_digits(value: float) -> str:
    """Return a number with one digit, or two."""
    if 0.9 < value < 1:  # what counts is what is left to 1
        return f"{value:.6g}"
    text = f"{value:.1g}" if abs(value) < 1e-2 or abs(value) >= 100 else f"{value:.2g}"
    return re.sub(r"e([+-])0*", r"e\1", text).replace("e+", "e")


def _of_choices(choices: Sequence[Any]) -> str:
    """Return what describes choices: numbers that grow have an order, and whole numbers without a gap are a range."""
    numbers = all(isinstance(choice, int | float) and not isinstance(choice, bool) for choice in choices)
    if not numbers or any(a >= b for a, b in pairwise(choices)):
        return " | ".join(map(_choice_label, choices))
    low, high = choices[0], choices[-1]
    if all(isinstance(choice, int) for choice in choices) and high - low == len(choices) - 1 > 1:
        return f"int({low}, {high})"
    return " < ".join(map(_choice_label, choices))


def _choice_label(choice: Any) -> str:
    text = str(choice)
    plain = re.fullmatch(r"[\w.+\-/@%*]+", text) and text not in ("if", "and")
    return text if plain else "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


# -- the settings of a Hydra program, as options with dots in their names -------------------------------------------

# Where a program writes: a folder of its own for each trial. The usual one is named after the second, so that trials
# that begin in the same second write into one.
RUN_DIR = 'hydra.run.dir="{trial_dir}/hydra"'
_LINE = re.compile(r"^(?P<indent> *)(?P<key>[\w.-]+):(?: +(?P<value>[^#].*?))?(?: +#.*)?$")


def groups_in_help(text: str) -> list[Option]:
    """Return the groups of configurations that ``--help`` lists, each as the choice of one of them."""
    _, _, rest = text.partition("== Configuration groups ==")
    found = []
    for line in rest.partition("== Config ==")[0].splitlines():
        name, colon, choices = line.partition(": ")
        if colon and re.fullmatch(r"[\w./@-]+", name):
            words = [word.strip() for word in choices.split(",")]
            found.append(Option(name, choices=words, is_group=True))
    return found


def options_in_config(text: str) -> list[Option]:
    """Return the settings of a YAML text that have one value; lists, references and Hydra's own are left out.

    This reads what ``--cfg job`` prints and what people write by hand, not all of YAML.
    """
    found = []
    above: list[tuple[int, str]] = []
    for line in text.splitlines():
        match = _LINE.match(line[:HELP_LINE_CHARACTERS])
        if match is None:
            continue
        indent = len(match["indent"])
        while above and above[-1][0] >= indent:
            above.pop()
        name = ".".join([*(key for _, key in above), match["key"]])
        value = match["value"]
        if value is None:
            above.append((indent, match["key"]))
        elif value[0] not in "[{$&*!|>-" or re.fullmatch(r"-[\d.].*", value):
            found.append(Option(name, default=value_of(value)))
    return [option for option in found if not re.match(r"(hydra|defaults)(\.|$)|.*\b_target_$", option.name)]
