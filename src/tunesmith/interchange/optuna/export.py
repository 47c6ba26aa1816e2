"""`to_optuna`: writes a study where Optuna reads it: an SQLite file, or a journal file."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tunesmith.errors import MissingDependencyError, SourceError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.states import StudyDirection, TrialState
from tunesmith.foundation.system.replacing import replacing
from tunesmith.interchange.databases import reading, table_names
from tunesmith.interchange.optuna.database import OPTUNA_TABLES
from tunesmith.interchange.optuna.trials import FIXED, NAMES, OTHERS_KEY, REASON, RawStudy, RawTrial, write_distribution
from tunesmith.space import Categorical, Combinatorial, Float, Int, Parameter
from tunesmith.space.words import words_of_parameter
from tunesmith.storage.redact import FILE_ENDINGS, shown_spec
from tunesmith.study import Study
from tunesmith.study.verdict import read_verdict
from tunesmith.trial.record import NOISE, TrialRecord

# -- a study of ours as Optuna stores one: what becomes of each trial, and what Optuna has no place for -------------

OTHERS_SIGN = f"{OTHERS_KEY}:"  # how the names begin of system attributes that programs set under Optuna's names
RAN_AT_EXPORT = "it was running when it was exported"
VERDICT = "verdict"  # the attribute that says what the search of the study decided
TRIALS_AT_ONCE = 100  # whose metrics are looked at
PARAMETER = "param:"  # before the name of an attribute that is a parameter's value


@dataclass(slots=True)
class Outgoing(RawStudy):
    """A study of ours as Optuna stores it.

    Attributes:
        notes: what Optuna has no place for, in words, with how often.
    """

    notes: dict[str, int] = field(default_factory=dict)

    def note(self, what: str) -> None:
        """Count a thing that Optuna has no place for."""
        self.notes[what] = self.notes.get(what, 0) + 1


def outgoing(study: Study) -> Outgoing:
    """Return a study as Optuna stores it.

    All trials keep their numbers: one that runs has failed there, and a paused trial is a pruned one.
    """
    record = study.storage.load_study(study.study_name)
    system = dict(record.system.get(OTHERS_KEY) or {})
    system |= {
        key.removeprefix(OTHERS_SIGN): value for key, value in record.system.items() if key.startswith(OTHERS_SIGN)
    }
    if (names := study.metric_names) is not None:
        system[NAMES] = names
    ways = [1 if direction == StudyDirection.MINIMIZE else 2 for direction in study.directions]
    out = Outgoing(study.study_name, ways, dict(record.user), system)
    if (decided := read_verdict(record.system, record.name)) is not None:
        out.user.setdefault(VERDICT, decided.report.verdict())
    trials = study.trials
    columns = _held_values(trials)
    texts = {key: write_distribution(parameter) for key, parameter in columns.items()}
    for trial in trials:
        out.trials.append(_raw(trial, columns, texts, out, record.created))
    for begin in range(0, len(trials), TRIALS_AT_ONCE):
        numbers = [trial.number for trial in trials[begin : begin + TRIALS_AT_ONCE]]
        for _ in study.storage.metrics(record.id, numbers):
            out.note("trials that logged metrics by step, for which Optuna has no place")
    return out


def _held_values(trials: Iterable[TrialRecord]) -> dict[tuple[str, bool], Parameter]:
    """Return, by name and whether it is a choice, what holds the values of all trials, as far as Optuna needs that.

    Ranges of numbers may differ between trials in Optuna as well, and are not among them; choices may not, and a
    distribution of scipy's has no counterpart there.
    """
    labels: dict[str, list[Any]] = {}
    spans: dict[str, tuple[float, float]] = {}
    seen: set[int] = set()
    for trial in trials:
        if trial.space is None or trial.x is None:
            continue
        fresh = id(trial.space) not in seen
        seen.add(id(trial.space))
        for (name, parameter), x in zip(trial.space.params.items(), trial.x, strict=True):
            if isinstance(parameter, Categorical):
                if fresh:
                    known = labels.setdefault(name, [])
                    held = Categorical(known) if known else None
                    known += [label for label in parameter.labels if held is None or not held.contains(label)]
            elif isinstance(parameter, Combinatorial):
                known = labels.setdefault(name, [])
                if x == x and (text := parameter.to_text(x)) not in known:
                    known.append(text)
            elif not isinstance(parameter, Int | Float) and x == x:
                low, high = spans.get(name, (x, x))
                spans[name] = min(low, x), max(high, x)
    found: dict[tuple[str, bool], Parameter] = {
        (name, True): Categorical(known) for name, known in labels.items() if known
    }
    return found | {(name, False): Float(low, high) for name, (low, high) in spans.items()}


def _reports(trial: TrialRecord, out: Outgoing) -> dict[int, float]:
    found = {step: value if isinstance(value, tuple) else (value,) for step, value in trial.intermediate_values.items()}
    if any(other == other for _, *others in found.values() for other in others):
        out.note("reports of several objectives, of which the first one's remain")
    return {step: values[0] for step, values in found.items()}


def _raw(
    trial: TrialRecord,
    columns: Mapping[tuple[str, bool], Parameter],
    texts: Mapping[tuple[str, bool], str],
    out: Outgoing,
    created: float,
) -> RawTrial:
    state, reason = trial.state, trial.reason
    if state is TrialState.RUNNING:
        state, reason = TrialState.FAIL, RAN_AT_EXPORT
        out.note("running trials, which have failed there, so that all keep their numbers")
    elif state is TrialState.PAUSED:
        state = TrialState.PRUNED
    raw = RawTrial(trial.number, int(state), user=dict(trial.user_attrs), reports=_reports(trial, out))
    system = trial.system_attrs
    raw.system = dict(system.get(OTHERS_KEY) or {})
    raw.system |= {key.removeprefix(OTHERS_SIGN): value for key, value in system.items() if key.startswith(OTHERS_SIGN)}
    raw.system |= {f"constraints:{name}": value for name, value in (trial.constraints or {}).items()}
    if trial.noise is not None:
        raw.system[NOISE] = list(trial.noise)
    if reason is not None:
        raw.system[REASON] = reason
    if trial.fixed:
        raw.system[FIXED] = dict(trial.fixed)
    if state is not TrialState.FAIL:
        raw.values = trial.values
    if state is not TrialState.WAITING:
        raw.started = next((t for t in (trial.started, trial.finished) if t == t), created)
        raw.finished = next((t for t in (trial.finished, trial.started) if t == t), created)
        if trial.state is not TrialState.RUNNING and (math.isnan(trial.started) or math.isnan(trial.finished)):
            out.note("times that are not known, and are those of the study there")
    if trial.previous_attempts:
        out.note("earlier attempts at a trial, of which the learning curve remains")
    if trial.space is None or trial.x is None:
        return raw
    for (name, parameter), x in zip(trial.space.params.items(), trial.x, strict=True):
        if x != x and name not in trial.outside:
            continue  # not used
        is_choice = isinstance(parameter, Categorical | Combinatorial)
        held = None if isinstance(parameter, Int | Float) else columns.get((name, is_choice))
        text = write_distribution(parameter) if held is None else texts[name, isinstance(held, Categorical)]
        inner = x if x == x else trial.outside.get(name)
        if isinstance(held, Categorical):  # by its place among the choices of all trials
            inner = held.to_internal(_label_there(parameter, x)) if x == x else None
        if isinstance(parameter, Combinatorial):
            out.note("permutations and subsets, which are choices there, by text, among those that were tried")
        word = next((word for word, place in words_of_parameter(parameter) if place == x), inner)
        if word != inner:  # Optuna's ranges have numbers alone
            raw.user[PARAMETER + name] = word
            out.note("values such as None and 'scale', which are numbers there and attributes with what they were")
        if isinstance(inner, int | float) and inner == inner:
            raw.params.append((name, float(inner), text))
        elif name in trial.outside:
            raw.user[PARAMETER + name] = trial.outside[name]
            out.note("values that are none of a parameter's choices, and became attributes")
    return raw


def _label_there(parameter: Parameter, x: float) -> Any:
    return parameter.to_text(x) if isinstance(parameter, Combinatorial) else parameter.to_label(x)


JOURNALS = (".log", ".journal", ".jsonl")
REVISION = "v3.2.0.a"  # of the tables that are written: those of Optuna 3.2 to 5
_WAYS = {1: "MINIMIZE", 2: "MAXIMIZE"}
_INFINITIES = {math.inf: "INF_POS", -math.inf: "INF_NEG"}


@checked()
def to_optuna(study: Study, path: str | Path, study_name: str | None = None) -> list[str]:
    """Write a study into a file that Optuna opens.

    An SQLite file gets Optuna's tables from Optuna itself, which has to be installed; if it has them, the study is
    added. A journal file needs nothing, and must not be there.

    Args:
        study: what is written.
        path: a file ending in .db, .sqlite or .sqlite3, or for a journal in .log, .journal or .jsonl.
        study_name: its name there; None: the same.

    Returns:
        sentences on what Optuna has no place for.

    Raises:
        SourceError: the file cannot be written, or has a study of that name.
        MissingDependencyError: Optuna is needed and not installed.

    Example:
        ```python
        import tunesmith
        from tunesmith import compat

        study = tunesmith.create_study(study_name="mine", seed=0)
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=5)
        compat.to_optuna(study, "optuna.log")
        ```
    """
    path = Path(path)
    write = _write_by_name(path)
    out = outgoing(study)
    out.name = study_name or out.name
    try:
        write(path, out)
    except OSError as error:
        raise SourceError(f"{shown_spec(path)} cannot be written: {error.strerror or error}") from error
    return [f"{what}: {n:,}" for what, n in out.notes.items()]


def _write_by_name(path: Path) -> Callable[[Path, Outgoing], None]:
    ending = path.suffix.lower()
    if ending in JOURNALS:
        if path.exists():
            raise SourceError(f"{shown_spec(path)} is there already; a journal is written to a new file")
        return _write_journal
    if ending in FILE_ENDINGS:
        return _write_database
    raise SourceError(
        f"{shown_spec(path)}: its name says not what to write; it ends in {', '.join(FILE_ENDINGS)} for an SQLite "
        f"file, in {', '.join(JOURNALS)} for a journal"
    )


# -- a journal ---------------------------------------------------------------------------------------------------------


def _write_journal(path: Path, out: Outgoing) -> None:
    with replacing(path) as part, part.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in _operations(out))


def _operations(out: Outgoing) -> Iterator[dict[str, Any]]:
    start: dict[str, Any] = {"worker_id": "tunesmith"}
    yield {"op_code": 0, **start, "study_name": out.name, "directions": out.directions}
    for code, kind, attributes in ((2, "user_attr", out.user), (3, "system_attr", out.system)):
        for key, value in attributes.items():
            yield {"op_code": code, **start, "study_id": 0, kind: {key: value}}
    for raw in out.trials:
        several = len(out.directions) > 1
        yield {
            "op_code": 4,
            **start,
            "study_id": 0,
            "state": raw.state,
            "value": raw.values[0] if raw.values and not several else None,
            "values": list(raw.values) if raw.values and several else None,
            "datetime_start": None if math.isnan(raw.started) else _utc(raw.started).isoformat(),
            **({} if math.isnan(raw.finished) else {"datetime_complete": _utc(raw.finished).isoformat()}),
            "params": {name: value for name, value, _ in raw.params},
            "distributions": {name: text for name, _, text in raw.params},
            "user_attrs": raw.user,
            "system_attrs": raw.system,
            "intermediate_values": {str(step): value for step, value in raw.reports.items()},
        }


def _utc(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC)


# -- a database --------------------------------------------------------------------------------------------------------


def _write_database(path: Path, out: Outgoing) -> None:
    try:
        import optuna
    except ImportError as error:
        raise MissingDependencyError(
            f"{shown_spec(path)}: the tables of an SQLite file are made by Optuna itself, which is not installed: pip "
            "install optuna; or write a journal file, such as -o optuna.log, which needs nothing"
        ) from error
    import sqlalchemy as sa

    was_there = path.exists()
    if was_there:
        _refuse_others(path)
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        optuna.storages.RDBStorage(f"sqlite:///{path.absolute()}").engine.dispose()
    except Exception as error:  # what Optuna says of a file that it cannot open
        raise SourceError(f"{shown_spec(path)}: Optuna cannot open it: {error}") from error
    finally:
        optuna.logging.set_verbosity(before)
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(path.absolute())), poolclass=sa.NullPool)
    try:
        with engine.begin() as connection:
            _insert(connection, path, out)
    except BaseException:
        if not was_there:
            path.unlink(missing_ok=True)
        raise
    finally:
        engine.dispose()


def _refuse_others(path: Path) -> None:
    """Refuse a file that is there and is not a database of Optuna's: its tables would be added to it."""
    with reading(path) as (connection, place):
        if not table_names(connection) >= OPTUNA_TABLES:
            raise SourceError(f"{place} is there already, and is no database of Optuna's; choose another file")


