"""Expressions over parameters: what a Hyperopt space is made of.

An `Apply` is a call that is made later: the name of a function in `scope`, and its arguments. `rec_eval` makes it. A
`switch` evaluates only the option that it chooses, so what stands in another one is not active.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from tunesmith.compat.hyperopt.exceptions import BadSearchSpace, PyllImportError
from tunesmith.compat.hyperopt.names import check_ours, refuser
from tunesmith.foundation.text import did_you_mean

_OWN = "tunesmith."  # functions of these modules are in the scope of every process


class MissingArgument:
    """Stands for an argument that was not given."""


class GarbageCollected:
    """Stands for the value of a parameter that is not active."""


class Apply:
    """A call that is made later.

    Args:
        name: of a function in `scope`.
        pos_args: its arguments by place.
        named_args: pairs of name and argument.
        o_len: how many values it returns, where that is known.
        pure: whether the call changes nothing else.
    """

    def __init__(
        self,
        name: str,
        pos_args: Iterable[Apply],
        named_args: Iterable[Any],
        o_len: int | None = None,
        pure: bool = False,
    ) -> None:
        self.name = name
        self.pos_args = list(pos_args)
        self.named_args = [[key, value] for key, value in named_args]
        self.o_len = o_len
        self.pure = pure

    def inputs(self) -> list[Apply]:
        """Return all arguments, those by place first."""
        return self.pos_args + [value for _, value in self.named_args]

    @property
    def arg(self) -> dict[str, Any]:
        """The arguments by the names that the function gives them; `MissingArgument` where none is given."""
        parameters = inspect.signature(scope.function(self.name)).parameters
        found: dict[str, Any] = dict(zip(parameters, self.pos_args, strict=False))
        found.update((key, value) for key, value in self.named_args)
        return {name: found.get(name, MissingArgument) for name in parameters}

    def eval(self, memo: dict[Apply, Any] | None = None) -> Any:
        """Return the value; see `rec_eval`."""
        return rec_eval(self, memo=memo)

    def set_kwarg(self, name: str, value: Any) -> None:
        """Set an argument by its name.

        Args:
            value: an expression or a plain value.
        """
        for pair in self.named_args:
            if pair[0] == name:
                pair[1] = as_apply(value)
                return
        self.named_args.append([name, as_apply(value)])

    def clone_from_inputs(self, inputs: list[Apply]) -> Apply:
        """Return the same call with other arguments, in the order of `inputs()`."""
        n = len(self.pos_args)
        named = [(key, value) for (key, _), value in zip(self.named_args, inputs[n:], strict=True)]
        return Apply(self.name, inputs[:n], named, self.o_len, self.pure)

    def __getstate__(self) -> dict[str, Any]:
        # The function travels along if a program defined it: another process has not run that program.
        fn = scope.functions.get(self.name)
        foreign = fn is not None and not str(getattr(fn, "__module__", "")).startswith(_OWN) and not _is_builtin(fn)
        return {**self.__dict__, "function": fn if foreign else None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        fn = state.pop("function", None)
        self.__dict__.update(state)
        if fn is not None:
            scope.functions.setdefault(self.name, fn)

    def __str__(self) -> str:
        return "\n".join(f"{number} {line}" for number, line in enumerate(lines_of(self)))

    def __len__(self) -> int:
        if self.o_len is None:
            raise TypeError(f"how many values {self.name!r} will return is not known before it is evaluated")
        return self.o_len

    def __bool__(self) -> bool:
        return True  # an expression is there, whatever its value will be

    def __iter__(self) -> Iterator[Apply]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Apply:
        if self.o_len is not None and isinstance(index, int) and index >= self.o_len:
            raise IndexError(index)
        return scope.call_later("getitem", self, index)

    def __call__(self, *args: Any, **named: Any) -> Apply:
        return scope.call_later("call", self, args, named)


def _operator(name: str) -> None:
    """Let an operator between expressions, or one and a value on either side, be a call of a function of `scope`."""
    setattr(Apply, f"__{name}__", lambda self, *other: scope.call_later(name, self, *other))
    if name not in ("neg", "gt", "ge", "lt", "le"):
        setattr(Apply, f"__r{name}__", lambda self, other: scope.call_later(name, other, self))


for _name in ("add", "sub", "neg", "mul", "truediv", "floordiv", "pow", "gt", "ge", "lt", "le"):
    _operator(_name)


class Literal(Apply):
    """A plain value as an expression."""

    def __init__(self, obj: Any = None) -> None:
        try:
            o_len = len(obj)
        except Exception:  # the __len__ of a foreign object may raise anything
            o_len = None
        super().__init__("literal", [], [], o_len, pure=True)
        self.obj = self._obj = obj  # programs read it by either name

    @property
    def arg(self) -> dict[str, Any]:
        """A literal has no arguments."""
        return {}

    def clone_from_inputs(self, inputs: list[Apply]) -> Apply:
        return Literal(self.obj)


class SymbolTable:
    """The functions that expressions can call, by name: ``scope.log(x)`` is a call that is made later.

    Attributes:
        functions: the functions by name.
    """

    def __init__(self) -> None:
        self.functions: dict[str, Callable[..., Any]] = {}
        self._o_lens: dict[str, int | None] = {}  # how many values a function returns, where that is known

    def call_later(self, name: str, *args: Any, **named: Any) -> Apply:
        """Return the call of a function as an expression."""
        by_name = sorted((key, as_apply(value)) for key, value in named.items())
        return Apply(name, [as_apply(a) for a in args], by_name, self._o_lens.get(name))

    def function(self, name: str) -> Callable[..., Any]:
        """Return a function by its name."""
        try:
            return self.functions[name]
        except KeyError:
            raise PyllImportError(
                f"scope has no function {name!r}{did_you_mean(name, self.functions)}; define it with @scope.define"
            ) from None

    def define(self, f: Any, o_len: int | None = None, pure: bool = False) -> Any:
        """Add a function; a decorator.

        Args:
            o_len: how many values it returns: then its calls can be unpacked.
            pure: accepted for porting.

        Raises:
            ValueError: the scope has another function of this name.
        """
        if f.__name__ in self.functions:
            raise ValueError(f"scope has a function {f.__name__!r} already; choose another name, or undefine it first")
        self.functions[f.__name__] = f
        self._o_lens[f.__name__] = o_len
        return f

    def define_if_new(self, f: Any, o_len: int | None = None, pure: bool = False) -> Any:
        """Add a function unless this very one is there; the arguments are those of `define`."""
        return f if self.functions.get(f.__name__) is f else self.define(f, o_len)

    def define_pure(self, f: Any) -> Any:
        """Add a function that changes nothing else; a decorator."""
        return self.define(f)

    def define_info(self, o_len: int | None = None, pure: bool = False) -> Callable[[Any], Any]:
        """Return `define` with these arguments; a decorator."""
        return functools.partial(self.define, o_len=o_len, pure=pure)

    def undefine(self, f: Any) -> None:
        """Remove a function, given by itself or by name."""
        del self.functions[f if isinstance(f, str) else f.__name__]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        special = _BUILDERS.get(name)
        if special is not None:
            return special
        try:
            self.function(name)
        except PyllImportError as error:
            raise AttributeError(str(error)) from None
        return lambda *args, **named: self.call_later(name, *args, **named)


_BUILDERS: dict[str, Callable[..., Any]] = {}  # functions that make expressions at once; they are in no expression
scope = SymbolTable()


def as_apply(obj: Any) -> Apply:
    """Return an object as an expression; tuples, lists and dicts may hold expressions. A list evaluates to a tuple."""
    if isinstance(obj, Apply):
        return obj
    if isinstance(obj, tuple):
        return Apply("pos_args", [as_apply(item) for item in obj], [], len(obj))
    if isinstance(obj, list):
        return Apply("pos_args", [as_apply(item) for item in obj], [])
    if isinstance(obj, dict):
        if all(isinstance(key, str) for key in obj):
            return Apply("dict", [], [(key, as_apply(obj[key])) for key in sorted(obj)], len(obj))
        return Apply("dict", [as_apply([(key, value) for key, value in obj.items()])], [])
    check_ours(obj, "hp")
    return Literal(obj)


def dfs(expr: Apply) -> list[Apply]:
    """Return all nodes of an expression once, arguments before the calls that take them."""
    found: dict[Apply, None] = {}

    def visit(node: Apply) -> None:
        if node not in found:
            for one in node.inputs():
                visit(one)
            found.setdefault(node)

    try:
        visit(expr)
    except RecursionError:
        raise BadSearchSpace("the expression contains itself, or is nested too deeply") from None
    return list(found)


toposort = dfs  # the order is a topological one


def clone(expr: Apply, memo: dict[Apply, Apply] | None = None) -> Apply:
    """Return a copy of an expression.

    Args:
        memo: nodes to put in the place of others.
    """
    copies = {} if memo is None else memo
    for node in dfs(expr):
        if node not in copies:
            copies[node] = node.clone_from_inputs([copies[one] for one in node.inputs()])
    return copies[expr]


def rec_eval(
    expr: Any,
    deepcopy_inputs: bool = False,
    memo: Mapping[Apply, Any] | None = None,
    max_program_len: int | None = None,
    memo_gc: bool = True,
    print_trace: bool = False,
    print_node_on_error: bool = True,
) -> Any:
    """Return the value of an expression.

    Args:
        expr: an expression, or what `as_apply` takes.
        deepcopy_inputs: accepted for porting; so are the others but `memo`.
        memo: values of nodes that are known.

    Raises:
        BadSearchSpace: a parameter is needed that is not active.
    """
    return _value_at(as_apply(expr), dict(memo or {}))


def _value_at(node: Apply, memo: dict[Apply, Any]) -> Any:
    value = memo.get(node, MissingArgument)
    if value is GarbageCollected:
        raise BadSearchSpace(f"the value of a parameter is needed that is not active:\n{node}")
    if value is not MissingArgument:
        return value
    if isinstance(node, Literal):
        return node.obj
    if node.name == "switch":
        index = int(_value_at(node.pos_args[0], memo))
        if index < 0:
            raise ValueError(f"a switch takes the index of an option, 0 or more; got {index}")
        value = _value_at(node.pos_args[1 + index], memo)
    else:
        args = (
            [_value_at(node.pos_args[0], memo)]
            if len(node.pos_args) == 1
            else [_value_at(a, memo) for a in node.pos_args]
        )
        named = {key: _value_at(one, memo) for key, one in node.named_args} if node.named_args else {}
        value = scope.function(node.name)(*args, **named)
        if isinstance(value, Apply):
            value = _value_at(value, memo)
    memo[node] = value
    return value


def _is_builtin(fn: Any) -> bool:
    return getattr(fn, "__module__", None) in ("builtins", "_operator", None)


def lines_of(expr: Any) -> list[str]:
    """Return the lines of an expression; a node that is met again is named with the line where it stands."""
    lines: list[str] = []
    _add_lines(expr, 0, lines, {})
    return lines


def _add_lines(node: Any, indent: int, lines: list[str], seen: dict[Any, int]) -> None:
    pad, name = " " * indent, _name_of(node)
    if node in seen:
        lines.append(f"{pad}{name}  [line:{seen[node]}]")
        return
    seen[node] = len(lines)
    lines.append(f"{pad}{name}")
    for one in node.pos_args:
        _add_lines(one, indent + 2, lines, seen)
    for key, one in node.named_args:
        lines.append(f"{pad} {key} =")
        _add_lines(one, indent + 2, lines, seen)


def _name_of(node: Any) -> str:
    if node.name != "literal":
        return str(node.name)
    if isinstance(node.obj, np.ndarray) and node.obj.size:
        a = node.obj
        return f"Literal{{np.ndarray,shape={a.shape},min={a.min():f},max={a.max():f}}}"
    return f"Literal{{{node.obj}}}"


__getattr__ = refuser(__name__)
