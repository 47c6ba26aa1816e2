"""The options of a program: from its ``--help``, and from calls in its source that say what ``--help`` leaves out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tunesmith.cli.scaffold.option import LONGEST, Option, value_of

_HEAD = re.compile(r"^ {1,8}(?:-\w(?:[ =](?P<short>\S+))?, ?)?--(?P<name>[\w][\w.-]*)(?P<rest>.*)$")
_DEFAULT = re.compile(
    r"[\[(](?:[^\[\]()]*; *)?defaults?(?: is|:|=)? *(?P<value>[^\]);]*)(?:;[^\])]*)?[\])]", re.IGNORECASE
)
_CHOICES = re.compile(
    r"^(?:\{(?P<braces>[^{}]+)\}|\[(?P<bars>[^\[\]|]+(?:\|[^\[\]|]+)+)\]|<(?P<angles>[^<>|]+(?:\|[^<>|]+)+)>)"
)
_SECOND = re.compile(r"^(?: ?[/,] ?| {2,})(?P<name>--?\w[\w.-]*)")  # --amp / --no-amp, --lr, --learning-rate
_BOX = re.compile(r"^ *│ *\*? *(?=-)|│")  # that Typer draws around its options, with a star before those that must be
_METAVAR = re.compile(r"^(?P<metavar>[A-Z][A-Z0-9_]*|<[^<>]+>)(?: \[[^\]]*\])?")
_NUMBER = r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
# As click writes it: [1<=x<=10], [default: 0.1; x>0].
_BOUNDS = re.compile(
    rf"[\[;] *(?:(?P<low>{_NUMBER})(?P<above><=?))?x(?:(?P<below>[<>]=?)(?P<high>{_NUMBER}))? *(?=[\];])"
)
_SKIPPED = ("help", "version", "install-completion", "show-completion")


def options_in_help(text: str) -> list[Option]:
    """Return the options that a help text of argparse, click or the like lists; usage lines are not looked at."""
    return [option for lines in _entries(text) if (option := _option(lines)) is not None]


def _entries(text: str) -> Iterator[list[str]]:
    """Give the lines of each option: the one that begins with its name, and what is indented below."""
    entry: list[str] = []
    for printed in text.expandtabs().splitlines():
        line = _BOX.sub("  ", printed[:LONGEST])
        if _HEAD.match(line):
            if entry:
                yield entry
            entry = [line]
        elif entry and line.startswith("          "):
            entry.append(line)
        elif entry:
            yield entry
            entry = []
    if entry:
        yield entry


def _option(lines: list[str]) -> Option | None:
    head = _HEAD.match(lines[0])
    if head is None or head["name"] in _SKIPPED:
        return None
    rest = head["rest"]
    second = _SECOND.match(rest)
    rest = (rest[second.end() :] if second else rest).lstrip(" =")
    option = Option(head["name"])
    if choices := _CHOICES.match(rest):
        inner = choices["braces"] or choices["bars"] or choices["angles"]
        option.choices = [value_of(word) for word in re.split(r"[,|]", inner)]
        rest = rest[choices.end() :]
    elif metavar := _METAVAR.match(rest):
        rest = rest[metavar.end() :]
        option.is_flag = second is not None and second["name"].startswith("--no-")
    else:
        option.is_flag = head["short"] is None
    option.words = " ".join([rest.strip(), *(line.strip() for line in lines[1:])]).strip()
    if default := _DEFAULT.search(option.words):
        option.default = value_of(default["value"])
        option.words = _DEFAULT.sub("", option.words).strip()
    if bounds := _BOUNDS.search(" ".join(lines)):
        _bound(option, bounds, whole=re.search(r"\bINT(EGER)?\b", lines[0], re.IGNORECASE) is not None)
    return option


def _bound(option: Option, found: re.Match[str], whole: bool) -> None:
    """Put bounds into an option."""
    low, above, below, high = found["low"], found["above"], found["below"], found["high"]
    if below is not None and below.startswith(">"):  # x>=1
        low, above, below, high = high, below, None, None
    inside = (above in ("<", ">"), below == "<")
    if whole:
        option.low = None if low is None else int(low) + inside[0]
        option.high = None if high is None else int(high) - inside[1]
    else:
        option.low, option.high = (None if end is None else float(end) for end in (low, high))
        option.inside = inside
        if isinstance(option.default, int):
            option.default = float(option.default)


def options_in_source(path: Path) -> list[Option]:
    """Return the options that a Python file declares by ``add_argument("--name", ...)`` or ``option("--name", ...)``.

    Args:
        path: the file.

    Returns:
        the options; none if it is no Python.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8", errors="replace"))
    except (OSError, SyntaxError, ValueError):
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
        except ValueError:
            continue
        if keyword.arg == "default":
            option.default = value
        elif keyword.arg == "choices" and isinstance(value, list | tuple):
            option.choices = list(value)
        elif keyword.arg == "help" and isinstance(value, str):
            option.words = value
        elif (keyword.arg, value) in (("action", "store_true"), ("action", "store_false"), ("is_flag", True)):
            option.is_flag = True
    kinds = [k.value.id for k in call.keywords if k.arg == "type" and isinstance(k.value, ast.Name)]
    if kinds == ["float"] and isinstance(option.default, int) and not isinstance(option.default, bool):
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
    return told
