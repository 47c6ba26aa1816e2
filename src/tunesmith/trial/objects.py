"""The objects of a training loop: found wherever they stand in its state, saved, and given back in place.

`Objects` walks the dicts, lists, tuples, deques, dataclasses and plain objects of a state. What has a state of its own
(a module, an optimiser, a generator; an array and a tensor) is *known* by its path, as ``state['nets'][1]``. A
checkpoint has the states of the known ones by path, and the rest as one pickle, in which a reference stands wherever a
known object does: however often and however deep it stands there, it is one object, and the one that the loop holds.
"""

from __future__ import annotations

import copyreg
import dataclasses
import io
import pickle
import sys
from collections import deque
from collections.abc import Iterator, Mapping, MutableMapping
from contextvars import ContextVar
from types import MemberDescriptorType, SimpleNamespace
from typing import Any

import numpy as np

from tunesmith.foundation.text import name_and_message

ATOMS = frozenset({int, float, bool, complex, str, bytes, type(None)})
HOW = (
    "give it state_dict and load_state_dict; or put what it needs to go on into state= as numbers, arrays, lists and "
    "dicts of these"
)
NEW = object().__reduce_ex__(4)[0]  # what pickle makes an object with
_NOWHERE: Mapping[str, Any] = {}
_live: ContextVar[Mapping[str, Any]] = ContextVar("live", default=_NOWHERE)


class Objects:
    """What stands in the state of a loop.

    Args:
        state: the user's objects by name.
        kept: objects that are left as they are, wherever they stand: the running trial.

    Attributes:
        known: those with a state of their own, by path; each once.
    """

    def __init__(self, state: MutableMapping[str, Any], kept: tuple[Any, ...] = ()) -> None:
        self.known: dict[str, Any] = {}
        self._state, self._kept = state, kept
        self._seen: set[int] = set()
        self._leaves: dict[str, Any] = {}
        for name, value in state.items():
            self._walk(value, f"state[{name!r}]")

    def check(self) -> None:
        """Check that all of it can be saved, and given back in place.

        Raises:
            TypeError: something cannot; the message names it by its path.
        """
        references = self._references()
        for path, value in self._leaves.items():
            try:
                _pickler(references, tensors=True, alone=True)(_Nowhere(), 5).dump(value)
            except _HoldsObject as error:
                raise TypeError(
                    f"epochs: {path}, a {type(value).__name__}, holds a {error}, which cannot be given back in place "
                    "there: put it into state= itself as well, or into a list or a dict"
                ) from None
            except Exception as error:  # whatever pickling may raise
                raise TypeError(f"epochs: {path} cannot be saved: {name_and_message(error)}; {HOW}") from error

    def taken(self) -> dict[str, Any]:
        """Return what is saved: the states of the known objects, and the rest."""
        self._follow()
        references = self._references()
        rest = dict(self._state)
        copied, with_torch = io.BytesIO(), False
        try:
            _pickler(references)(copied, 5).dump(rest)
        except _HoldsTensor:
            copied, with_torch = io.BytesIO(), True
            module = SimpleNamespace(__name__=__name__, Pickler=_pickler(references, tensors=True))
            sys.modules["torch"].save(rest, copied, pickle_module=module)
        return {
            "names": list(rest),
            "objects": {path: _state_of(value) for path, value in self.known.items() if not _is_array(value)},
            "arrays": {path: value for path, value in self.known.items() if _is_array(value)},
            "rest": copied.getvalue(),
            "with_torch": with_torch,
        }

    def give_back(self, saved: Mapping[str, Any]) -> None:
        """Give the known objects and the containers what was saved of them, and replace the rest where it stands.

        Raises:
            ValueError: other things were saved than there are.
        """
        if set(saved["names"]) != self._state.keys():
            raise ValueError(
                f"epochs: the checkpoint holds {sorted(saved['names'])}, and state= has {sorted(self._state)}; "
                "use the same names in each run of a trial"
            )
        own = {path: value for path, value in self.known.items() if not _is_array(value)}
        if missing := sorted(saved["objects"].keys() ^ own.keys()):
            places = ("state=", "the checkpoint") if missing[0] in own else ("the checkpoint", "state=")
            raise ValueError(
                f"epochs: {missing[0]} is an object with a state of its own in {places[0]}, and {places[1]} has none "
                "there; make the same objects in each run of a trial, before epochs() is called"
            )
        for path, state in saved["objects"].items():
            _give_back(own[path], state)
        live = own | {path: _filled(self.known.get(path), array) for path, array in saved["arrays"].items()}
        marker = _live.set({**live, "": self._kept})
        try:
            rest = _loaded(saved["rest"], saved["with_torch"])
        finally:
            _live.reset(marker)
        put = _Put([*live.values(), *self._kept])
        for name, value in rest.items():
            self._state[name] = put(self._state[name], value)

    def _walk(self, value: Any, path: str) -> None:
        if type(value) in ATOMS or id(value) in self._seen or any(value is kept for kept in self._kept):
            return
        self._seen.add(id(value))
        if _has_state(value):
            self.known[path] = value
        elif (inside := _inside(value)) is not None:
            for step, part in inside:
                self._walk(part, path + step)
        else:
            self._leaves[path] = value

    def _follow(self) -> None:
        """Take over objects that the loop put in the places of known ones of their class."""
        now = Objects(self._state, self._kept).known
        there = {id(value) for value in now.values()}
        before = {id(value) for value in self.known.values()}
        for path, value in now.items():
            old = self.known.get(path)
            if id(value) not in before and type(old) is type(value) and id(old) not in there:
                self.known[path] = value

    def _references(self) -> dict[int, tuple[Any, ...]]:
        """Return what stands for an object in a pickle: its path; of a parameter of a module also its index."""
        found: dict[int, tuple[Any, ...]] = {}
        torch = sys.modules.get("torch")
        for path, value in self.known.items():
            if torch is not None and isinstance(value, torch.nn.Module):
                found.update((id(one), (path, i)) for i, one in enumerate(value.parameters()))
        found.update((id(value), (path,)) for path, value in self.known.items())
        found.update((id(value), ("", i)) for i, value in enumerate(self._kept))
        return found


