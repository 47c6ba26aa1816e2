"""Spaces, parameters and labels as JSON.

The text of a space is canonical: equal spaces have equal texts, in every process. Labels keep their type: JSON has
null, true, 1, 1.0 and "1"; what it lacks is written as an object with one key (`tuple`, `list`, `dict`, `float` for
NaN and infinities, `name` for an object known by name).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.foundation.text import shown
from tunesmith.space.base import Parameter
from tunesmith.space.choices import Categorical, Ordinal
from tunesmith.space.conditions import Condition
from tunesmith.space.labels import python_scalar
from tunesmith.space.orders import Permutation, Subset
from tunesmith.space.parameters import Float, Int
from tunesmith.space.shape import Constant, Group, Leaf, Node, Shape, Switch
from tunesmith.space.words import FloatOr, IntOr

VERSION = 1


def label_to_json(label: Any) -> Any:
    """Return a label as a JSON value that keeps its type."""
    label = python_scalar(label)
    kind = type(label)
    if label is None or kind in (bool, int, str):
        return label
    if kind is float:
        return label if math.isfinite(label) else {"float": repr(label)}
    if kind is tuple or kind is list:
        return {kind.__name__: [label_to_json(item) for item in label]}
    if kind is dict and all(type(name) is str for name in label):
        return {"dict": {name: label_to_json(item) for name, item in label.items()}}
    raise SpaceError(f"{shown(label)} cannot be written as text; give it a name, as in Categorical({{'name': object}})")


def label_from_json(data: Any) -> Any:
    """Return the label that `label_to_json` wrote."""
    if not isinstance(data, (dict, list)):
        return data
    if isinstance(data, dict) and len(data) == 1:
        ((kind, value),) = data.items()
        if kind == "float":
            return float(value)
        if kind == "tuple":
            return tuple(label_from_json(item) for item in value)
        if kind == "list":
            return [label_from_json(item) for item in value]
        if kind == "dict":
            return {name: label_from_json(item) for name, item in value.items()}
    raise SpaceError(f"{shown(data)} is no label")


def parameter_to_json(param: Parameter) -> dict[str, Any]:
    """Return a parameter, with its condition, as a dict for `json.dumps`."""
    data: dict[str, Any]
    if isinstance(param, (Float, Int)):
        data = {"type": "float" if isinstance(param, Float) else "int", "low": param.low, "high": param.high}
        if param.log:
            data["log"] = True
        if param.step != param.default_step:
            data["step"] = param.step
        if param.words:
            data["words"] = [[label_to_json(word), place] for word, place in param.words]
    elif isinstance(param, Categorical):
        data = {"type": "ordinal" if isinstance(param, Ordinal) else "categorical", "choices": _choices_to_json(param)}
    elif isinstance(param, Permutation):
        data = {"type": "permutation", "items": _choices_to_json(param.named_items)}
    elif isinstance(param, Subset):
        items = _choices_to_json(param.named_items)
        data = {"type": "subset", "items": items, "min": param.min, "max": param.max}
    else:
        from tunesmith.space.distributions import Distribution, frozen_to_json

        if not isinstance(param, Distribution):
            raise SpaceError(f"a parameter of type {type(param).__name__} cannot be written as text")
        data = {"type": "distribution", **frozen_to_json(param)}
    if param.prior is not None:
        data["prior"] = param.stored_prior()
    if param.prior_width is not None:
        data["prior_width"] = param.prior_width
    if param.condition is not None:
        data["when"] = [[parent, [label_to_json(v) for v in values]] for parent, values in param.condition.clauses]
    return data


def _choices_to_json(param: Categorical) -> list[Any]:
    return [
        label_to_json(label) if name is None else {"name": name}
        for label, name in zip(param.labels, param.names, strict=True)
    ]


def parameter_from_json(data: Mapping[str, Any], objects: Mapping[str, Any] | None = None) -> Parameter:
    """Return the parameter that `parameter_to_json` wrote."""
    try:
        param = _read_parameter(dict(data), objects or {})
        if "prior" in data:
            param = param.with_stored_prior(data["prior"], data.get("prior_width"))
        if "when" in data:
            clauses = [(parent, [label_from_json(v) for v in values]) for parent, values in data["when"]]
            param = param.with_condition(Condition(clauses))
        return param
    except SpaceError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SpaceError(f"{shown(data)} is no parameter ({type(error).__name__}: {error})") from error


def _read_parameter(data: dict[str, Any], objects: Mapping[str, Any]) -> Parameter:
    kind = data["type"]
    if kind in ("float", "int") and data.get("words"):  # those that were stored first have none
        words = {label_from_json(word): place for word, place in data["words"]}
        return (FloatOr if kind == "float" else IntOr)(data["low"], data["high"], data.get("log", False), words=words)
    if kind == "float":
        return Float(data["low"], data["high"], log=data.get("log", False), step=data.get("step"))
    if kind == "int":
        return Int(data["low"], data["high"], log=data.get("log", False), step=data.get("step", 1))
    if kind in ("categorical", "ordinal"):
        return _read_choices(Ordinal if kind == "ordinal" else Categorical, data["choices"], objects)
    if kind == "permutation":
        return Permutation.of_items(_read_choices(Categorical, data["items"], objects))
    if kind == "subset":
        return Subset.of_items(_read_choices(Categorical, data["items"], objects), data["min"], data["max"])
    if kind == "distribution":
        from tunesmith.space.distributions import distribution_from_json

        return distribution_from_json(data)
    raise SpaceError(
        f"unknown type of parameter {shown(kind)}; valid: float, int, categorical, ordinal, permutation, subset, "
        "distribution"
    )


def _read_choices(cls: type[Categorical], choices: list[Any], objects: Mapping[str, Any]) -> Categorical:
    values, names = [], []
    for choice in choices:
        named = isinstance(choice, dict) and "name" in choice
        names.append(choice["name"] if named else None)
        values.append(objects.get(choice["name"], choice["name"]) if named else label_from_json(choice))
    return cls.with_names(values, names)


def dump_space(
    params: Mapping[str, Parameter], constraints: tuple[str, ...], external: Mapping[str, str], shape: Shape | None
) -> str:
    """Return the canonical JSON text of the parts of a space; constraints are written as labels."""
    columns = []
    for name, param in params.items():
        try:
            columns.append({"name": name, **_prefixed(parameter_to_json(param))})
        except SpaceError as error:
            raise SpaceError(f"{name!r}: {error}") from None
    data: dict[str, Any] = {"tunesmith_space": VERSION, "params": columns}
    if constraints:
        data["constraints"] = list(constraints)
    if external:
        data["external"] = dict(external)
    if shape is not None:
        data["shape"] = {name: _node_to_json(node) for name, node in shape.nodes.items()}
    return json.dumps(data, separators=(",", ":"), sort_keys=True, allow_nan=False)


def load_space(
    text: str, objects: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Parameter], tuple[str, ...], dict[str, str], Shape | None]:
    """Return the parameters, the labels of constraints, the external names and the shape that `dump_space` wrote."""
    try:
        data = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise SpaceError(f"not a space: the text is no JSON ({error})") from None
    version = data.get("tunesmith_space") if isinstance(data, dict) else None
    if version is None:
        raise SpaceError("not a space: the JSON text has no 'tunesmith_space' entry; Space.to_json() writes one")
    if version != VERSION:
        raise SpaceError(f"the space has format {shown(version)}, and this version reads {VERSION}; update tunesmith")
    try:
        params = {}
        for column in data["params"]:
            name = column["name"]
            try:
                params[name] = parameter_from_json(_unprefixed(column), objects.get(name))
            except SpaceError as error:
                raise SpaceError(f"{name!r}: {error}") from None
        nodes = {name: _node_from_json(node) for name, node in data.get("shape", {}).items()}
        shape = Shape(nodes) if nodes else None
        return params, tuple(data.get("constraints", ())), dict(data.get("external", {})), shape
    except SpaceError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SpaceError(f"not a space: {type(error).__name__}: {error}") from error


def _node_to_json(node: Node) -> Any:
    """Return a tree of a shape: dicts with one key, which is the kind."""
    if isinstance(node, Leaf):
        return {"column": node.column}
    if isinstance(node, Constant):
        return {"constant": label_to_json(node.value)}
    if isinstance(node, Group):  # a list, since keys of dicts are sorted
        return {"group": [[name, _node_to_json(inside)] for name, inside in node.items.items()]}
    if isinstance(node, Switch):
        return {"switch": [node.column, [[label_to_json(a), _node_to_json(b)] for a, b in node.options]]}
    raise SpaceError(f"a {type(node).__name__} of a shape cannot be written as text")


def _node_from_json(data: Mapping[str, Any]) -> Node:
    ((kind, value),) = data.items()
    if kind == "column":
        return Leaf(str(value))
    if kind == "constant":
        return Constant(label_from_json(value))
    if kind == "group":
        return Group({name: _node_from_json(inside) for name, inside in value})
    if kind == "switch":
        column, options = value
        return Switch(column, [(label_from_json(label), _node_from_json(inside)) for label, inside in options])
    raise ValueError(f"unknown part of a shape {shown(kind)}")


def _prefixed(data: dict[str, Any]) -> dict[str, Any]:
    """Rename a distribution's own name, which would collide with the column's."""
    return {("distribution" if key == "name" else key): value for key, value in data.items()}


def _unprefixed(column: Mapping[str, Any]) -> dict[str, Any]:
    data = {key: value for key, value in column.items() if key != "name"}
    if "distribution" in data:
        data["name"] = data.pop("distribution")
    return data
