"""The messages between the driver and a worker process, as bytes, and the pickles in them.

A message is data: a word, values as JSON, and parts as they are. Pickled are those parts alone that belong to the user:
the trial with its space, the value that the objective returned, and what it raised.

The space of a trial is by far its largest part and the same from trial to trial, so it is sent when it changes: a
trial is pickled without its `Proposals`, and whoever unpickles it puts its own in.
"""

from __future__ import annotations

import builtins
import contextlib
import dis
import functools
import io
import json
import mmap
import pickle
import struct
import tempfile
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from types import CodeType
from typing import IO, Any, Literal

import numpy as np
from numpy import ndarray

from tunesmith.errors import ObjectiveError
from tunesmith.foundation.system import can_inherit_files
from tunesmith.foundation.text import message_of, name_and_message, real, shown
from tunesmith.trial import Proposals, Trial

# A message is a word of one byte and what belongs to it. From the worker process, up to its first trial:
READY = b"r"  # (): the process runs and waits for the objective
LOADED = b"l"  # (): the objective is there
UNUSABLE = b"u"  # (reason, traceback): the objective cannot be loaded in this process
# and of a trial, each with the number that the worker drew for the run:
BEGUN = b"b"  # (run,): the objective is called now
REPORT = b"v"  # (run, step, value, cost, whether the objective gave it); not answered
NOTE = b"n"  # (run, key, value); not answered
LOG = b"m"  # (run, names) and for each name the parts steps and values, int64 and float64; not answered
# (run,), or (run, step) of a step before this attempt: should the trial be pruned? Answered by a message of ANSWER, as
# POINTERS is
ASK = b"a"
POINTERS = b"p"  # (run, what, arguments): of artifacts, see remote_pointers
END = b"e"  # (run,), and the parts trial, value and None
FAULT = b"f"  # (run,), and the parts trial, value and Fault
# From who watches over the worker process:
DIED = b"d"  # (FailureKind | None, words): the process ended, and with it the trial
PRINTED = b"o"  # (text,) and the part FAULT or DIED: either of these, with the end of what was printed
# To the worker process:
ANSWER = b"w"  # (anything,), and the part Fault | None
LENGTH = struct.Struct(">Q")  # before the JSON and before each part


def pack(word: bytes, *values: Any, parts: Sequence[bytes] = ()) -> bytes:
    """Return a message.

    Args:
        word: what it says, one byte.
        values: what JSON can hold.
        parts: what is sent as it is.
    """
    pieces = [json.dumps(values).encode(), *parts]
    return word + b"".join([piece for whole in pieces for piece in (LENGTH.pack(len(whole)), whole)])


def unpack(message: bytes) -> tuple[Any, ...]:
    """Return what a message holds beside its word, which is its first byte: the values, and the parts after them.

    Raises:
        ValueError: it is no message.
    """
    pieces, at = [], 1
    while at < len(message):
        begin = at + LENGTH.size
        if begin > len(message) or (at := begin + LENGTH.unpack_from(message, begin - LENGTH.size)[0]) > len(message):
            raise ValueError("a message is cut off")
        pieces.append(message[begin:at])
    values = json.loads(pieces[0]) if pieces else None
    if not isinstance(values, list):
        raise ValueError("a message without its values")
    return (*values, *pieces[1:])


def dump(thing: Any, shared: SharedArrays | None = None) -> bytes:
    """Pickle anything: functions and classes that only this process has are sent along by value.

    Args:
        shared: takes the large arrays in it; None: they are pickled as well.
    """
    out = io.BytesIO()
    pickler = _pickler_by_value()(out, protocol=pickle.HIGHEST_PROTOCOL)
    pickler.shared = shared
    pickler.dump(thing)
    return out.getvalue()


def dump_trial(trial: Trial) -> tuple[bytes, Proposals | None]:
    """Pickle a trial without its proposals; return these beside it."""
    out = io.BytesIO()
    pickler = _pickler_by_value()(out, protocol=pickle.HIGHEST_PROTOCOL)
    pickler.apart = True
    pickler.dump(trial)
    return out.getvalue(), pickler.met


def load_trial(data: bytes, proposals: Proposals | None) -> Trial:
    """Unpickle a trial and give it its proposals."""
    trial: Trial = _TrialUnpickler(data, proposals).load()
    return trial


@cache
def _pickler_by_value() -> Any:
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle is untyped
        apart = False  # whether proposals are left out, and kept here instead
        met: Proposals | None = None
        shared: SharedArrays | None = None

        def persistent_id(self, thing: Any) -> int | None:
            if self.apart and type(thing) is Proposals:
                self.met = thing
                return 0
            return None

        def reducer_override(self, thing: Any) -> Any:
            if self.shared is not None and isinstance(thing, ndarray):
                reduced = self.shared.reduce(thing)
                return NotImplemented if reduced is None else reduced
            if getattr(type(thing), "only_here", False) is True:
                raise pickle.PicklingError(
                    f"a {type(thing).__name__} lives in the memory of this process, and a copy of it elsewhere would "
                    "be another one; give the study a storage= that processes can share"
                )
            if type(thing) is not CodeType or CodeType not in self.dispatch_table:
                return super().reducer_override(thing)
            # cloudpickle forgets the file that code is from; with it, the worker's tracebacks show the lines.
            make, arguments = self.dispatch_table[CodeType](thing)
            return make, tuple(thing.co_filename if a == "<dynamic-code>" else a for a in arguments)

    return Pickler