# ------------------------------------------------------------------------------------------------ what stands in what


def _inside(value: Any) -> Iterator[tuple[str, Any]] | None:
    """Return the parts of a container that may be objects, each with the step to it; None: it is none."""
    if isinstance(value, dict):
        return ((f"[{key!r}]", part) for key, part in value.items() if type(part) not in ATOMS)
    if isinstance(value, list | tuple | deque):
        return ((f"[{i}]", part) for i, part in enumerate(value) if type(part) not in ATOMS)
    if _is_plain(value):
        return ((f".{name}", part) for name, part in _attributes(value).items())
    return None


def _is_plain(value: Any) -> bool:
    """Tell whether an object is its attributes: pickle does nothing special for it."""
    cls: Any = type(value)
    if isinstance(value, type) or cls in copyreg.dispatch_table:
        return False
    if dataclasses.is_dataclass(cls) or isinstance(value, SimpleNamespace):
        return True
    return (
        (hasattr(value, "__dict__") or any("__slots__" in base.__dict__ for base in cls.__mro__))
        and cls.__reduce_ex__ is object.__reduce_ex__
        and cls.__reduce__ is object.__reduce__
        and cls.__getstate__ is object.__getstate__
        and not any(hasattr(cls, name) for name in ("__setstate__", "__getnewargs__", "__getnewargs_ex__"))
        and not isinstance(value, set | frozenset | bytearray)
        and cls.__module__ != "builtins"
    )


def _attributes(value: Any) -> dict[str, Any]:
    found = dict(getattr(value, "__dict__", {}))
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            private = slot.startswith("__") and not slot.endswith("__")
            name = f"_{cls.__name__.lstrip('_')}{slot}" if private else slot
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                found[name] = getattr(value, name)
    return found


def _is_array(value: Any) -> bool:
    torch = sys.modules.get("torch")
    if isinstance(value, np.ndarray):
        return bool(value.dtype.kind != "O")
    return bool(torch is not None and isinstance(value, torch.Tensor))


# ---------------------------------------------------------------------------------------- objects with their own state


def _has_state(value: Any) -> bool:
    return not isinstance(value, type) and (
        _is_stateful(value)
        or _is_array(value)
        or isinstance(value, np.random.Generator)
        or (hasattr(value, "get_state") and hasattr(value, "set_state"))  # torch.Generator, numpy.random.RandomState
    )


def _is_stateful(value: Any) -> bool:
    return hasattr(value, "state_dict") and hasattr(value, "load_state_dict")


def _state_of(value: Any) -> Any:
    if _is_stateful(value):
        return value.state_dict()
    return value.bit_generator.state if isinstance(value, np.random.Generator) else value.get_state()


def _give_back(value: Any, state: Any) -> None:
    if _is_stateful(value):
        value.load_state_dict(state)
    elif isinstance(value, np.random.Generator):
        value.bit_generator.state = state
    else:
        value.set_state(state)


def _filled(value: Any, saved: Any) -> Any:
    """Return an array that is filled with what was saved; what was saved, if there is none such."""
    if type(value) is not type(saved) or value.shape != saved.shape or value.dtype != saved.dtype:
        return saved
    if isinstance(value, np.ndarray):
        if not value.flags.writeable:
            return saved
        value[...] = saved
        return value
    if value.layout != saved.layout:
        return saved
    with sys.modules["torch"].no_grad():
        return value.copy_(saved)


# ------------------------------------------------------------------------------------------------------ the rest


class _HoldsTensor(Exception):
    """A tensor is to be saved by ``torch.save``."""


class _HoldsObject(Exception):
    """A thing holds an object with a state of its own."""


