"""Hyperopt's trials, pickled: what ``pickle.dump(trials, file)`` and ``trials_save_file=`` of ``fmin`` leave.

A pickle of trials has no space: it is in the program, or in what `fmin` keeps for workers. So the ranges are taken from
the values, or from what the user says. Of ``hp.choice`` the trials have indices; a choice that the user names is
counted by them.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tunesmith.errors import SourceError
from tunesmith.foundation.storable import storable
from tunesmith.foundation.text import name_and_message
from tunesmith.interchange.limits import Limits, cell_number, is_missing, plain
from tunesmith.interchange.runs import Run, RunTable, Wishes, study_of
from tunesmith.interchange.study import ImportedStudy
from tunesmith.space import Categorical
from tunesmith.space.convert import as_parameter

_STATES = {0: "new", 1: "running", 2: "done", 3: "error", 4: "cancelled"}
_STUBS = ("hyperopt.", "bson.", "pymongo.")
MOST_CHOICES = 20  # a larger index is hardly one of a choice
_RESULT = ("loss", "status", "attachments")


def refusal(place: str) -> str:
    """Return why a pickle is not loaded."""
    return (
        f"{place} is a pickle. To load one is to run whatever code is in it, so it is done only if you say that you "
        "trust the file: --unsafe-pickle (in Python unsafe_pickle=True)"
    )


def read_trials(path: Path, place: str, wishes: Wishes, limits: Limits) -> ImportedStudy:
    """Load a pickle of trials; this runs the code that is in it.

    Args:
        wishes: ranges, and the study's name.

    Raises:
        SourceError: the pickle cannot be loaded, or holds no trials.
    """
    data = limits.read(path)
    try:
        loaded = _Unpickler(io.BytesIO(data)).load()
    except Exception as error:  # a pickle that is damaged, or whose classes are not there, raises anything
        raise SourceError(f"{place} cannot be unpickled: {name_and_message(error)}") from error
    return study_of_trials(loaded, path.stem, place, wishes)


def study_of_trials(trials: Any, name: str, place: str, wishes: Wishes) -> ImportedStudy:
    """Return the study of a ``Trials`` object.

    Args:
        place: where it was, for people.
        wishes: ranges, and the study's name.

    Raises:
        SourceError: it holds no trials.
    """
    documents = getattr(trials, "_dynamic_trials", None)
    if not isinstance(documents, Sequence) or not all(isinstance(d, Mapping) for d in documents):
        raise SourceError(f"{place} holds a {type(trials).__name__}, and no Trials of Hyperopt's")
    if wishes.maximize or set(wishes.minimize) - {"loss"}:
        raise SourceError(f"{place}: Hyperopt minimizes 'loss'; leave out --minimize and --maximize")
    runs = [_run(document) for document in documents]
    choices = {
        label: parameter
        for label, what in wishes.params.items()
        if what is not None and isinstance(parameter := as_parameter(label, what), Categorical)
    }
    for run in runs:
        for label, parameter in choices.items():
            index = run.params.get(label)
            if isinstance(index, int) and not parameter.contains(index) and 0 <= index < len(parameter.choices):
                run.params[label] = parameter.choices[index]
    indices = {
        label
        for run in runs
        for label, value in run.params.items()
        if isinstance(value, int) and label not in wishes.params and 0 <= value < MOST_CHOICES
    }
    _whole_numbers(runs, wishes.params)
    table = RunTable(name, "Hyperopt", place, runs)
    if indices:
        listed = ", ".join(sorted(indices))
        table.notes.append(
            f"of hp.choice, Hyperopt stores indices; if one of these is one ({listed}), --param 'NAME=first | second' "
            "names its choices"
        )
    return study_of(table, Wishes(("loss",), (), wishes.params, {}, wishes.study, wishes.facts))


def _whole_numbers(runs: Sequence[Run], given: Mapping[str, Any]) -> None:
    """Make whole numbers of what ``hp.uniformint`` and ``hp.quniform`` store as real ones."""
    for label in {name for run in runs for name in run.params if given.get(name) is None}:
        values = [run.params[label] for run in runs if label in run.params]
        if all(isinstance(v, float) and v.is_integer() and abs(v) < 2**53 for v in values):
            for run in runs:
                if label in run.params:
                    run.params[label] = int(run.params[label])


def _run(document: Mapping[str, Any]) -> Run:
    result, misc = document.get("result") or {}, document.get("misc") or {}
    run = Run(f"hyperopt/{document.get('tid')}", state=_STATES.get(document.get("state", 2), "done"))
    if run.state == "done" and result.get("status") != "ok":
        run.state = "failed" if result.get("status") == "fail" else str(result.get("status"))
    for label, values in (misc.get("vals") or {}).items():
        if len(values):  # an empty list: not active in this trial
            run.params[str(label)] = plain(values[0])
    loss = cell_number(result.get("loss"))
    if loss is not None:
        run.metrics["loss"] = loss
    error = misc.get("error")
    run.reason = ": ".join(map(str, error)) if isinstance(error, Sequence) and not isinstance(error, str) else error
    for key, value in result.items():
        if key not in _RESULT and not is_missing(value):
            try:
                run.attrs[str(key)] = storable(str(key), value)
            except ValueError:
                run.attrs[str(key)] = str(type(value).__name__)
    run.started, run.finished = _time(document.get("book_time")), _time(document.get("refresh_time"))
    return run


def _time(value: Any) -> float:
    """Return a moment as unix time; Hyperopt's are in UTC, without saying so."""
    return value.replace(tzinfo=UTC).timestamp() if isinstance(value, datetime) else float("nan")


class _Unpickler(pickle.Unpickler):
    """Loads trials where Hyperopt is not installed, too: its classes become ones that keep what they are given."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        try:
            return super().find_class(module_name, global_name)
        except (ImportError, AttributeError):
            if f"{module_name}.".startswith(_STUBS):
                return type(global_name, (_Stub,), {})
            raise


class _Stub(dict[str, Any]):
    """Stands for an object of a class that is not installed."""

    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(state if isinstance(state, Mapping) else {})