class _TrialUnpickler(pickle.Unpickler):
    def __init__(self, data: bytes, proposals: Proposals | None) -> None:
        super().__init__(io.BytesIO(data))
        self._proposals = proposals

    def persistent_load(self, pid: Any) -> Any:
        return self._proposals


# -- results -----------------------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Turn numbers of other libraries (NumPy scalars, 0-d tensors) into floats: the driver may not have the library.

    What is no number, or no list or tuple of numbers, stays as it is: the study says what is wrong with it.
    """
    if value is None or isinstance(value, float | int | str | bytes):
        return float(value) if isinstance(value, float) else value  # NumPy's float64 is a float, too
    if type(value) in (list, tuple):
        return type(value)(plain(item) for item in value)
    if hasattr(type(value), "__float__"):
        try:
            return real(value)
        except Exception:  # an array of several numbers, say, or a complex one
            return value
    return value


def dump_end(run: int, trial: Trial, value: Any, fault: Fault | None) -> bytes:
    """Pickle the end of a trial; where a part cannot be pickled, the trial fails with an `ObjectiveError`."""
    left_out: list[str] = []
    try:
        value_bytes = dump(plain(value))
    except Exception as error:
        value_bytes = dump(None)
        left_out.append(f"the objective returned a {_name(value)}, which cannot be pickled ({name_and_message(error)})")
    try:
        trial_bytes = dump_trial(trial)[0]
    except Exception as error:  # a choice of a parameter, say
        trial_bytes = b""
        left_out.append(f"its parameters cannot be pickled ({name_and_message(error)})")
    if left_out and fault is None:
        text = f"trial {trial.number}: {'; '.join(left_out)}; only what can be pickled gets out of a worker process"
        fault = dump_fault(ObjectiveError(text), "")
    return pack(END if fault is None else FAULT, run, parts=(trial_bytes, value_bytes, pickle.dumps(fault)))


def _name(thing: Any) -> str:
    return type(thing).__qualname__


# -- errors ------------------------------------------------------------------------------------------------------------

# (the error pickled, its class pickled, what it says, its class's name, its traceback); empty bytes: cannot be pickled
Fault = tuple[bytes, bytes, str, str, str]


def dump_answer(answer: Any, fault: Fault | None = None) -> bytes:
    """Return the message that answers a question.

    Args:
        answer: what JSON can hold.
        fault: what went wrong; None: nothing.
    """
    return pack(ANSWER, answer, parts=[pickle.dumps(fault)])


def load_answer(message: bytes) -> tuple[Any, Fault | None]:
    """Return the answer to a question, and what went wrong with it."""
    answer, fault = unpack(message)
    return answer, pickle.loads(fault)


def dump_fault(error: BaseException, trace: str) -> Fault:
    """Pickle an error, and its class, message and traceback apart, for where the error cannot be loaded."""
    return try_dump(error) or b"", try_dump(type(error)) or b"", message_of(error), _name(error), trace


def load_fault(fault: Fault) -> BaseException:
    """Rebuild an error.

    An error that does not survive pickling (its constructor takes other arguments than its message, say) keeps its
    class where that can be done, so that `catch` still knows it; else it becomes a RuntimeError that says what it was.
    """
    error_bytes, class_bytes, text, name, trace = fault
    whole = _try_load(error_bytes)
    error: BaseException = (
        whole
        if isinstance(whole, BaseException)
        else _bare(_try_load(class_bytes), text) or RuntimeError(f"{name}: {text}")
    )
    if trace:
        error.add_note(f"In the worker process:\n{trace}")
    return error


def try_dump(thing: Any) -> bytes | None:
    """Pickle anything as `dump` does; return None if that cannot be done."""
    try:
        return dump(thing)
    except Exception:
        return None


def _try_load(data: bytes) -> Any:
    try:
        return pickle.loads(data) if data else None
    except Exception:
        return None


def _bare(kind: Any, text: str) -> BaseException | None:
    """Return an error of a class with nothing but a message, if the class lets itself be used like that."""
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        return None
    try:
        error = kind.__new__(kind)
        error.args = (text,)
        faithful = str(error) == text
    except Exception:
        return None
    return error if faithful and isinstance(error, BaseException) else None


# ----------------------------------------------------------------------------------------------------------------------
# Finds the variable of an objective that cannot be pickled.

REFERENCES_SEARCHED = 6  # levels of references that are searched


def find_unpicklable(thing: Any, pickles: Callable[[Any], bool]) -> str | None:
    """Name what keeps a thing from being pickled: "the variable 'lock' (a _thread.lock)", with the way to it.

    Args:
        pickles: tells whether something can be pickled by itself.

    Returns:
        Words for a message; None if it is the thing itself, or cannot be told.
    """
    path: list[str] = []
    culprit, seen = thing, {id(thing)}
    while len(path) < REFERENCES_SEARCHED:
        found = next(
            ((words, part) for words, part in _parts(culprit) if id(part) not in seen and not pickles(part)), None
        )
        if found is None:
            break
        path.append(found[0])
        culprit = found[1]
        seen.add(id(culprit))
    if not path:
        return None
    kind = type(culprit)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{' of '.join(reversed(path))} is a {name}: {shown(culprit)}"


def _parts(thing: Any) -> Iterator[tuple[str, Any]]:
    """What is pickled along with a thing, each with words for it."""
    if isinstance(thing, functools.partial):
        yield "the function of a partial", thing.func
        for i, value in enumerate(thing.args):
            yield f"the argument {i} of a partial", value
        for name, value in thing.keywords.items():
            yield f"the argument {name!r} of a partial", value
    elif isinstance(thing, types.MethodType):
        yield f"the object of the method {thing.__name__!r}", thing.__self__
    elif isinstance(thing, types.FunctionType):
        yield from _variables(thing)
    elif isinstance(thing, (list, tuple, set, frozenset)):
        yield from ((f"an item ({i})", item) for i, item in enumerate(thing))
    elif isinstance(thing, Mapping):
        yield from ((f"the entry {shown(key, 40)}", value) for key, value in thing.items())
    elif getattr(type(thing), "__getstate__", None) is vars(object)["__getstate__"]:
        held = getattr(thing, "__dict__", None)  # one with a way of its own says itself what is wrong
        if isinstance(held, dict):
            yield from ((f"the attribute {name!r}", value) for name, value in held.items())


def _variables(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """The variables that a function refers to: those of enclosing functions and of its module, and its defaults."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f"the variable {name!r}", cell.cell_contents
        except ValueError:  # not set yet
            continue
    for name in _global_names(function.__code__):
        if name in function.__globals__ and not hasattr(builtins, name):
            yield f"the variable {name!r}", function.__globals__[name]
    for value in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
        yield f"a default of the function {function.__name__!r}", value