def _insert(connection: Any, path: Path, out: Outgoing) -> None:
    """Insert a study into Optuna's tables, in one transaction."""
    import sqlalchemy as sa

    def one(query: str) -> Any:
        return connection.execute(sa.text(query), {"name": out.name}).scalar()

    if one("SELECT version_num FROM alembic_version") != REVISION:
        raise SourceError(
            f"{shown_spec(path)}: the Optuna that is installed has tables that are not known here; write a journal "
            "file (-o optuna.log)"
        )
    if one("SELECT count(*) FROM studies WHERE study_name = :name"):
        raise SourceError(f"{shown_spec(path)} has a study {out.name!r} already; choose another file")
    study_id = (one("SELECT max(study_id) FROM studies") or 0) + 1
    first = (one("SELECT max(trial_id) FROM trials") or 0) + 1
    for table, rows in _table_rows(out, study_id, first).items():
        if rows:
            columns = ", ".join(rows[0])
            marks = ", ".join(f":{column}" for column in rows[0])
            connection.execute(sa.text(f"INSERT INTO {table} ({columns}) VALUES ({marks})"), rows)


def _table_rows(out: Outgoing, study_id: int, first: int) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each table; a trial's id follows from its number."""
    of_study: dict[str, Any] = {"study_id": study_id}
    rows: dict[str, list[dict[str, Any]]] = {
        "studies": [{**of_study, "study_name": out.name}],
        "study_directions": [
            {**of_study, "objective": i, "direction": _WAYS[way]} for i, way in enumerate(out.directions)
        ],
        "study_user_attributes": _attribute_rows(of_study, out.user),
        "study_system_attributes": _attribute_rows(of_study, out.system),
        **{name: [] for name in ("trials", "trial_values", "trial_params", "trial_intermediate_values")},
        **{name: [] for name in ("trial_user_attributes", "trial_system_attributes")},
    }
    for raw in out.trials:
        trial: dict[str, Any] = {"trial_id": first + raw.number}
        rows["trials"].append({**trial, **of_study, **_trial(raw)})
        for i, value in enumerate(raw.values or ()):
            kind = _INFINITIES.get(value, "FINITE")
            held = value if kind == "FINITE" else None
            rows["trial_values"].append({**trial, "objective": i, "value": held, "value_type": kind})
        for name, number, text in raw.params:
            rows["trial_params"].append({**trial, "param_name": name, "param_value": number, "distribution_json": text})
        for step, value in raw.reports.items():
            kind = "NAN" if value != value else _INFINITIES.get(value, "FINITE")
            held = value if kind == "FINITE" else None
            rows["trial_intermediate_values"].append(
                {**trial, "step": step, "intermediate_value": held, "intermediate_value_type": kind}
            )
        rows["trial_user_attributes"] += _attribute_rows(trial, raw.user)
        rows["trial_system_attributes"] += _attribute_rows(trial, raw.system)
    return rows


def _trial(raw: RawTrial) -> dict[str, Any]:
    times = {"datetime_start": raw.started, "datetime_complete": raw.finished}
    return {
        "number": raw.number,
        "state": TrialState(raw.state).name,
        **{key: None if math.isnan(t) else f"{_utc(t):%Y-%m-%d %H:%M:%S.%f}" for key, t in times.items()},
    }


def _attribute_rows(of: Mapping[str, Any], attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{**of, "key": key, "value_json": json.dumps(value)} for key, value in attributes.items()]
