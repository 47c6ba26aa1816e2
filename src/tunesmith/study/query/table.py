"""`TrialTable`: all trials of a study as columns, and which of them an expression holds for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.errors import QueryError
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.text import did_you_mean
from tunesmith.history import History
from tunesmith.space import Categorical, Combinatorial, Int, Space
from tunesmith.space.words import words_of_parameter
from tunesmith.study.query.columns import ABSENT, Absent, Column, Floats, Indices, Mask, holds
from tunesmith.trial.record import TrialRecord

PARAMS, USER = ("params.", "params_"), ("user_attrs.", "user_attrs_", "user.", "attrs.")
STATES = {str(state).lower(): int(state) for state in TrialState} | {"failed": int(TrialState.FAIL)}
NAMES = ("number", "state", "value", "duration", "feasible")

WHOLE = 2**53  # up to here a float holds every integer

Attributes = Callable[[], Mapping[int, Mapping[str, Any]]]


@dataclass(frozen=True, eq=False)
class TrialTable:
    """The trials of a study as columns: n of them, first the finished ones in the order in which they ended.

    Attributes:
        number: trial numbers, int64[n].
        state: as `TrialState`, int8[n].
        values: float64[n, m] in the user's own directions; NaN where there is none.
        noise: standard deviations of the errors of the values [n, m], NaN where it was not told; None: of no trial.
        cost: seconds or the user's unit [n].
        feasible: which violate no constraint [n].
        space: the parameters; None: there are none.
        x: internal values over them [n, d]; NaN: inactive or unknown.
        attributes: gives the user attributes by trial number, when an expression names one.
    """

    number: NDArray[np.int64]
    state: NDArray[np.int8]
    values: Floats
    noise: Floats | None
    cost: Floats
    feasible: Mask
    space: Space | None
    x: Floats
    attributes: Attributes

    @classmethod
    def of(
        cls,
        history: History,
        signs: Sequence[float],
        waiting: Sequence[TrialRecord] = (),
        attributes: Attributes = dict,
    ) -> TrialTable:
        """Return the trials of a history as they are now.

        Args:
            history: the finished, running and paused trials.
            signs: 1 for each objective that is minimised, -1 for each that is maximised.
            waiting: records of trials that have not begun.
        """
        n, space, pending = len(history), history.space, history.pending
        paused = set(history.paused)
        states = [TrialState.PAUSED if k in paused else TrialState.RUNNING for k in pending.number.tolist()]
        extra = len(states) + len(waiting)
        d = 0 if space is None else len(space)
        x = np.full((n + extra, d), np.nan)
        if space is not None:
            x[:n] = history.points(space)
            x[n : n + len(states)] = history.pending_points(space)[: len(states)]
            for i, record in enumerate(waiting):
                x[n + len(states) + i] = _point(record, space)
        nothing = np.full(extra, np.nan)
        missing = np.full((extra, len(signs)), np.nan)
        noise = history.noise
        return cls(
            np.concatenate([history.number, pending.number, [t.number for t in waiting]]).astype(np.int64),
            np.concatenate([history.state, [*states, *(t.state for t in waiting)]]).astype(np.int8),
            np.concatenate([history.y * np.array(signs), missing]),
            None if np.isnan(noise).all() else np.concatenate([noise, missing]),
            np.concatenate([history.cost, nothing]),
            np.concatenate([history.feasible, np.ones(extra, bool)]),
            space,
            x,
            attributes,
        )

    def __len__(self) -> int:
        return len(self.number)

    def where(self, expression: str) -> Mask:
        """Return for which rows an expression holds, bool[n].

        Args:
            expression: such as ``value < 0.1 and opt in ("adam", "sgd")``; empty: all rows. A name is ``number``,
                ``state``, ``value`` (of several objectives ``values[0]`` and so on), ``noise`` (likewise, where a
                trial was told with it), ``duration``, ``feasible``, a parameter, or a user attribute; ``params.x`` and
                ``user.x`` say which of these, and backquotes take any name: ``params.`my rate` > 1``. No comparison
                holds where a value is missing.

        Raises:
            QueryError: it is no expression, or there is no such column.
        """
        if not expression.strip():
            return np.ones(len(self), bool)
        return self._holds(parse(expression))

    def order(self, rows: Indices, key: str, descending: bool = False) -> Indices:
        """Return rows sorted by a column; those without a value come last, equal ones by number.

        Args:
            key: the column, as in an expression.
            descending: whether the highest comes first.

        Raises:
            QueryError: there is no such column.
        """
        keys = self.column(key).keys(rows)
        missing = np.isnan(keys)
        return rows[np.lexsort((self.number[rows], np.where(missing, 0.0, -keys if descending else keys), missing))]

    def column(self, name: str) -> Column:
        """Return a column by its name, see `where`.

        Raises:
            QueryError: there is none of that name.
        """
        found = self._built_in(name) or self._parameter(name) or self._attribute(name)
        if found is None:
            known = [*NAMES, *(self.space.names if self.space is not None else ())]
            raise QueryError(
                f"there is no column {name!r}{did_you_mean(name, known)}\n(columns are {', '.join(NAMES)}, parameters "
                "(params.NAME) and user attributes (user.NAME); a text is put in quotes)"
            )
        return found

    def _built_in(self, name: str) -> Column | None:
        if name == "number":
            return Column(self.number.astype(float), whole=True)
        if name == "state":
            return Column(self.state.astype(float), [str(TrialState(k)).lower() for k in range(len(TrialState))])
        if name == "duration":
            return Column(self.cost)
        if name == "feasible":
            return Column(self.feasible.astype(float), [False, True])
        match = re.fullmatch(r"(values?|noise)(?:\[(\d+)\]|_(\d+))?", name)
        if match is None or name == "values":
            return None
        of = "noise" if match.group(1) == "noise" else "values"
        columns = self.values if of == "values" else self.noise
        if columns is None:  # a parameter may have that name
            return None
        m, given = columns.shape[1], match.group(2) or match.group(3)
        if given is None and m > 1:
            raise QueryError(f"the study has {m} objectives: write {of}[0] to {of}[{m - 1}]")
        if int(given or 0) >= m:
            raise QueryError(f"{name}: the study has {m} objective(s), {of}[0] to {of}[{m - 1}]")
        return Column(columns[:, int(given or 0)])

    def _parameter(self, name: str) -> Column | None:
        bare = _without(name, PARAMS)
        if self.space is None or bare not in self.space.params:
            return None
        parameter, x = self.space.params[bare], self.x[:, self.space.names.index(bare)]
        if isinstance(parameter, Categorical):
            return Column(x, [parameter.to_label(float(i)) for i in range(int(parameter.n_values))])
        if isinstance(parameter, Combinatorial):  # by its text: `order ~ "a > b"`
            texts = [ABSENT if v != v else parameter.to_text(v) for v in x.tolist()]
            return Column(np.zeros(len(x)), objects=texts, is_missing=np.isnan(x))
        return Column(x, whole=isinstance(parameter, Int), words=words_of_parameter(parameter))

    def _attribute(self, name: str) -> Column | None:
        bare = _without(name, USER)
        by_number = self.attributes()
        if bare == name and not any(bare in attributes for attributes in by_number.values()):
            return None
        cells = [ABSENT if (a := by_number.get(k)) is None else a.get(bare, ABSENT) for k in self.number.tolist()]
        missing = np.array([c is ABSENT for c in cells], bool)
        if all(isinstance(c, (float, Absent)) or (isinstance(c, int) and abs(c) <= WHOLE) for c in cells):
            return Column(np.array([np.nan if isinstance(c, Absent) else float(c) for c in cells]), is_missing=missing)
        return Column(np.zeros(len(cells)), objects=cells, is_missing=missing)

    def _holds(self, node: Node) -> Mask:
        if isinstance(node, Not):
            return ~self._holds(node.of)
        if isinstance(node, Both):
            joined = np.logical_and if node.word == "and" else np.logical_or
            return np.asarray(joined.reduce([self._holds(part) for part in node.of]), bool)
        if isinstance(node, Missing):
            return np.zeros(len(self), bool) if isinstance(node.left, Constant) else self.column(node.left.text).missing
        if isinstance(node, Among):
            return self._among(node)
        return self._compared(node)

    def _among(self, node: Among) -> Mask:
        parts = [self._compared(Comparison(node.left, "==", Constant(option))) for option in node.options]
        return np.asarray(np.logical_or.reduce(parts), bool) if parts else np.zeros(len(self), bool)

    def _compared(self, node: Comparison) -> Mask:
        left, right, sign = node.left, node.right, node.sign
        if isinstance(left, Constant) and isinstance(right, Name):
            turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(sign, sign)
            if sign == "~":
                raise QueryError("~ takes a column on its left: opt ~ 'adam'")
            left, right, sign = right, left, turned
        if isinstance(left, Constant):
            return np.full(len(self), isinstance(right, Constant) and holds(sign, left.value, right.value))
        if isinstance(right, Name) and left.text == "state" and right.text.lower() in STATES:
            right = Constant(right.text)
        if isinstance(right, Constant):
            value = right.value
            if left.text == "state" and isinstance(value, str) and sign != "~":
                value = self._state(value)
            return self.column(left.text).compared(sign, value)
        a, b = self.column(left.text), self.column(right.text)
        every = np.arange(len(self))
        pairs = zip(a.values(every), b.values(every), strict=True)
        return np.array([x is not ABSENT and y is not ABSENT and holds(sign, x, y) for x, y in pairs], bool)

    def _state(self, word: str) -> str:
        if word.lower() not in STATES:
            raise QueryError(f"there is no state {word!r}{did_you_mean(word, STATES)}; there are {', '.join(STATES)}")
        return str(TrialState(STATES[word.lower()])).lower()


def _without(name: str, prefixes: tuple[str, ...]) -> str:
    for prefix in prefixes:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name


def _point(record: TrialRecord, space: Space) -> list[float]:
    """Return what is known of a waiting trial's point over a space; NaN where nothing is, or it does not fit."""
    params, found = record.flat_params, []
    for name, parameter in space.params.items():
        try:
            found.append(parameter.to_internal(params[name]) if name in params else np.nan)
        except ValueError:
            found.append(np.nan)
    return found


# ----------------------------------------------------------------------------------------------------------------------
# The grammar of expressions over trials.
#
#     expression := conjunction ("or" conjunction)*
#     conjunction := negation ("and" negation)*
#     negation   := "not" negation | "(" expression ")" | comparison
#     comparison := operand (("<" | "<=" | ">" | ">=" | "==" | "=" | "!=" | "~") operand)+
#                 | operand ["not"] "in" "(" constant ("," constant)* ")"
#                 | operand "is" ["not"] "missing"
#     operand    := number | text in quotes | "true" | "false" | "none" | name
#
# A name is a column: letters, digits, "_" and dots, with a number in brackets behind it for one of several values; or
# anything between backquotes. ``a < b <= c`` holds if both halves do.

EXPRESSION_CHARACTERS = 2000  # characters
NESTED_BRACKETS = 50  # brackets in brackets
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
    if len(text) > EXPRESSION_CHARACTERS:
        raise QueryError(f"the expression has {len(text):,} characters; at most {EXPRESSION_CHARACTERS:,} are read")
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
        if depth > NESTED_BRACKETS:
            raise QueryError(f"{self._text!r}: more than {NESTED_BRACKETS} brackets in one another")
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