class _Nowhere(io.RawIOBase):
    def write(self, data: Any) -> int:
        return len(data)


def _pickler(
    references: Mapping[int, tuple[Any, ...]], *, tensors: bool = False, alone: bool = False
) -> type[pickle.Pickler]:
    """Return what pickles the rest.

    Args:
        references: see `Objects._references`.
        tensors: whether tensors are saved; else they raise `_HoldsTensor`.
        alone: whether an object with a state of its own raises `_HoldsObject`; else it is pickled whole: it came later.
    """
    torch = sys.modules.get("torch")

    class Refers(pickle.Pickler):
        def reducer_override(self, value: Any) -> Any:
            if (reference := references.get(id(value))) is not None:
                return at, reference
            if isinstance(value, type):
                return NotImplemented
            if not tensors and torch is not None and isinstance(value, torch.Tensor):
                raise _HoldsTensor
            if alone and _is_stateful(value):
                raise _HoldsObject(type(value).__name__)
            return NotImplemented

    return Refers


def at(path: str, index: int | None = None) -> Any:
    """Return the object that a reference in a checkpoint stands for; pickles have this function by its name."""
    found = _live.get().get(path)
    if found is None:
        raise ValueError(
            f"epochs: the checkpoint refers to {path}, and there is no such object in state=; make the same objects in "
            "each run of a trial, before epochs() is called"
        )
    if index is None:
        return found
    return found[index] if path == "" else list(found.parameters())[index]


def _loaded(data: bytes, with_torch: bool) -> Any:
    if not with_torch:
        return pickle.loads(data)
    import torch

    # On the CPU, since a GPU of the same number may not be there; a tensor that is there is filled where it is.
    return torch.load(io.BytesIO(data), map_location="cpu", weights_only=False)


class _Put:
    """Puts what was saved into what is there; calling it returns what takes the place of the latter.

    Args:
        live: objects that stand for themselves in what was saved.
    """

    def __init__(self, live: list[Any]) -> None:
        self._made: dict[int, tuple[Any, Any]] = {id(one): (one, one) for one in live}

    def __call__(self, value: Any, saved: Any) -> Any:
        if type(saved) in ATOMS or saved is value:
            return saved
        if (made := self._made.get(id(saved))) is not None:
            return made[1]
        if type(value) is not type(saved):
            return saved
        if isinstance(value, dict | list | set | deque) or _is_own(value):
            self._made[id(saved)] = (saved, value)
            self._fill(value, saved)
            return value
        made = self._tuple(value, saved) if isinstance(value, tuple) else _set_up(value, saved)
        self._made[id(saved)] = (saved, made)
        return made

    def _fill(self, value: Any, saved: Any) -> None:
        if isinstance(value, dict):
            new = {key: self(value[key], part) if key in value else part for key, part in saved.items()}
            value.clear()
            value.update(new)
        elif isinstance(value, set):
            value.clear()
            value.update(saved)
        elif isinstance(value, list | deque):
            parts = [self(value[i], part) if i < len(value) else part for i, part in enumerate(saved)]
            value.clear()
            value.extend(parts)
        else:
            there, names = _attributes(value), _attributes(saved)
            for name in there.keys() - names.keys():
                object.__delattr__(value, name)
            for name, part in names.items():
                _set_attribute(value, name, self(there[name], part) if name in there else part)

    def _tuple(self, value: Any, saved: Any) -> Any:
        parts = [self(value[i], part) if i < len(value) else part for i, part in enumerate(saved)]
        if len(parts) == len(value) and all(a is b for a, b in zip(parts, value, strict=True)):
            return value
        return type(saved)._make(parts) if hasattr(saved, "_make") else type(saved)(parts)


def _is_own(value: Any) -> bool:
    """Tell whether a plain object is one of its own, and no value that equals others."""
    return _is_plain(value) and not _is_value(value)


def _is_value(value: Any) -> bool:
    """Tell whether an object has a hash of its own: it is what it holds, and never changes."""
    own: Any = type(value).__hash__
    return own is not None and own is not object.__hash__


def _set_attribute(value: Any, name: str, part: Any) -> None:
    own = getattr(value, "__dict__", None)
    if own is not None and not isinstance(getattr(type(value), name, None), MemberDescriptorType):
        own[name] = part
    else:
        object.__setattr__(value, name, part)


def _set_up(value: Any, saved: Any) -> Any:
    """Return an object that pickles in its own way, with the state of the saved one; else the saved one."""
    if _is_value(value) or not hasattr(value, "__setstate__"):
        return saved
    reduced = saved.__reduce_ex__(4)  # as pickle makes a new one: from its class alone, and then its state
    made = reduced[:2] if isinstance(reduced, tuple) and len(reduced) > 2 and not any(reduced[3:]) else None
    if made not in ((NEW, (type(saved),)), (type(saved), ())):
        return saved
    if hasattr(value, "__dict__"):
        vars(value).clear()
    value.__setstate__(reduced[2])
    return value
