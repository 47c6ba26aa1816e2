"""The queries of `reads.py`, each compiled once for a database."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa  # noqa: TID253 - see schema.py

from tunesmith.storage.sql.schema import (
    FINISHED,
    IS_WAITING,
    OF_STUDY,
    OPEN,
    PAUSED,
    RANKED,
    RUNNING,
    SYSTEM,
    USER,
    attrs,
    reports,
    spaces,
    studies,
    trials,
)  # fmt: skip
from tunesmith.trial.record import NOISE

_STUDY: sa.BindParameter[Any] = sa.bindparam("study")
_t, _s, _r, _a = trials.c, studies.c, reports.c, attrs.c
WIDTHS = (1, 16, 256)  # few statements serve any count of numbers
_OF_STUDY = _t.study_id == _STUDY
_IS_PENDING = _t.state.in_([RUNNING, PAUSED])
_OF_STUDY_ITSELF: sa.ColumnClause[int] = sa.literal_column(str(OF_STUDY))

CLAIM = sa.select(
    _s.version, _s.next_number, sa.select(sa.func.min(_t.number)).where(_OF_STUDY, IS_WAITING).scalar_subquery()
).where(_s.id == _STUDY)

_OF_OTHERS = (_t.study_id == _s.id) & OPEN & (_t.state == RUNNING)
_N_REPORTS = (
    sa.select(sa.func.count())
    .where(_r.study_id == _t.study_id, _r.number == _t.number)
    .correlate(trials)
    .scalar_subquery()
)
COUNTERS = sa.select(_s.version, _s.last_seq, _s.directions).where(_s.id == _STUDY)
SPACES = sa.select(spaces.c.id, spaces.c.space, spaces.c.hash).where(spaces.c.study_id == _STUDY)
ONE_SPACE = sa.select(spaces.c.space, spaces.c.hash).where(spaces.c.id == sa.bindparam("space"))

_NOISE_OF_TRIAL = (
    sa.select(_a.value)
    .where(
        _a.study_id == _t.study_id,
        _a.number == _t.number,
        _a.kind == sa.literal_column(str(SYSTEM)),
        _a.key == sa.literal_column(f"'{NOISE}'"),
        _a.attempt == _t.attempt,
    )
    .scalar_subquery()
)
COLUMNS = (
    sa.select(
        _t.seq, _t.number, _t.state, _t.tag, _t.attempt, _t.cost, _t.y, _t.value, _t.feasible, _t.x, _t.space_id,
        _t.constraints, _t.failure, _NOISE_OF_TRIAL,
    )
    .where(_OF_STUDY, _t.seq > sa.bindparam("cursor"))
    .order_by(_t.seq)
)  # fmt: skip
_REPORTS = sa.select(_r.number, _r.attempt, _r.step, _r.value, _r.cost)
ALL_REPORTS = _REPORTS.where(_r.study_id == _STUDY).order_by(_r.number, _r.attempt, _r.step)
_NEW_REPORTS = _REPORTS.join(trials, (_t.study_id == _r.study_id) & (_t.number == _r.number)).where(_OF_STUDY)
REPORTS_OF_FINISHED = _NEW_REPORTS.where(_t.seq > sa.bindparam("cursor"))
REPORTS_OF_PENDING = _NEW_REPORTS.where(OPEN, _IS_PENDING)

FULL = sa.select(
    _t.number, _t.state, _t.attempt, _t.seq, _t.space_id, _t.x, _t.y, _t.value, _t.feasible, _t.tag, _t.cost,
    _t.constraints, _t.reason, _t.started, _t.finished, _t.worker, _t.fixed, _t.crashes, _t.token, _t.failure,
)  # fmt: skip
FULL_PENDING = FULL.where(_OF_STUDY, OPEN, _IS_PENDING).order_by(_t.number)
FULL_OPEN = FULL.where(_OF_STUDY, OPEN).order_by(_t.number)
FULL_ALL = FULL.where(_OF_STUDY).order_by(_t.number)
_ATTRS = sa.select(_a.number, _a.attempt, _a.kind, _a.key, _a.value)
ALL_ATTRS = _ATTRS.where(_a.study_id == _STUDY, _a.number != _OF_STUDY_ITSELF)
USER_ATTRS = ALL_ATTRS.where(_a.kind == sa.literal_column(str(USER))).order_by(_a.number, _a.attempt)
OPEN_REPORTS = _NEW_REPORTS.where(OPEN)
OPEN_ATTRS = _ATTRS.join(trials, (_t.study_id == _a.study_id) & (_t.number == _a.number)).where(_OF_STUDY, OPEN)

# Two looks into the index of feasible complete trials: for the best value, and for the lowest number that has it.
BEST = {
    direction: sa.select(sa.func.min(_t.number)).where(
        _OF_STUDY, RANKED, _t.value == sa.select(extreme(_t.value)).where(_OF_STUDY, RANKED).scalar_subquery()
    )
    for direction, extreme in (("minimize", sa.func.min), ("maximize", sa.func.max))
}
# SQLite reads the index alone and does not notice that a part of it was lost; with the sum it reads the table.
_PLAIN = [column + sa.literal_column("0") == sa.literal_column("1") for column in (_t.state, _t.feasible)]
RANKED_WITHOUT_INDEX = sa.select(sa.func.min(_t.number)).where(_OF_STUDY, *_PLAIN)
COUNT_FINISHED = sa.select(_t.state, sa.func.count()).where(_OF_STUDY, FINISHED).group_by(_t.state)
COUNT_OPEN = sa.select(_t.state, sa.func.count()).where(_OF_STUDY, OPEN).group_by(_t.state)

STUDY_FIELDS = sa.select(_s.id, _s.name, _s.directions, _s.seed, _s.space_id, _s.created)
ALL_STUDIES = STUDY_FIELDS.order_by(_s.id)
STUDY_BY_NAME = STUDY_FIELDS.where(_s.name == sa.bindparam("name"))
STUDY_NAMES = sa.select(_s.name)
STUDY_ATTRS = sa.select(_a.kind, _a.key, _a.value).where(_a.study_id == _STUDY, _a.number == _OF_STUDY_ITSELF)


def _numbers(width: int) -> list[sa.BindParameter[Any]]:
    return [sa.bindparam(f"n{i}") for i in range(width)]


def _for_numbers(base: sa.Select[Any], column: Any) -> dict[int, sa.Select[Any]]:
    """Return the query for several trial numbers by width."""
    return {width: base.where(column.in_(_numbers(width))) for width in WIDTHS}


# The version, and what the running trials have reported but for some: in one statement.
ACTIVITY = {
    width: sa.select(_s.version, _t.number, _t.x.is_not(None), _N_REPORTS)
    .select_from(studies.outerjoin(trials, _OF_OTHERS & _t.number.not_in(_numbers(width))))
    .where(_s.id == _STUDY)
    .order_by(_t.number)
    for width in WIDTHS
}


NUMBERS_BY_STATE = sa.select(_t.number, _t.state).where(_OF_STUDY).order_by(_t.number)

# What records are made of: trials, attributes, reports.
ALL_RECORDS = (FULL_ALL, ALL_ATTRS, ALL_REPORTS)
UNFINISHED_RECORDS = (FULL_OPEN, OPEN_ATTRS, OPEN_REPORTS)
RECORDS_BY_NUMBER = (
    _for_numbers(FULL.where(_OF_STUDY), _t.number),
    _for_numbers(ALL_ATTRS, _a.number),
    _for_numbers(ALL_REPORTS, _r.number),
)


def _types_of(query: sa.Select[Any]) -> list[set[type[Any]]]:
    """Return the types that each column of a query may hold, which SQLite does not enforce."""
    return [
        {column.type.python_type, type(None)} if getattr(column, "nullable", True) else {column.type.python_type}
        for column in query.selected_columns
    ]


TYPES_OF_TRIAL, TYPES_OF_COLUMNS = _types_of(FULL), _types_of(COLUMNS)
TYPES_OF_ATTR, TYPES_OF_REPORT = _types_of(_ATTRS), _types_of(_REPORTS)
TYPES_OF_STUDY, TYPES_OF_COUNTERS = _types_of(STUDY_FIELDS), _types_of(COUNTERS)
