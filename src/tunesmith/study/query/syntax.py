"""The grammar of expressions over trials.

    expression := conjunction ("or" conjunction)*
    conjunction := negation ("and" negation)*
    negation   := "not" negation | "(" expression ")" | comparison
    comparison := operand (("<" | "<=" | ">" | ">=" | "==" | "=" | "!=" | "~") operand)+
                | operand ["not"] "in" "(" constant ("," constant)* ")"
                | operand "is" ["not"] "missing"
    operand    := number | text in quotes | "true" | "false" | "none" | name

A name is a column: letters, digits, "_" and dots, with a number in brackets behind it for one of several values; or
anything between backquotes. ``a < b <= c`` holds if both halves do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tunesmith.errors import QueryError

MOST = 2000  # characters
DEEPEST = 50  # brackets in brackets
COMPARISONS = ("<=", ">=", "==", "!=", "<", ">", "=", "~")

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>(?<![\w.])[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf(?:inity)?\b|nan\b))
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<name>(?:[^\W\d]\w*|`[^`]+`)(?:\.(?:\w+|`[^`]+`))*(?:\[\d+\])?)
    |(?P<sign><=|>=|==|!=|[<>=~(),\[\]])
    )""",
    re.VERBOSE,
)
_WORDS = frozenset({"and", "or", "not", "in", "is", "missing"})
_CONSTANTS = {"true": True, "false": False, "none": None}


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, a text, true, false or none."""

    value: Any


@dataclass(frozen=True, slots=True)
class Name:
    """A column; `at` is where it stands in the expression."""

    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """``left sign right``."""

    left: Constant | Name
    sign: str
    right: Constant | Name


@dataclass(frozen=True, slots=True)
class Among:
    """``left in (...)``."""

    left: Constant | Name
    options: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """``left is missing``."""

    left: Constant | Name


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    of: Node


@dataclass(frozen=True, slots=True)
class Both:
    """All of these ("and"), or any of these ("or")."""

    word: str
    of: tuple[Node, ...]


Node = Comparison | Among | Missing | Not | Both


def parse(text: str) -> Node:
    """Return an expression as a tree.

    Raises:
        QueryError: it is none; the message says where and what was expected.
    """
    if len(text) > MOST:
        raise QueryError(f"the expression has {len(text):,} characters; at most {MOST:,} are read")
    parser = _Parser(text, _tokens(text))
    tree = parser.expression(0)
    parser.expect_end()
    return tree


def _number(text: str) -> float | int:
    """Return a number: a float, or an integer where no float equals it."""
    found = float(text)
    try:
        whole = int(text)
    except ValueError:
        return found
    return found if found == whole else whole


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            here = at + len(text[at:]) - len(text[at:].lstrip())
            raise QueryError(f"{text!r}: {text[here]!r} at character {here + 1} belongs to no expression")
        word = match.group(match.lastgroup)
        kind = "word" if match.lastgroup == "name" and word.lower() in _WORDS else match.lastgroup
        found.append(_Token(kind, word.lower() if kind == "word" else word, match.start(match.lastgroup)))
        at = match.end()
    return found


class _Parser:
    def __init__(self, text: str, tokens: list[_Token]) -> None:
        self._text = text
        self._tokens = tokens
        self._at = 0

    def expression(self, depth: int) -> Node:
        return self._joined("or", depth)

    def expect_end(self) -> None:
        if self._at < len(self._tokens):
            raise self._wrong("and, or, or the end")

    def _joined(self, word: str, depth: int) -> Node:
        parts = [self._part(word, depth)]
        while self._take("word", word):
            parts.append(self._part(word, depth))
        return parts[0] if len(parts) == 1 else Both(word, tuple(parts))

    def _part(self, word: str, depth: int) -> Node:
        return self._joined("and", depth) if word == "or" else self._negation(depth)

    def _negation(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise QueryError(f"{self._text!r}: more than {DEEPEST} brackets in one another")
        if self._take("word", "not"):
            return Not(self._negation(depth + 1))
        if self._take("sign", "("):
            inner = self.expression(depth + 1)
            if not self._take("sign", ")"):
                raise self._wrong("a closing bracket")
            return inner
        return self._comparison()

    def _comparison(self) -> Node:
        left = self._operand()
        if self._take("word", "is"):
            negated = self._take("word", "not")
            if not self._take("word", "missing"):
                raise self._wrong("missing")
            return Not(Missing(left)) if negated else Missing(left)
        negated = self._take("word", "not")
        if self._take("word", "in"):
            among = Among(left, self._options())
            return Not(among) if negated else among
        if negated:
            raise self._wrong("in")
        parts: list[Node] = []
        while (sign := self._sign()) is not None:
            right = self._operand()
            parts.append(Comparison(left, sign, right))
            left = right
        if not parts:
            raise self._wrong("a comparison: one of < <= > >= == != ~, in (...), or is missing")
        return parts[0] if len(parts) == 1 else Both("and", tuple(parts))

    def _sign(self) -> str | None:
        for sign in COMPARISONS:
            if self._take("sign", sign):
                return "==" if sign == "=" else sign
        return None

    def _options(self) -> tuple[Any, ...]:
        for begin, end in ("()", "[]"):
            if not self._take("sign", begin):
                continue
            options: list[Any] = []
            while not self._take("sign", end):
                if options and not self._take("sign", ","):
                    raise self._wrong(f"a comma or {end}")
                operand = self._operand()
                # A bare word in a list can only be meant as a text.
                options.append(operand.value if isinstance(operand, Constant) else operand.text)
            return tuple(options)
        raise self._wrong("a list in brackets")

    def _operand(self) -> Constant | Name:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        if token is None or token.kind not in ("number", "text", "name"):
            raise self._wrong("a name, a number or a text in quotes")
        self._at += 1
        if token.kind == "number":
            return Constant(_number(token.text))
        if token.kind == "text":
            return Constant(re.sub(r"\\(.)", r"\1", token.text[1:-1]))
        if token.text.lower() in _CONSTANTS:
            return Constant(_CONSTANTS[token.text.lower()])
        return Name(token.text.replace("`", ""), token.at)

    def _take(self, kind: str, text: str) -> bool:
        if self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.kind == kind and token.text == text:
                self._at += 1
                return True
        return False

    def _wrong(self, expected: str) -> QueryError:
        if self._at < len(self._tokens):
            token = self._tokens[self._at]
            return QueryError(
                f"{self._text!r}: expected {expected} and found {token.text!r} at character {token.at + 1}"
            )
        return QueryError(f"{self._text!r}: expected {expected} at the end")
