"""Parameters from text, for the command line and for TOML files.

A parser of our own, because it is fast and its errors point at the place: the first text takes 7 ms in a new process,
import of this module included; lark (1.3) takes 60 ms to import and 33 ms to read a grammar of this size.

Grammar (words are case-sensitive, except true, false and none)
    parameter   = range | choices | ordered | fixed | arranged, then optionally "if" condition
    range       = ["log"] ("float" | "int") "(" low "," high {"," option} ")"  |  "log" "(" low "," high ")"
    option      = "log" | "log" "=" label | "step" "=" number | belief
    choices     = label "|" label {"|" label} ["," "prior" "=" label]
    ordered     = label "<" label {"<" label} {"," belief}
    fixed       = "fixed" "(" label ")"
    arranged    = "permutation" "(" label {"," label} ["," order] ")"
                | "subset" "(" label {"," label} {"," member} ")"
    order       = "prior" "=" label
    member      = "min" "=" number | "max" "=" number | order
    belief      = "prior" "=" label | "prior_width" "=" number
    condition   = clause {"and" clause}
    clause      = name "==" label | name "in" "(" label {"," label} ")"
    label       = number | "true" | "false" | "none" | word | 'quoted text' | "(" label "," ... ")"
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tunesmith.errors import SpaceError
from tunesmith.foundation.text import did_you_mean, listing
from tunesmith.space.base import Parameter
from tunesmith.space.choices import Categorical, Ordinal
from tunesmith.space.conditions import Condition
from tunesmith.space.orders import Permutation, Subset
from tunesmith.space.parameters import Float, Int

_SPACE_TOKEN = re.compile(
    r"""\s*(?:(?P<word>[\w.+\-/@:%*]+)|(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<sign>==|!=|[()\[\],|<=]))"""
)
_NUMBER = re.compile(r"[+-]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?")
_CONSTANTS = {"true": True, "false": False, "none": None, "null": None}
_RANGES = ("float", "int", "log")
_ARRANGED = ("permutation", "subset")
FIXED_WORD = "fixed"
_UNESCAPED = {"n": "\n", "t": "\t"}
_MAX_DEPTH = 20  # of nested tuples


class _Token(NamedTuple):
    kind: str  # word, text, sign, end
    text: str
    at: int  # index of its first character


def parse_parameter(text: str) -> Parameter:
    """Return the parameter that a text describes, for example `"log(1e-5, 1e-1)"` or `"relu | tanh if layers == 2"`.

    Raises:
        SpaceError: it does not describe one. A text of one value does not either, since it is mostly a mistyped range
            (`0..1`, `(0, 1)`, `sgd/adam`); `fixed(3)` is a parameter with one value.
    """
    parser = _Parser(text)
    try:
        return parser.parameter()
    except SpaceError as error:
        meant = [f"`{one}`" for one in instead(text) if _is_valid(one)]
        if parser.only is not None:
            meant.append(f"`{FIXED_WORD}({parser.only})` for this one value")
        if not meant:
            raise
        first, _, rest = str(error).partition("\n")
        message, column, number = first.rpartition(" (column ")
        told = " or ".join([", ".join(meant[:-1]), meant[-1]] if meant[1:] else meant)
        raise SpaceError(f"{message}; write {told}{column}{number}\n{rest}") from None


def _is_valid(text: str) -> bool:
    try:
        _Parser(text).parameter()
    except SpaceError:
        return False
    return True


def parse_lines(text: str) -> dict[str, Parameter]:
    """Return parameters from lines `name = description`; empty lines and those that start with `#` are skipped."""
    params: dict[str, Parameter] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, description = line.partition("=")
        name = name.strip()
        if not equals or not name:
            raise SpaceError(f"line {number}: expected `name = description`, got {line.strip()!r}")
        if name in params:
            raise SpaceError(f"line {number}: {name!r} is described a second time")
        try:
            params[name] = parse_parameter(description.strip())
        except SpaceError as error:
            raise SpaceError(f"line {number}, {name!r}: {error}") from None
    return params


class _Parser:
    """A recursive descent parser of one text."""

    def __init__(self, text: str) -> None:
        self.source = text
        self.next = 0
        self.fixed = False  # whether it says itself that it is one value
        self.only: str | None = None  # the value, where it is one and does not say so
        self.tokens: list[_Token] = []

    # -- tokens ----------------------------------------------------------------------------------------------------

    def _tokens(self) -> list[_Token]:
        tokens, at = [], 0
        end = len(self.source.rstrip())
        while at < end:
            match = _SPACE_TOKEN.match(self.source, at)
            if match is None:
                at += len(self.source[at:]) - len(self.source[at:].lstrip())
                if self.source[at] in "'\"":
                    raise self.error("the quoted text has no end", at)
                hint = "; a condition takes `==`, `in` and `and`" if self.source[at] in "!<>&~" else ""
                raise self.error(f"unexpected character {self.source[at]!r}{hint}", at)
            kind = str(match.lastgroup)
            tokens.append(_Token(kind, match.group(kind), match.start(kind)))
            at = match.end()
        return [*tokens, _Token("end", "", end)]

    def error(self, message: str, at: int) -> SpaceError:
        """Return an error with the message, the text, and a caret under position `at`."""
        line = "".join(c if c.isprintable() else " " for c in self.source)
        start = max(0, at - 60)
        return SpaceError(f"{message} (column {at + 1})\n    {line[start : at + 60]}\n    {' ' * (at - start)}^")

    def expected(self, what: str, hint: str = "") -> SpaceError:
        """Return the error for the next token."""
        token = self.tokens[self.next]
        got = repr(token.text) if token.kind != "end" else "the end"
        return self.error(f"expected {what}, got {got}{hint}", token.at)

    def peek(self, text: str, ahead: int = 0) -> bool:
        """Return whether the token ahead is this word or sign (a quoted text never is)."""
        token = self.tokens[min(self.next + ahead, len(self.tokens) - 1)]
        return token.text == text and token.kind in ("word", "sign")

    def accept(self, text: str) -> bool:
        if self.peek(text):
            self.next += 1
            return True
        return False

    def need(self, text: str) -> None:
        if not self.accept(text):
            raise self.expected(repr(text))

    # -- grammar ---------------------------------------------------------------------------------------------------

    def parameter(self) -> Parameter:
        self.tokens = self._tokens()
        if self.tokens[0].kind == "end":
            raise self.error("the text is empty; write for example log(1e-5, 1e-1), int(1, 5) or relu | tanh", 0)
        param = self.domain()
        end = self.tokens[self.next].at
        if self.accept("if"):
            param = param.with_condition(self.condition())
            if self.tokens[self.next].kind != "end":
                raise self.expected("'and' or the end")
        elif self.tokens[self.next].kind != "end":
            raise self.expected("'|', 'if' or the end" if isinstance(param, Categorical) else "'if' or the end")
        if isinstance(param, Categorical) and param.n_values == 1 and not self.fixed:
            self.only = self.source[self.tokens[0].at : end].rstrip()
            raise self.error(f"{self.only} is one value, and nothing to search", self.tokens[0].at)
        return param

    def domain(self) -> Parameter:
        first = self.tokens[0]
        if first.kind == "word" and self.peek("(", 1):
            if first.text in _RANGES:
                return self.range()
            if first.text == FIXED_WORD:
                return self.one_value()
            if first.text in _ARRANGED:
                return self.arranged()
            known = [*_RANGES, FIXED_WORD, *_ARRANGED]
            hint = did_you_mean(first.text, known)
            raise self.error(f"unknown kind of range {first.text!r}{hint} (valid: {listing(known)})", first.at)
        if first.text == "log" and (self.peek("int", 1) or self.peek("float", 1)):
            return self.range()
        choices = [self.label()]
        sign = "<" if self.peek("<") else "|"
        while self.accept(sign):
            choices.append(self.label())
        if self.peek("<") or self.peek("|"):
            raise self.expected(repr(sign), "; choices are either all unordered (a | b) or all ordered (a < b)")
        if sign == "<" and [type(c) is str for c in choices] == [False, True, False]:  # 0 < x < 1
            raise self.error("a range has no name in it", first.at)
        given = self.options({"prior": self.label, **({"prior_width": self.number} if sign == "<" else {})})
        try:
            param = Ordinal(choices) if sign == "<" else Categorical(choices)
            return param.with_prior(given.get("prior"), given.get("prior_width"))
        except SpaceError as error:
            raise self.error(str(error), first.at) from None

    def one_value(self) -> Categorical:
        self.fixed = True
        self.next += 2
        value = self.label()
        self.need(")")
        return Categorical([value])

    def arranged(self) -> Permutation | Subset:
        first = self.tokens[self.next]
        self.next += 2
        items = [self.label()]
        while self.peek(",") and not self.peek("=", 2):
            self.next += 1
            items.append(self.label())
        is_subset = first.text == "subset"
        readers: dict[str, Callable[[], Any]] = {"prior": self.label}
        given = self.options({"min": self.number, "max": self.number, **readers} if is_subset else readers)
        self.need(")")
        try:
            if is_subset:
                return Subset(items, given.get("min", 0), given.get("max"), prior=given.get("prior"))
            return Permutation(items, prior=given.get("prior"))
        except SpaceError as error:
            raise self.error(str(error), first.at) from None

    def range(self) -> Float | Int:
        at = self.tokens[self.next].at
        log = self.accept("log")
        whole = self.accept("int")
        if not whole and not self.accept("float") and not log:
            raise self.expected("'float' or 'int'")
        self.need("(")
        self.keyword("low")
        low = self.number()
        self.need(",")
        self.keyword("high")
        high = self.number()
        number = self.number
        given = self.options({"log": self.flag, "step": number, "prior": number, "prior_width": number})
        log = given.get("log", log)
        if not self.peek(")"):
            raise self.expected("',' or ')'")
        self.need(")")
        try:
            kind = Int if whole else Float  # Int refuses numbers that are not whole, with its own words
            param = kind(low, high, log=log, step=given.get("step", 1 if whole else None))  # type: ignore[arg-type]  # as above
            return param.with_prior(given.get("prior"), given.get("prior_width"))
        except SpaceError as error:
            raise self.error(str(error), at) from None

    def options(self, readers: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
        """Options such as `step=2`, each after a comma; `log` needs no value."""
        given: dict[str, Any] = {}
        while self.accept(","):
            name = self.tokens[self.next].text
            reader = readers.get(name)
            if reader is None or not self.accept(name):
                known = [f"'{option}=…'" if option != "log" else "'log'" for option in readers]
                listed = f"{', '.join(known[:-1])} or {known[-1]}" if len(known) > 1 else known[0]
                raise self.expected(f"the option {listed}", did_you_mean(name, readers))
            if name == "log" and not self.peek("="):
                given[name] = True
                continue
            self.need("=")
            given[name] = reader()
        return given

    def keyword(self, name: str) -> None:
        """Skip `low=`, which may stand before a bound."""
        if self.peek(name) and self.peek("=", 1):
            self.next += 2

    def flag(self) -> bool:
        token = self.tokens[self.next]
        if token.kind != "word" or token.text.lower() not in ("true", "false"):
            raise self.expected("true or false")
        self.next += 1
        return token.text.lower() == "true"

    def number(self) -> float:
        token = self.tokens[self.next]
        value = _number_from_word(token.text) if token.kind == "word" else None
        if value is None and token.kind == "word" and token.text.lstrip("+-").lower() in ("inf", "nan", "infinity"):
            value = float(token.text)  # a number, if none that is valid: the range says so
        if value is None:
            raise self.expected("a number")
        self.next += 1
        return value

    def condition(self) -> Condition:
        clauses = [self.clause()]
        while self.accept("and"):
            clauses.append(self.clause())
        if self.peek("or"):
            raise self.expected("'and'", "; alternatives of one parameter are written `name in (a, b)`")
        return Condition(clauses)

    def clause(self) -> tuple[str, list[Any]]:
        token = self.tokens[self.next]
        if token.kind not in ("word", "text"):
            raise self.expected("the name of a parameter")
        self.next += 1
        parent = token.text if token.kind == "word" else _unquote(token.text)
        if self.accept("=="):
            return parent, [self.label()]
        if self.accept("in"):
            return parent, self.labels()
        raise self.expected(f"'== value' or 'in (value, value)' after {parent!r}")

    def labels(self, depth: int = 0) -> list[Any]:
        """Return the labels in brackets, at least one, separated by commas."""
        close = ")" if self.peek("(") else "]"
        if not self.accept("(") and not self.accept("["):
            raise self.expected("'('")
        labels = [self.label(depth)]
        while self.accept(","):
            if self.peek(close):
                break
            labels.append(self.label(depth))
        if not self.accept(close):
            raise self.expected(f"',' or {close!r}")
        return labels

    def label(self, depth: int = 0) -> Any:
        token = self.tokens[self.next]
        if self.peek("("):
            if depth >= _MAX_DEPTH:
                raise self.error("brackets are nested too deeply", token.at)
            return tuple(self.labels(depth + 1))
        if token.kind == "word" and token.text not in ("if", "and"):
            self.next += 1
            number = _number_from_word(token.text)
            if number is not None:
                return number
            return _CONSTANTS.get(token.text.lower(), token.text)
        if token.kind == "text":
            self.next += 1
            return _unquote(token.text)
        raise self.expected("a choice")


def _number_from_word(word: str) -> int | float | None:
    if not _NUMBER.fullmatch(word):
        return None
    digits = word.replace("_", "")
    if len(digits) > 400:  # no number that means anything, and Python refuses to convert some of these
        return None
    return int(digits) if digits.lstrip("+-").isdigit() else float(digits)


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _UNESCAPED.get(match.group(1), match.group(1)), text[1:-1], flags=re.DOTALL)


# ----------------------------------------------------------------------------------------------------------------------
# Texts that people write by habit for a parameter, from other programs, and what to write here instead.

_AS_TYPED = r"[+-]?(?:[0-9][0-9_]*+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_GAP = r"\s*(?:\.{2,3}|…|:|,|;|–|—|-|~|\sto\s|\s)\s*"  # between the ends of a range
_RANGE = re.compile(rf"({_AS_TYPED}){_GAP}({_AS_TYPED})(?:{_GAP}({_AS_TYPED}))?")
_WHOLE = re.compile(r"[+-]?[0-9][0-9_]*")
_CALL = re.compile(r"(?:[A-Za-z_]\w*\.)*([A-Za-z_]\w*)\s*[(\[](.*)[)\]]", re.DOTALL)
_WORD_FIRST = re.compile(rf"([A-Za-z_]\w*)[\s:]\s*({_AS_TYPED}\b.*)")  # log 1e-5 1e-1
_INEQUALITY = re.compile(rf"({_AS_TYPED})\s*<=?\s*\w+\s*<=?\s*({_AS_TYPED})")
_LIST = re.compile(r"[\[({<](.*)[\])}>]", re.DOTALL)
_OPTION = re.compile(r"(\w+)\s*=\s*([^=]*)")
_BARE_WORD = re.compile(r"[\w.+\-@%*]+")
# Kinds of other programs, without `suggest_`, underscores and digits; in small letters.
_KIND_WORDS = {
    "float": "float uniform interval real continuous linear quniform discreteuniform double numeric",
    "log": "log loguniform logfloat reciprocal qloguniform logarithmic logspace tag",
    "int": "int integer randint uniformint quniformint intuniform range qrandint",
    "log int": "logint lograndint qlograndint intlog",
    "|": "choice categorical cat oneof enum options gridsearch pchoice select values in set",
    "<": "ordinal ordered",
    "normal": "normal norm gauss gaussian qnormal randn",
    "fixed": "fixed const constant value",
}
_KIND_OF = {word: kind for kind, words in _KIND_WORDS.items() for word in words.split()}
LONGEST_HINT = 500  # characters of a text that are understood


def instead(text: str) -> list[str]:
    """Return what may be meant by a text that describes no parameter, as texts that may do so, the likeliest first."""
    text, word_if, condition = text.strip().partition(" if ")
    found = _meant(text.strip()) if len(text) <= LONGEST_HINT else []
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
        return [*ranges, *_choice_hint(re.split(r"\s*[,;]\s*", inner))] if re.search("[,;]", inner) else ranges
    for sign in (",", ";", "/", "|", " or ", " "):
        if sign in inner and (choices := _choice_hint(_split_outside_quotes(inner, sign))):
            return choices
    return []


def _of_call(name: str, inside: str) -> list[str]:
    kind = _KIND_OF.get(re.sub(r"^suggest_|[\d_]", "", name).lower())
    if kind in ("float", "int", "log", "log int") and (ends := _RANGE.fullmatch(inside)):
        inside = ", ".join(number for number in ends.groups() if number)
    parts = _split_outside_quotes(inside, ",")
    if name == "tag" and len(parts) == 2 and (call := _CALL.fullmatch(parts[1])):  # tag(log, interval(1e-5, 1))
        parts = _split_outside_quotes(call.group(2), ",")
    if len(parts) > 1 and parts[0][:1] in "'\"" and kind != "|":  # the name of the parameter
        parts = parts[1:]
    options = {m.group(1): m.group(2).strip() for part in parts if (m := _OPTION.fullmatch(part))}
    values = [part for part in parts if not _OPTION.fullmatch(part)]
    values += [options[key] for key in ("low", "lower", "min", "high", "upper", "max") if key in options]
    if kind in ("|", "<"):
        listed = [part for part in parts if _LIST.fullmatch(part)]
        values = _split_outside_quotes(listed[0][1:-1], ",") if listed else values
        return _choice_hint(values, sign=kind)
    if kind == "fixed":
        return [f"fixed({inside.strip()})"]
    numbers = [value for value in values if re.fullmatch(_AS_TYPED, value)]
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


def _choice_hint(parts: list[str], sign: str = "|") -> list[str]:
    """Return choices, if each is a label."""
    parts = [part for part in parts if part]
    if len(parts) < 2 or not all(_BARE_WORD.fullmatch(p) or p[:1] in "'\"(" for p in parts):
        return []
    return [f" {sign} ".join(parts)]


def _split_outside_quotes(text: str, sign: str) -> list[str]:
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