def _global_names(code: types.CodeType) -> list[str]:
    """Names of the module's variables in a function and in the functions that it makes."""
    names = [str(i.argval) for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names += _global_names(constant)
    return list(dict.fromkeys(names))


# ----------------------------------------------------------------------------------------------------------------------
# Shares the large arrays that an objective refers to among the worker processes of this machine.
#
# They are written once to a temporary file without a name, which each worker inherits open and maps. So there is one
# copy in memory however many workers there are, and nothing is left when all are gone, however they ended. Each worker
# maps the file for itself: an objective that writes to an array changes its own copy of the page, and nobody else's.

SHARED_ARRAY_BYTES = 1 << 20  # bytes of an array that is shared
SHARED_ARRAY_ALIGNMENT = 64


class SharedArrays:
    """The file of the large arrays of one objective."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None

    @property
    def handle(self) -> int | None:
        """The open file, for workers to inherit; None: there is no large array."""
        return None if self._file is None else self._file.fileno()

    def reduce(self, array: np.ndarray[Any, Any]) -> tuple[Any, ...] | None:
        """Write an array to the file; return how a worker finds it there, as ``__reduce__`` does. None: pickle it."""
        if (
            not can_inherit_files()
            or array.nbytes < SHARED_ARRAY_BYTES
            or array.dtype.hasobject
            or type(array) is not np.ndarray
        ):
            return None
        order: Literal["C", "F"] = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
        with contextlib.suppress(OSError):  # no room: it is sent to each worker
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="tunesmith-")  # noqa: SIM115 - open as long as the workers run
            file = self._file
            at = file.seek(0, 2)
            at += file.write(b"\0" * (-at % SHARED_ARRAY_ALIGNMENT))
            # ravel copies nothing of a contiguous array
            file.write(array.ravel(order=order).view(np.uint8).data)
            file.flush()
            return load_shared, (file.fileno(), at, array.dtype, array.shape, order)
        return None

    def close(self) -> None:
        """Let go of the file; it is gone when the last worker is."""
        if self._file is not None:
            self._file.close()
            self._file = None


@cache
def _mapped(handle: int) -> mmap.mmap:
    return mmap.mmap(handle, 0, access=mmap.ACCESS_COPY)


def load_shared(handle: int, at: int, dtype: Any, shape: tuple[int, ...], order: Any) -> np.ndarray[Any, Any]:
    """Return an array of the file that this worker inherited.

    Args:
        handle: the open file.
        at: where the array begins.
        order: "C" or "F".

    Returns:
        The array; what is written to it stays in this process.
    """
    return np.ndarray(shape, dtype, _mapped(handle), at, order=order)
