"""The functions that are in `scope` from the beginning."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tunesmith.compat.hyperopt.pyll.base import _BUILDERS, as_apply, scope


def hyperopt_param(label: str, obj: Any) -> Any:
    """Return the value of a parameter; the node says which one it is."""
    return obj


def literal_arguments(*args: Any) -> tuple[Any, ...]:
    """Return the arguments as a tuple: lists and tuples in spaces."""
    return args


def switch(pos: Any, *args: Any) -> Any:
    """Return one of the options; `rec_eval` evaluates no other."""
    return args[pos]


def call(fn: Any, args: Any = (), kwargs: Any = None) -> Any:
    """Call a value."""
    return fn(*args, **(kwargs or {}))


def call_method(obj: Any, methodname: str, *args: Any) -> Any:
    """Call a method of a value."""
    return getattr(obj, methodname)(*args)


def _raise(etype: Any, *args: Any, **named: Any) -> Any:
    raise etype(*args, **named)


scope.functions.update(
    {
        "hyperopt_param": hyperopt_param,
        "pos_args": literal_arguments,
        "switch": switch,
        "call": call,
        "call_method": call_method,
        "call_method_pure": call_method,
        "identity": lambda obj: obj,
        "Raise": _raise,
        "asarray": lambda a, dtype=None: np.asarray(a, dtype=dtype),
        "sum": lambda x, axis=None: np.sum(x, axis=axis),
        "pow": lambda a, b: a**b,
        "str_join": lambda s, seq: s.join(seq),
        "repeat": lambda n_times, obj: [obj] * n_times,
        "array_union": lambda *args: np.asarray(sorted(set().union(*args))),
        **{
            f.__name__: f for f in (list, dict, tuple, range, len, int, float, str, bool, max, min, abs, getattr, round)
        },
        "map": lambda fn, seq: [fn(item) for item in seq],
        **{name: getattr(operator, name) for name in ("getitem", "add", "sub", "mul", "truediv", "floordiv", "neg")},
        **{name: getattr(operator, name) for name in ("eq", "lt", "le", "gt", "ge", "mod")},
        **{name: getattr(np, name) for name in ("exp", "log", "sin", "cos", "tan", "sqrt", "minimum", "maximum")},
    }
)


def one_of(*args: Any) -> Any:
    """Return one of the options at random: a choice that is not a parameter."""
    return scope.switch(scope.randint(len(args)), *args)


def choice(args: Any) -> Any:
    """Return `one_of` for a list of options."""
    return one_of(*args)


def kwswitch(kw: Any, **named: Any) -> Any:
    """Return the option of this name.

    Args:
        **named: the options by name.
    """
    names = sorted(named)
    index = scope.call_method_pure(as_apply(tuple(names)), "index", kw)
    return scope.switch(index, *(named[name] for name in names))


_BUILDERS.update({"one_of": one_of, "choice": choice, "kwswitch": kwswitch})
