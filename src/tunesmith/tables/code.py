"""Python code that makes and fits a tuned model by hand, with the settings that a search found."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from inspect import signature
from textwrap import wrap
from typing import Any

import numpy as np
from sklearn.base import clone

from tunesmith import __version__
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.text import printable
from tunesmith.tables.files import SHORT, Source
from tunesmith.tables.rounds import EarlyStopped

WIDTH = 100
STEP = "    "


@checked()
def model_code(
    model: Any,
    source: Source,
    target: str,
    *,
    weight: str | None = None,
    left_out: Sequence[str] = (),
    out: str | None = None,
    remarks: Sequence[str] = (),
) -> str:
    """Write a program that fits the same model on a file, with the same predictions.

    Args:
        model: a fitted `TableClassifier` or `TableRegressor`.
        source: the file.
        target: the column of the target.
        weight: the column of weights of the rows; None: all count alike.
        left_out: further columns that the model does not see, such as groups.
        out: the file that the program writes the model to; None: it writes none.
        remarks: sentences for the head of the program.

    Returns:
        the text of the program.

    Raises:
        ValueError: a parameter of the model cannot be written as Python.
    """
    writer = _Writer()
    made = writer.expression(_with_rounds(model), "")
    writer.imports.setdefault("tunesmith.tables", set())
    if out is not None:
        writer.imports["tunesmith.tables"].add("save_model")
    columns = [target, *([] if weight is None else [weight]), *left_out]
    dropped = ", ".join(map(_written, columns))
    says = [line for remark in remarks for line in wrap(_in_docstring(remark), WIDTH)]
    lines = [
        f'"""A model of {_in_docstring(target)}, as tunesmith {__version__} chose it.',
        *(["", *says] if says else []),
        '"""',
        "",
        f"import {source.library} as {SHORT[source.library]}",
        *writer.import_lines(),
        "",
        f"table = {source.code()}",
        f"X = table.drop({'columns=' if source.library == 'pandas' else ''}[{dropped}])",
        f"y = table[{_written(target)}]",
        "",
        f"model = {made}",
        f"model.fit(X, y{'' if weight is None else f', sample_weight=table[{_written(weight)}]'})",
        *([] if out is None else [f"save_model(model, {_written(out)})"]),
        "print(model.predict(X[:5]))",
    ]
    return "\n".join(lines) + "\n"


def _written(value: object) -> str:
    """Return a plain value as Python, texts in double quotes where they have none inside."""
    text = repr(value)
    return f'"{text[1:-1]}"' if text.startswith("'") and '"' not in text else text


def _in_docstring(text: str) -> str:
    return printable(" ".join(text.split())).replace("\\", "\\\\").replace('"', "'")


def _with_rounds(model: Any) -> Any:
    """Return the model, unfitted, with the rounds and trees that it was fitted with."""
    again = clone(model)
    for (_, unfitted), fitted in zip(again.models, model.models_, strict=True):
        last, known = _last(unfitted), _last(fitted)
        if not isinstance(last, EarlyStopped):
            continue
        grows = type(last.estimator).__module__.startswith("sklearn.ensemble._forest")
        if grows or last.rounds is not None:
            last.rounds = known.n_rounds_
    return again


def _last(model: Any) -> Any:
    return model.steps[-1][1] if hasattr(model, "steps") else model


class _Writer:
    """Writes values as Python, and notes what has to be imported.

    Attributes:
        imports: names by their module.
    """

    def __init__(self) -> None:
        self.imports: dict[str, set[str]] = {}

    def import_lines(self) -> list[str]:
        return [
            f"from {module} import {', '.join(sorted(names))}"
            for module, names in sorted(self.imports.items())
            if names
        ]

    def expression(self, value: Any, indent: str) -> str:
        """Return a value as Python; lines after the first begin with `indent`.

        Raises:
            ValueError: it cannot be written.
        """
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, float) and not math.isfinite(value):
            return f'float("{value}")'
        if value is None or isinstance(value, bool | int | float | str):
            return _written(value)
        if isinstance(value, tuple | list):
            ends = "()" if isinstance(value, tuple) else "[]"
            comma = isinstance(value, tuple) and len(value) == 1
            return self.laid_out(ends[0], [("", one) for one in value], ends[1], indent, comma)
        if isinstance(value, Mapping):
            return self.laid_out("{", [(f"{self.expression(k, '')}: ", v) for k, v in value.items()], "}", indent)
        if hasattr(value, "get_params") and not isinstance(value, type):
            name = self.named(type(value))
            if name == "Pipeline":
                return self.laid_out("Pipeline(", [("", value.steps)], ")", indent)
            own, usual = value.get_params(deep=False), _usual(type(value))
            differ = [(f"{k}=", v) for k, v in own.items() if repr(v) != repr(usual.get(k))]
            return self.laid_out(f"{name}(", differ, ")", indent)
        raise ValueError(f"a value of the type {type(value).__name__} cannot be written as code: {value!r}")

    def laid_out(self, begin: str, parts: Sequence[tuple[str, Any]], end: str, indent: str, comma: bool = False) -> str:
        """Return parts in brackets, on one line where they fit."""
        flat = [label + self.expression(value, "") for label, value in parts]
        line = f"{begin}{', '.join(flat)}{',' if comma else ''}{end}"
        if len(line) + len(indent) <= WIDTH and "\n" not in line:
            return line
        inner = indent + STEP
        lines = [f"{inner}{label}{self.expression(value, inner)},\n" for label, value in parts]
        return f"{begin}\n{''.join(lines)}{indent}{end}"

    def named(self, cls: Any) -> str:
        """Return the name of a class, which is imported from where its library has it."""
        name: str = cls.__name__
        parts = cls.__module__.split(".")
        for n in range(1, len(parts) + 1):
            module = sys.modules.get(".".join(parts[:n]))
            if getattr(module, name, None) is cls:
                self.imports.setdefault(".".join(parts[:n]), set()).add(name)
                return name
        raise ValueError(f"{name} is in no module that can be imported")


def _usual(cls: Any) -> Mapping[str, Any]:
    """Return the parameters of a class as they are where nothing is given."""
    try:
        found: Mapping[str, Any] = cls().get_params(deep=False)
    except TypeError:
        return {name: one.default for name, one in signature(cls).parameters.items()}
    return found
