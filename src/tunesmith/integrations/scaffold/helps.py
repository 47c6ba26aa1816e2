"""Options of a program, from the text that it prints for ``--help``: one grammar for the libraries of all languages.

A head is a line that begins with the names of an option: ``-e N, --epochs N``, ``-e,--epochs INT [20]``, ``-lr float``.
Its words are what stands behind it, and below it until a line is indented no deeper. What they say is found by one rule
each: type, default, choices, bounds, whether it must be given. What is not certain is left out: a list of words is
believed to be the choices if it is called so, or if the default is one of them; bounds are, if the default lies within.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

HELP_LINE_CHARACTERS = 1000  # characters of a line of a program's output that are looked at: no option needs more
OPTION_LINES = 60  # lines of one option that are looked at
_DIGITS = r"\d+(?:_\d+)*"
_WHOLE_NUMBER = re.compile(rf"[+-]?{_DIGITS}")
_REAL_NUMBER = re.compile(rf"[+-]?({_DIGITS}(?:\.\d*)?|\.\d+)([eE][+-]?\d+)?")

Kind = Literal["", "int", "float", "text"]


@dataclass
class Option:
    """An option, as far as it is known.

    Attributes:
        name: without the dashes; of Hydra, with dots.
        default: its value if it is not given; None: it has none, or that is not known.
        choices: what it may be; None: anything.
        is_flag: whether it takes no value.
        low: the smallest number that it may be; None: not known. Bounds of a whole number are whole numbers.
        high: the largest one.
        inside: whether a number that is not whole must differ from these, the smallest and the largest.
        is_group: whether it chooses a part of a configuration, on which other settings depend.
        kind: what its values are; "": that is not known.
        dash: what stands before its name.
        required: whether the program does not run without it.
        means: what its value is called, if its own name is a letter; "": that is not known.
        told_at_end: whether its default stands in brackets behind its words, and its value has no name.
    """

    name: str
    default: Any = None
    choices: list[Any] | None = None
    is_flag: bool = False
    low: float | None = None
    high: float | None = None
    inside: tuple[bool, bool] = (False, False)
    is_group: bool = False
    kind: Kind = ""
    dash: str = "--"
    required: bool = False
    means: str = ""
    told_at_end: bool = False


def value_of(text: str) -> Any:
    """Return what a text stands for: a whole number, a number, true, false, none, or itself."""
    text = text.strip()
    if text in ("None", "none", "null", "~", ""):
        return None
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if _REAL_NUMBER.fullmatch(text) and not is_too_large(float(text)):
        return int(text) if _WHOLE_NUMBER.fullmatch(text) else float(text)
    return text.strip("'\"")


def is_too_large(value: Any) -> bool:
    """Tell whether a value is a number that no float holds."""
    try:
        return isinstance(value, int | float) and not math.isfinite(value)
    except OverflowError:
        return True


# -- heads ------------------------------------------------------------------------------------------------------------

_BOX = re.compile(r"^ *│ *\*? *(?=-)|│")  # drawn around options; a star is before those that must be given
_HEAD = re.compile(r" {0,8}(?=--?[A-Za-z])")
_OPTION_NAME = re.compile(r"(?P<dash>--?)(?:\[no-?\])?(?P<name>[A-Za-z][\w.-]*)")
_NEXT = re.compile(r"(?: ?[,/|] ?| {2,})(?=--?[A-Za-z])")  # between two names: --amp / --no-amp
_VALUE_NAME = re.compile(  # what stands for the value of an option, as much of it as has no blank in it
    r"[= ]?(?: {2,}(?=<))?(?P<list>\{[^{}]+\}|\[[^\[\]|]+\|[^\[\]]+\]|<[^<>|]+\|[^<>]+>|\([^()|]+\|[^()]+\))"
    r"| *= *(?P<assigned><[^<>|]+>)"
    r"|=(?P<set>\S+)"
    r"| (?P<typed>\[[a-z]+\])(?= *$| {2,})"
    r"| +(?P<angles><[^<>]+>)"
    r"| (?P<large>[A-Z][A-Z0-9_-]*(?: RANGE)?)(?=[\s:.,\[]|$)"
    r"| (?P<small>[a-z][\w.-]*)(?= {2,}| ?$| \[| ?:)"
)
_SHORT = re.compile(r" \((--?[A-Za-z][\w-]*)\)")  # --lambda (-L)
_CHECKED = re.compile(r":(\{[^{}]+\})")  # TEXT:{sgd,adam}
_BEHIND = re.compile(
    r"\S*(?: in \[[^\]]*\])?(?: REQUIRED)? \[(?P<value>[^\[\]|=]+)\](?= *$| {2,})"
)  # INT:INT in [1 - 8] [2]
_AT_END = re.compile(r" \[(?P<value>[^\[\]|=]+)\]$")  # -lr   learning rate [0.1]
_SKIPPED = re.compile(
    r"help.*|version|(install|show)-completion|completion|flagfile|(try)?fromenv|undefok|tab_completion_\w+"
)
_TITLE = re.compile(r"\b(mandatory|required)\b.*:$", re.IGNORECASE)  # of a group of options
_TWO_DASHES_TOO = re.compile(r"^(Usage of |  Flags from )", re.MULTILINE)  # so Go's flag and gflags begin
_USAGE = re.compile(r"^ *usage:(.*(?:\n(?! {1,8}--?[A-Za-z])[ \t]+\S.*)*)", re.IGNORECASE | re.MULTILINE)

_SYNOPSIS = re.compile(r"^SYNOPSIS\n +(.*)", re.MULTILINE)
_PLACES = "flags|options?|args|arguments"  # stands for what the usage line does not name


def is_help(text: str) -> bool:
    """Tell whether a text is meant as help: it says so, or lists an option for help."""
    says = r"^\s*(usage\b|(-h, ?)?--?help\b|.*\b(arguments|options)( are \w+)?:\s*$)"
    return re.search(says, text, re.IGNORECASE | re.MULTILINE) is not None


def options_in_help(text: str) -> list[Option]:
    """Return the options that a help text lists; usage lines only say which ones must be given."""
    must = _required(text)
    both = _TWO_DASHES_TOO.search(text) is not None
    found: dict[str, Option] = {}
    for head, below, needed in _entries(text):
        option = _option_of(head, below)
        if option is None:
            continue
        before = found.get(option.name)
        if before is not None and (not before.is_flag or before.default is not None or option.is_flag):
            continue  # else it stood in an example
        option.required = option.required or needed or option.name in must
        if both:
            option.dash = "--"
        found[option.name] = option
    if any(option.told_at_end for option in found.values()):  # then no value has a name, and nothing tells flags
        for option in found.values():
            option.is_flag = option.is_flag and option.default is not None
    return list(found.values())


def arguments_in_help(text: str, command: Sequence[str]) -> list[str]:
    """Return the positional arguments that a program needs, as its usage line names them; none where that is not clear.

    Args:
        text: what it printed.
        command: the words by which it was called, of which those behind its own name are given already.
    """
    words = re.findall(r"\{[^{}]*\}|<[^<>]*>|\S+", _needed(text))
    calls = [os.path.basename(word) for word in command]
    at = next((at for at, word in enumerate(words) if os.path.basename(word) in calls), 0)
    if words.count(words[at] if words else "") != 1:  # more than once: there is a line for each way to call it
        return []
    values = {option.name for option in options_in_help(text) if not option.is_flag}
    name = os.path.basename(words[at])
    given = list(_standing(command[calls.index(name) + 1 :], values)) if name in calls else []
    found = [word.strip("<>") for word in _standing(words[at + 1 :], values)]
    found = [word[1:-1] if re.fullmatch(r"\{[^,]*\}", word) else word for word in found]
    known = re.compile(rf"\{{.+\}}|(?!(?:{_PLACES})$)[A-Za-z][\w.-]*", re.IGNORECASE)
    return [word for word in found if known.fullmatch(word)][len(given) :]


def _standing(words: Sequence[str], values: Container[str]) -> Iterator[str]:
    """Give the words that are neither options nor values of options."""
    skip = False
    for word in words:
        if skip or word.startswith("-"):
            skip = not skip and "=" not in word and word.lstrip("-") in values
        elif word.strip("."):
            yield word


def _required(text: str) -> set[str]:
    """Return the names of options that stand in the usage line outside of brackets, in each way to call the program."""
    lines = re.sub(r"\{[^{}]*\}", " ", _needed(text)).splitlines()
    lines = [re.sub(r"^ *(?:or:?\s+)?", "", one) for one in lines if one.strip()]
    ways: list[set[str]] = []  # each begins with the program
    for one in lines:
        if not ways or one.split()[:1] == lines[0].split()[:1]:
            ways.append(set())
        ways[-1] |= {name["name"] for name in re.finditer(rf"(?<!\S){_OPTION_NAME.pattern}", one)}
    return set.intersection(*ways) if ways else set()


def _needed(text: str) -> str:
    """Return the usage line without what stands in brackets, since that may be left out."""
    usage = _USAGE.search(text[: 20 * HELP_LINE_CHARACTERS]) or _SYNOPSIS.search(text[: 20 * HELP_LINE_CHARACTERS])
    line, before = "" if usage is None else usage[1], ""
    while line != before:
        line, before = re.sub(r"\[[^\[\]]*\]", " ", line), line
    return line


def _entries(text: str) -> Iterator[tuple[str, list[str], bool]]:
    """Give the head of each option, the lines below it, and whether a title says that it must be given."""
    head, below, depth, needed = "", list[str](), 0, False
    for printed in text.expandtabs().splitlines():
        line = _BOX.sub("  ", printed[:HELP_LINE_CHARACTERS]).rstrip()
        begins = _HEAD.match(line)
        if begins or (line and len(line) - len(line.lstrip()) <= depth):
            if head:
                yield head, below, needed
            if not begins and line.endswith(":"):
                needed = _TITLE.search(line) is not None
            head, below, depth = (line if begins else ""), [], begins.end() if begins else 0
        elif head and len(below) < OPTION_LINES:
            below.append(line.strip())
    if head:
        yield head, below, needed


def _option_of(head: str, below: Sequence[str]) -> Option | None:
    head = _SHORT.sub(r", \1", head)
    names: list[re.Match[str]] = []
    at, value = len(head) - len(head.lstrip()), None
    while name := _OPTION_NAME.match(head, at):
        names.append(name)
        at = name.end()
        if found := _VALUE_NAME.match(head, at):
            value, at = found, found.end()
        following = _NEXT.match(head, at)
        if following is None:
            break
        at = following.end()
    name = max(names, key=lambda n: len(n["dash"]))  # the first with two dashes, if there is one
    if _SKIPPED.fullmatch(name["name"]):
        return None
    option = Option(name["name"], dash=name["dash"])
    rest = head[at:]
    words = "\n".join([rest.strip(), *below])
    negative = any(n["name"].startswith("no-") for n in names[1:]) or "[no" in head[: name.end()]
    shown = "" if value is None else next(filter(None, value.groups()))
    if value is not None and value["list"] and not shown.isupper():  # <KEY|PATH> says what to put there
        listed = _values_in(shown[1:-1].lstrip("=:"), ",|")
        option.choices = None if any(_PLACEHOLDER.fullmatch(str(one)) for one in listed) else listed
    if len(name["name"]) == 1 and shown.islower():
        option.means = shown  # -c cost
    option.kind = _kind_of(shown, words)
    option.is_flag = option.kind == "" and (value is None or negative or _is_bool(shown, words))
    _take_default(option, rest, words)
    said = _DEFAULT.sub(lambda m: m[0].replace(m["a"] or m["b"] or "", ""), words)
    if option.choices and isinstance(option.default, str) and option.default not in option.choices:
        option.choices = None
    option.choices = option.choices or _choices(option, rest, said)
    _take_bounds(option, said.replace("\n", " "))
    option.required = re.search(r"\[required\]|\(required\)|\bREQUIRED\b|\[default: [^\]]*required", words) is not None
    return option


# -- types and defaults -----------------------------------------------------------------------------------------------

_INT_TYPES = re.compile(r"u?int(eger)?(8|16|32|64)?( range)?|[iu](8|16|32|64|size)|u?long|size_t|count", re.IGNORECASE)
_FLOAT_TYPES = re.compile(r"float(32|64)?( range)?|double|f32|f64|number|numeric|real", re.IGNORECASE)
_TEXTS = re.compile(r"str(ing)?|text|path(buf)?|file(name|path)?|dir(ectory)?|duration|url|character", re.IGNORECASE)
_PLACEHOLDER = re.compile(  # says what to put there, and is no choice
    r".*[^\w.+'\"@/%*-].*|dates?|dur(ation)?|times?|n|num(ber)?|int(eger)?|float|str(ing)?|text|path|file(name)?|dir|"
    r"url|name|key|id|size|list|regex|pattern|expr|value",
    re.IGNORECASE,
)
_BOOLS = re.compile(r"bool(ean)?|logical", re.IGNORECASE)
_TYPE = re.compile(r"(?:^|[(\s])type: *(?:Optional\[)?(\w+)", re.IGNORECASE)
_DEFAULT = re.compile(
    r"[\[(](?:[^\[\]()]*[;,]\s*)?defaults?(?: is|:|=)?\s*(?P<a>[^\]);]*?)\s*(?:;[^\])]*)?[\])]"
    r"|\bdefaults?(?:\s+value)?(?:(?: is| to)\s+|\s*[:=]\s*|\s+(?=[\d.'\"-]))(?P<b>\"[^\"]*\"|'[^']*'|[^\s,;()\[\]]+)",
    re.IGNORECASE,
)


def _types(shown: str, words: str) -> list[str]:
    """Return the words that may name the type of an option."""
    told = _TYPE.search(words)
    return [shown.strip("<>[]").removesuffix("..."), *([told[1]] if told else [])]


def _kind_of(shown: str, words: str) -> Kind:
    for name in _types(shown, words):
        kinds: tuple[tuple[Kind, re.Pattern[str]], ...] = (
            ("int", _INT_TYPES),
            ("float", _FLOAT_TYPES),
            ("text", _TEXTS),
        )
        for kind, pattern in kinds:
            if pattern.fullmatch(name):
                return kind
    return ""


def _is_bool(shown: str, words: str) -> bool:
    return any(_BOOLS.fullmatch(name) for name in _types(shown, words))


def _take_default(option: Option, rest: str, words: str) -> None:
    text = None
    if found := _DEFAULT.search(words):
        text = found["a"] or found["b"] or ""
        text = text if found["a"] else text.rstrip(".")
    elif option.kind and (found := _BEHIND.match(rest)):
        text = found["value"]
    elif option.is_flag and (found := _AT_END.search(words)):
        text, listed = found["value"].strip(), [one[0] for one in _ROW.finditer(words)]
        if not isinstance(value_of(text), str):
            option.is_flag = isinstance(value_of(text), bool)
        elif any(text in _CHOICE_SEPARATORS.split(one) for one in listed):
            option.is_flag = False
        else:
            return
        option.told_at_end = True
    if text is None:
        return
    quoted = text[:1] in ("'", '"')
    option.default = text.strip("'\"") if quoted or option.kind == "text" else value_of(text)
    if option.is_flag and isinstance(option.default, str):  # on, off, or one of its two names
        option.default = option.default not in ("off", "no") and not option.default.lstrip("-").startswith("no-")
    if option.kind == "float" and isinstance(option.default, int):
        option.default = float(option.default)
    if quoted and not option.kind:
        option.kind = "text"


# -- choices ----------------------------------------------------------------------------------------------------------

_CHOICE_WORD = r"(?!(?:or|and)\b)['\"]?[A-Za-z0-9][\w.+-]*['\"]?"
_CALLED = re.compile(
    rf"(?:possible values|one of|choose from|choices|choice of|options|allowed|either)(?: are)?:?\s+[\[({{]?"
    rf"({_CHOICE_WORD}(?:\s*[,|]\s*(?:or\s|and\s)?{_CHOICE_WORD})*(?:\s+(?:or|and)\s+{_CHOICE_WORD})?)",
    re.IGNORECASE,
)
_ROW = re.compile(rf"{_CHOICE_WORD}(?:\s*[,|]\s*{_CHOICE_WORD})*\s*(?:[,|]|,?\s+or)\s*{_CHOICE_WORD}")
_POINTS = re.compile(r"possible values:\s*\n((?:\s*- .*(?:\n|$))+)", re.IGNORECASE)
_CHOICE_SEPARATORS = re.compile(r"\s*[,|]\s*(?:(?:or|and)\s+)?|\s+(?:or|and)\s+")


def _values_in(text: str, signs: str) -> list[Any]:
    return [value_of(word) for word in re.split(f"[{signs}]", text)]


def _choices(option: Option, rest: str, words: str) -> list[Any] | None:
    """Return the choices that the words list; None: they list none."""
    if option.is_flag:
        return None
    if checked := _CHECKED.match(rest):
        return _values_in(checked[1][1:-1], ",")
    if points := _POINTS.search(words):
        return [value_of(name) for name in re.findall(r"^\s*- ([^:\s]+)", points[1], re.MULTILINE)]
    if called := _CALLED.search(words):
        found = [value_of(word.removesuffix(".")) for word in _CHOICE_SEPARATORS.split(called[1])]
        if len(set(found)) > 1 and (option.default is None or option.default in found):
            return found
    if isinstance(option.default, str):
        for row in _ROW.finditer(words):
            found = [value_of(word) for word in _CHOICE_SEPARATORS.split(row[0])]
            if option.default in found and len(set(found)) > 1:
                return found
    return [0, 1] if option.default in (0, 1) and re.search(r"\b0 or 1\b", words) else None


# -- bounds -----------------------------------------------------------------------------------------------------------

_BOUND = r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_BOTH = re.compile(
    rf"(?P<low>{_BOUND})\s*(?P<above><=?|≤)\s*[A-Za-z]\w*\s*(?P<below><=?|≤)\s*(?P<high>{_BOUND})"  # 0<=x<1
    rf"|(?P<open>[\[(])\s*(?P<low2>{_BOUND})\s*(?:,|\.\.|;|-|to)\s*(?P<high2>{_BOUND})\s*(?P<close>[\])])"  # in [0, 1)
    rf"|(?:between\s+(?P<low3>{_BOUND})\s+and|(?<![\w.-])(?P<low4>{_BOUND})\s*(?:to|\.\.\.?|–))\s*(?P<high3>{_BOUND})(?!\w)",
    re.IGNORECASE,
)
_LOWEST = re.compile(
    rf"(?:(?P<at>>=|≥|at least|not less than|minimum|\bmin\b)|(?P<over>>|(?:greater|more|larger) than|\babove))"
    rf"[:=]?\s*(?P<end>{_BOUND})",
    re.IGNORECASE,
)
_HIGHEST = re.compile(
    rf"(?:(?P<at><=|≤|at most|not more than|up to|maximum|\bmax\b)|(?P<over><|(?:less|smaller) than|\bbelow))"
    rf"[:=]?\s*(?P<end>{_BOUND})(?!\s*<)",
    re.IGNORECASE,
)
_POSITIVE = re.compile(r"(?P<zero>non-?negative)|(?<!non-)(?<!non)\bpositive\b", re.IGNORECASE)


def _take_bounds(option: Option, words: str) -> None:
    """Put the bounds into an option that the words tell, if its default lies within."""
    if option.is_flag or option.kind == "text" or isinstance(option.default, str):
        return
    low: float | None = None
    high: float | None = None
    inside = (False, False)
    for both in _BOTH.finditer(words):
        ends = (
            float(both["low"] or both["low2"] or both["low3"] or both["low4"]),
            float(both["high"] or both["high2"] or both["high3"]),
        )
        if -math.inf < ends[0] < ends[1] < math.inf and _fits(option.default, *ends):
            low, high = ends
            inside = (both["above"] == "<" or both["open"] == "(", both["below"] == "<" or both["close"] == ")")
            break
    else:
        if lowest := _LOWEST.search(words):
            low, inside = _bound(lowest["end"]), (lowest["over"] is not None, False)
        elif positive := _POSITIVE.search(words):
            low, inside = 0.0, (positive["zero"] is None, False)
        if highest := _HIGHEST.search(words):
            high, inside = _bound(highest["end"]), (inside[0], highest["over"] is not None)
    if not _fits(option.default, low, high):
        return
    whole = option.kind == "int" or (option.kind == "" and isinstance(option.default, int))
    if whole:
        option.low = None if low is None else int(low) + inside[0]
        option.high = None if high is None else int(high) - inside[1]
    else:
        option.low, option.high, option.inside = low, high, inside


def _bound(end: str) -> float | None:
    """Return a bound; None for one that no float holds, which bounds nothing."""
    return None if is_too_large(float(end)) else float(end)


def _fits(value: Any, low: float | None, high: float | None) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value is None
    return (low is None or low <= value) and (high is None or value <= high)
