"""Command lines with `{name}` in them: which words a trial's program gets.

A conditional parameter that is not active in a trial is left out: a word that names it is dropped, and with a word that
is nothing else (``--momentum {momentum}``) the option before it.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

LIST_PLACES = ("args", "overrides")  # placeholders that stand for several words
VARIABLE_PREFIX = "TUNESMITH_PARAM_"
_BRACES = re.compile(r"(\{+)([^{}]*)(\}+)")
_BARE = re.compile(r"[A-Za-z0-9_.+\-/:%@][\w.+\-/:%@]*")  # what Hydra reads as one text without quotes
_NOT_TEXT = re.compile(
    r"[+-]?(\d[\d_]*(?:\.\d*)?|\.\d+)(e[+-]?\d+)?|[+-]?(inf|nan)|true|false|null|none", re.IGNORECASE
)


class _Inactive(Exception):
    """A word names a parameter that is not active."""


def names_in_braces(text: str) -> list[str]:
    """Return the names in braces in a text, known or not, in order; those in doubled braces do not count."""
    return [name for opened, name, closed in _BRACES.findall(text) if min(len(opened), len(closed)) % 2]


def put_in(text: str, known: Collection[str], value: Callable[[str], str]) -> str:
    """Put values in the place of known names in braces; all other braces stay as they are.

    Doubled braces around a known name are that name in braces: ``{{lr}}`` is ``{lr}``, ``{{{lr}}}`` a value in braces.

    Args:
        known: these names.
        value: gives the text of one.

    Returns:
        the text with the values.
    """

    def put(match: re.Match[str]) -> str:
        opened, name, closed = match.groups()
        if name not in known:
            return match.group()
        pairs = min(len(opened), len(closed))
        inner = value(name) if pairs % 2 else name
        kept = pairs // 2
        before, after = opened[: len(opened) - pairs] + "{" * kept, "}" * kept + closed[: len(closed) - pairs]
        return f"{before}{inner}{after}"

    return _BRACES.sub(put, text)


def command_words(
    template: Sequence[str], params: Mapping[str, Any], names: Collection[str], others: Mapping[str, str]
) -> list[str]:
    """Return the command line of a trial.

    Args:
        template: its words, with names in braces.
        params: the active parameters.
        names: all parameters of the space.
        others: what else may stand in braces: "trial", "trial_dir", and so on; parameters come first.
    """
    known = {*names, *others, *LIST_PLACES}
    made: list[str] = []
    for word in template:
        if word in ("{args}", "{overrides}") and word[1:-1] not in names:
            made += flags(params) if word == "{args}" else overrides(params)
            continue
        try:
            made.append(put_in(word, known, partial(_text_of, params=params, names=names, others=others)))
        except _Inactive:
            alone = _BRACES.fullmatch(word) is not None
            if alone and made and made[-1].startswith("-") and "=" not in made[-1]:
                made.pop()
    return made


def shell_line(
    template: Sequence[str], params: Mapping[str, Any], names: Collection[str], others: Mapping[str, str]
) -> str:
    """Return the line that a shell runs for a trial: as `words`, with values quoted for it.

    A parameter that is not active is an empty word.
    """

    def value(name: str) -> str:
        if name in LIST_PLACES and name not in names:
            return shlex.join(flags(params) if name == "args" else overrides(params))
        try:
            return shlex.quote(_text_of(name, params=params, names=names, others=others))
        except _Inactive:
            return "''"

    return put_in(" ".join(template), {*names, *others, *LIST_PLACES}, value)


def _text_of(name: str, *, params: Mapping[str, Any], names: Collection[str], others: Mapping[str, str]) -> str:
    if name in params:
        return as_text(params[name])
    if name in names:
        raise _Inactive
    if name in LIST_PLACES:
        return shlex.join(flags(params) if name == "args" else overrides(params))
    return others[name]


def as_text(value: Any) -> str:
    """Return a value as it stands in a command line: numbers as Python writes them, true, false, none, and a,b."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return ",".join(as_text(item) for item in value)
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def flags(params: Mapping[str, Any]) -> list[str]:
    """Return all parameters as options: ``--lr 0.1``; true is ``--name`` alone; false and none are left out.

    A tuple is several words: ``--betas 0.9 0.999``.
    """
    made: list[str] = []
    for name, value in params.items():
        if value is None or value is False:
            continue
        made.append(f"--{name}")
        if isinstance(value, tuple | list):
            made += map(as_text, value)
        elif value is not True:
            made.append(as_text(value))
    return made


def overrides(params: Mapping[str, Any]) -> list[str]:
    """Return all parameters as Hydra reads them: ``optimizer.lr=0.1``, ``name=null``, ``betas=[0.9,0.999]``."""
    return [f"{name}={_hydra(value)}" for name, value in params.items()]


def _hydra(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{','.join(_hydra(item) for item in value)}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{name}:{_hydra(item)}" for name, item in value.items()) + "}"
    if isinstance(value, str) and (not _BARE.fullmatch(value) or _NOT_TEXT.fullmatch(value)):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return str(value)


def parameter_variables(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment variables of the parameters: ``optimizer.lr`` is ``TUNESMITH_PARAM_OPTIMIZER_LR``."""
    return {variable(name): as_text(value) for name, value in params.items()}


def variable(name: str) -> str:
    """Return the environment variable of a parameter."""
    return VARIABLE_PREFIX + re.sub(r"\W", "_", name).upper()
