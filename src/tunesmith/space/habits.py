"""Texts that people write by habit for a parameter, from other programs, and what to write here instead."""

from __future__ import annotations

import math
import re

_NUMBER = r"[+-]?(?:[0-9][0-9_]*+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_GAP = r"\s*(?:\.{2,3}|…|:|,|;|–|—|-|~|\sto\s|\s)\s*"  # between the ends of a range
_RANGE = re.compile(rf"({_NUMBER}){_GAP}({_NUMBER})(?:{_GAP}({_NUMBER}))?")
_WHOLE = re.compile(r"[+-]?[0-9][0-9_]*")
_CALL = re.compile(r"(?:[A-Za-z_]\w*\.)*([A-Za-z_]\w*)\s*[(\[](.*)[)\]]", re.DOTALL)
_WORD_FIRST = re.compile(rf"([A-Za-z_]\w*)[\s:]\s*({_NUMBER}\b.*)")  # log 1e-5 1e-1
_INEQUALITY = re.compile(rf"({_NUMBER})\s*<=?\s*\w+\s*<=?\s*({_NUMBER})")
_LIST = re.compile(r"[\[({<](.*)[\])}>]", re.DOTALL)
_OPTION = re.compile(r"(\w+)\s*=\s*([^=]*)")
_PLAIN = re.compile(r"[\w.+\-@%*]+")
# Kinds of other programs, without `suggest_`, underscores and digits; in small letters.
_KINDS = {
    "float": "float uniform interval real continuous linear quniform discreteuniform double numeric",
    "log": "log loguniform logfloat reciprocal qloguniform logarithmic logspace tag",
    "int": "int integer randint uniformint quniformint intuniform range qrandint",
    "log int": "logint lograndint qlograndint intlog",
    "|": "choice categorical cat oneof enum options gridsearch pchoice select values in set",
    "<": "ordinal ordered",
    "normal": "normal norm gauss gaussian qnormal randn",
    "fixed": "fixed const constant value",
}
_KIND_OF = {word: kind for kind, words in _KINDS.items() for word in words.split()}
LONGEST = 500  # characters of a text that are understood


def instead(text: str) -> list[str]:
    """Return what may be meant by a text that describes no parameter, as texts that may do so, the likeliest first."""
    text, word_if, condition = text.strip().partition(" if ")
    found = _meant(text.strip()) if len(text) <= LONGEST else []
    return [f"{one}{word_if}{condition}" for one in dict.fromkeys(found)]


def _meant(text: str) -> list[str]:
    if call := _CALL.fullmatch(text) or _WORD_FIRST.fullmatch(text):
        return _of_call(*call.groups())
    if ends := _INEQUALITY.fullmatch(text):
        return _ranges(ends.group(1), ends.group(2), None)
    inner = text
    if listed := _LIST.fullmatch(text):
        inner = listed.group(1).strip()
    if ends := _RANGE.fullmatch(inner):
        ranges = _ranges(*ends.groups())
        return [*ranges, *_choices(re.split(r"\s*[,;]\s*", inner))] if re.search("[,;]", inner) else ranges
    for sign in (",", ";", "/", "|", " or ", " "):
        if sign in inner and (choices := _choices(_parts(inner, sign))):
            return choices
    return []


def _of_call(name: str, inside: str) -> list[str]:
    kind = _KIND_OF.get(re.sub(r"^suggest_|[\d_]", "", name).lower())
    if kind in ("float", "int", "log", "log int") and (ends := _RANGE.fullmatch(inside)):
        inside = ", ".join(number for number in ends.groups() if number)
    parts = _parts(inside, ",")
    if name == "tag" and len(parts) == 2 and (call := _CALL.fullmatch(parts[1])):  # tag(log, interval(1e-5, 1))
        parts = _parts(call.group(2), ",")
    if len(parts) > 1 and parts[0][:1] in "'\"" and kind != "|":  # the name of the parameter
        parts = parts[1:]
    options = {m.group(1): m.group(2).strip() for part in parts if (m := _OPTION.fullmatch(part))}
    values = [part for part in parts if not _OPTION.fullmatch(part)]
    values += [options[key] for key in ("low", "lower", "min", "high", "upper", "max") if key in options]
    if kind in ("|", "<"):
        listed = [part for part in parts if _LIST.fullmatch(part)]
        values = _parts(listed[0][1:-1], ",") if listed else values
        return _choices(values, sign=kind)
    if kind == "fixed":
        return [f"fixed({inside.strip()})"]
    numbers = [value for value in values if re.fullmatch(_NUMBER, value)]
    if kind is None or len(numbers) < 2:
        return []
    low, high = float(numbers[0]), float(numbers[1])
    if kind == "normal":
        return [f"float({low - 3 * high:g}, {low + 3 * high:g}, prior={low:g}, prior_width={high:g})"]
    if kind == "log" and low <= 0 and name != "log":  # Hyperopt's loguniform takes logarithms
        return [f"log({math.exp(low):.3g}, {math.exp(high):.3g})"] if high < 300 else []
    if options.get("log", "").lower() == "true":
        kind = f"log {kind}" if kind in ("float", "int") else kind
    step = options.get("step") or options.get("q") or (numbers[2] if len(numbers) > 2 else None)
    return [f"{kind}({numbers[0]}, {numbers[1]}{f', step={step}' if step and 'log' not in kind else ''})"]


def _ranges(low: str, high: str, step: str | None) -> list[str]:
    """Return the ranges from one number to another."""
    a, b = float(low), float(high)
    if not a < b:
        return []
    more = "" if step is None else f", step={step}"
    if step is None and a > 0 and b >= 100 * a:
        whole = bool(_WHOLE.fullmatch(low) and _WHOLE.fullmatch(high))
        return [f"log int({low}, {high})" if whole else f"log({low}, {high})"]
    whole = all(_WHOLE.fullmatch(number) for number in (low, high, step) if number is not None)
    return [*([f"int({low}, {high}{more})"] if whole else []), f"float({low}, {high}{more})"]


def _choices(parts: list[str], sign: str = "|") -> list[str]:
    """Return choices, if each is a label."""
    parts = [part for part in parts if part]
    if len(parts) < 2 or not all(_PLAIN.fullmatch(p) or p[:1] in "'\"(" for p in parts):
        return []
    return [f" {sign} ".join(parts)]


def _parts(text: str, sign: str) -> list[str]:
    """Split a text at a sign where it stands in no quotes and no brackets."""
    parts, depth, quote, begin = [], 0, "", 0
    for i, c in enumerate(text):
        if quote:
            quote = "" if c == quote else quote
        elif c in "'\"":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif depth == 0 and i >= begin and text.startswith(sign, i):
            parts.append(text[begin:i].strip())
            begin = i + len(sign)
    return [*parts, text[begin:].strip()]
