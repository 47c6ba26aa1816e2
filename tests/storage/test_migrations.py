"""Files of every released schema open; a schema reached by migrations is the one that is created."""

from __future__ import annotations

import math
import re
import shutil
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from tests.storage import first_schema

from tunesmith.errors import StorageError
from tunesmith.foundation.states import FailureKind
from tunesmith.space import Categorical, Float, Int, Ordinal, Space
from tunesmith.storage import open_storage
from tunesmith.storage.base import Storage
from tunesmith.storage.sql import SQLStorage, migrate, schema
from tunesmith.storage.sql.engine import Database
from tunesmith.storage.sql.location import read_spec
from tunesmith.testing.storages import run_trial

GOLDEN = sorted((Path(__file__).parent / "golden").glob("schema*.db"))


@pytest.fixture
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copy(request.param, tmp_path / "tune.db"))


def check_golden(storage: Storage) -> None:
    """Everything that golden/make.py wrote is there."""
    study = storage.load_study("golden ∂")
    assert (study.directions, study.seed, study.user) == (("maximize",), 42, {"about": {"nested": [math.inf]}})
    assert study.space == Space(
        model=Categorical(["svm", "tree", None, True, 1, 1.5, ("a", 2)]),
        C=Float(1e-3, 1e3, log=True).when(model="svm"),
        depth=Int(1, 12).when(model="tree"),
        size=Ordinal(["s", "m", "l"]),
    )
    trials = storage.trials(study.id)
    assert [t.params for t in trials] == [
        {"model": "svm", "C": 10.0, "size": "l"},
        {"model": "tree", "depth": 7, "size": "s"},
        {"model": ("a", 2), "size": "m"},
        {"model": "svm", "C": 10.0, "size": "l"},
        {"model": ("a", 2)},
    ]
    assert [t.state.name for t in trials] == ["COMPLETE", "COMPLETE", "FAIL", "RUNNING", "WAITING"]
    assert [t.values for t in trials] == [(0.5,), (0.75,), None, None, None]
    assert [t.seq for t in trials] == [1, 2, 3, 0, 0]
    assert [t.sampler_state for t in trials] == [0, 1, 2, 0, 0]
    assert (trials[0].user_attrs, trials[0].cost) == ({"note": [1, None, "größer"]}, 1.25)
    assert (trials[1].constraints, trials[1].intermediate_values) == ({"memory": 0.5}, {3: 0.1, 9: 0.2})
    assert (trials[2].reason, trials[2].system_attrs) == ("ValueError: no", {"fold": 3})
    assert (trials[3].worker, trials[3].started, trials[3].reports) == ("host:1:boot@2", 102.0, {0: 0.9})
    assert trials[4].user_attrs == {"why": "hunch"}
    best = storage.best(study.id, "maximize")
    assert best is not None
    assert best.number == 0, "the other one violates a constraint"
    for artifact in storage.artifacts(study.id):  # from schema 3 on
        assert (artifact.name, artifact.size, artifact.media_type) == ("models/m ∂.pkl", 2**40, "text/x ∂")
        assert (artifact.number, artifact.attempt, artifact.created, artifact.digest) == (0, 1, 101.25, "ab" * 32)
        assert artifact.key == f"space/ab/{'ab' * 32}-{'0' * 16}"
    other = storage.load_study("two")
    assert (other.directions, other.seed, other.space) == (("minimize", "maximize"), 2**63 - 1, None)
    (trial,) = storage.trials(other.id)
    assert (trial.params, trial.values) == ({"x": 0.5, "n": 5}, (-math.inf, 2.0))
    assert trial.distributions == {"x": Float(0, 1), "n": Int(0, 10, step=5)}
    if any(record.name == "again" for record in storage.list_studies()):  # from schema 2 on
        check_attempts(storage)
    if any(record.name == "paused" for record in storage.list_studies()):  # from schema 4 on
        paused, alive = storage.trials(storage.load_study("paused").id)
        assert (paused.state.name, paused.attempt, paused.cost, paused.params) == ("PAUSED", 2, 1.5, {"x": 0.5, "n": 5})
        assert paused.learning_curve() == alive.learning_curve() == {3: (0.25, 1.5)}
        if alive.metrics:  # from schema 5 on
            assert paused.metrics.keys() == alive.metrics.keys() == {"größe", "rate"}
            steps, values = alive.metrics["größe"]
            assert (steps.tolist(), repr(values.tolist())) == ([2, 4, 9], "[-inf, 0.5, nan]")
            assert (alive.metrics["rate"][0].tolist(), alive.metrics["rate"][1].tolist()) == ([0, 1, 2], [1.0] * 3)


def check_attempts(storage: Storage) -> None:
    (trial,) = storage.trials(storage.load_study("again").id)
    first, second = trial.previous_attempts
    assert (first.attempt, first.reports) == (1, {1: 0.125})
    assert first.user_attrs == {"checkpoint": "epoch-1.pt", "only 1": 1}
    assert first.failure in (None, FailureKind.LOST), "it is known from schema 3 on"
    assert (second.attempt, second.reports, second.failure) == (2, {2: 0.25}, None)
    assert second.user_attrs == {"checkpoint": "epoch-2.pt", "only 1": 1, "only 2": 2}
    assert (trial.state.name, trial.attempt, trial.crashes, trial.reports) == ("WAITING", 3, 1, None)
    assert trial.user_attrs == second.user_attrs
    assert trial.intermediate_values == {1: 0.125, 2: 0.25}


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.stem, indirect=True)
def test_a_file_of_every_schema_opens_and_goes_on(golden: Path) -> None:
    storage = open_storage(golden)
    check_golden(storage)
    study = storage.load_study("golden ∂")
    claim = storage.claim(study.id, "w")
    assert (claim.number, claim.version, claim.reserved) == (4, 10, True)
    run_trial(storage, study)
    assert storage.read_since(study.id, 3).number.tolist() == [5]
    storage.close()


def test_there_is_a_golden_file_and_a_migration_of_every_schema() -> None:
    assert [path.stem for path in GOLDEN] == [f"schema{n}" for n in range(1, schema.SCHEMA_NOW + 1)]
    scripts = ScriptDirectory(str(migrate.SCRIPTS))
    assert [s.revision for s in scripts.walk_revisions()] == [
        migrate.revision(n) for n in range(schema.SCHEMA_NOW, 0, -1)
    ]


def made_by_migrations(url: str) -> Database:
    database = Database(*read_spec(url), timeout=5.0)
    with database.sqlalchemy() as connection:
        first_schema.create(connection)
        migrate.run_migrations(connection)
    return database


def test_migrations_lead_to_what_is_created(tmp_path: Path) -> None:
    open_storage(tmp_path / "created.db").create_study("a", ["minimize"], 0)
    database = made_by_migrations(str(tmp_path / "migrated.db"))
    assert migrate.stored_schema(database) == schema.SCHEMA_NOW
    tables = []
    for name in ("created.db", "migrated.db"):
        connection = sqlite3.connect(tmp_path / name)
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
        connection.close()
        tables.append({name: re.sub(r"\s+", " ", sql) for name, sql in rows if name != "tunesmith_schema"})
    assert tables[0] == tables[1]
    storage = open_storage(tmp_path / "migrated.db")
    run_trial(storage, storage.create_study("a", ["minimize"], 0))
    storage.close()


@pytest.mark.postgres
def test_migrations_lead_to_what_is_created_on_a_server(postgres_url: str) -> None:
    database = made_by_migrations(postgres_url)
    with database.sqlalchemy() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, schema.metadata) == []
        where = sqlalchemy.text("SELECT indexdef FROM pg_indexes WHERE indexname = 'tunesmith_trials_best'")
        assert "WHERE ((state = 1) AND (feasible = 1))" in connection.execute(where).scalar_one()
    storage = open_storage(postgres_url)
    run_trial(storage, storage.create_study("a", ["minimize"], 0))
    storage.close()


NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "{next:04d}"
down_revision = "{head:04d}"


def upgrade():
    op.add_column("tunesmith_trials", sa.Column("budget", sa.Double))
    {more}
"""


@pytest.fixture
def next_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A version of tunesmith to come, with one more column; returns its migration."""
    scripts = shutil.copytree(migrate.SCRIPTS, tmp_path / "mi%grations", ignore=shutil.ignore_patterns("__pycache__"))
    script = scripts / "versions" / f"v{schema.SCHEMA_NOW + 1:04d}.py"
    script.write_text(NEXT.format(more="", head=schema.SCHEMA_NOW, next=schema.SCHEMA_NOW + 1))
    monkeypatch.setattr(migrate, "SCRIPTS", scripts)
    monkeypatch.setattr(migrate, "SCHEMA_NOW", schema.SCHEMA_NOW + 1)
    return script


@pytest.mark.parametrize("golden", GOLDEN[:1], ids=lambda path: path.stem, indirect=True)
def test_an_older_file_is_upgraded_when_it_is_opened(golden: Path, next_schema: Path) -> None:
    storage = SQLStorage(golden)
    check_golden(storage)
    assert migrate.stored_schema(storage.database) == schema.SCHEMA_NOW + 1
    storage.database.read(lambda session: session.cursor.execute("SELECT budget FROM tunesmith_trials").fetchall())
    storage.close()


@pytest.mark.parametrize("golden", GOLDEN[:1], ids=lambda path: path.stem, indirect=True)
def test_an_upgrade_that_fails_changes_nothing(
    golden: Path, next_schema: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    next_schema.write_text(
        NEXT.format(more="op.execute('no SQL at all')", head=schema.SCHEMA_NOW, next=schema.SCHEMA_NOW + 1)
    )
    with pytest.raises(StorageError, match="syntax error"):
        open_storage(golden)
    monkeypatch.undo()
    storage = open_storage(golden)  # the version before still reads it
    check_golden(storage)
    storage.close()


@pytest.mark.postgres
def test_an_older_database_is_upgraded_on_a_server(postgres_url: str, request: pytest.FixtureRequest) -> None:
    storage = open_storage(postgres_url)
    run_trial(storage, storage.create_study("a", ["minimize"], 0))
    storage.close()
    request.getfixturevalue("next_schema")
    storage = SQLStorage(postgres_url)
    assert migrate.stored_schema(storage.database) == schema.SCHEMA_NOW + 1
    run_trial(storage, storage.load_study("a"))
    storage.close()


# -- queries -------------------------------------------------------------------------------------------------------


def test_hot_queries_use_their_indexes(tmp_path: Path) -> None:
    from tunesmith.storage.sql import reads, writes

    # Nothing but the time tells a table that is read from end to end; with 100,000 trials it is a second a trial.

    storage = SQLStorage(tmp_path / "tune.db")
    storage.create_study("a", ["minimize"], 0)
    by_seq = r"INDEX tunesmith_trials_seq \(study_id=\? AND seq[=>]\?\)"
    expected = {
        writes.LOOK_FOR_TRIAL: [
            r"tunesmith_studies USING INTEGER PRIMARY KEY",
            r"INDEX tunesmith_trials_waiting \(study_id=\?\)",
        ],
        reads.FINISHED_COLUMNS: [
            by_seq,
            r"tunesmith_attrs USING PRIMARY KEY \(study_id=\? AND number=\? AND kind=\? AND key=",
        ],
        reads.FULL_PENDING: [by_seq],
        reads.REPORTS_OF_FINISHED: [by_seq, r"tunesmith_reports USING PRIMARY KEY \(study_id=\? AND number=\?\)"],
        reads.REPORTS_OF_PENDING: [by_seq, r"tunesmith_reports USING PRIMARY KEY \(study_id=\? AND number=\?\)"],
        reads.BEST["minimize"]: [
            r"INDEX tunesmith_trials_best \(study_id=\? AND value=\?\)",
            "tunesmith_trials_best",
        ],
        reads.BEST["maximize"]: [
            r"INDEX tunesmith_trials_best \(study_id=\? AND value=\?\)",
            "tunesmith_trials_best",
        ],
    }
    for statement, patterns in expected.items():
        text, order = storage.database.dialect.compile(statement)
        (connection,) = storage.database.connections
        plan = connection.cursor.execute(f"EXPLAIN QUERY PLAN {text}", [1] * len(order)).fetchall()
        steps = [row[3] for row in plan if row[3].startswith(("SEARCH", "SCAN"))]
        assert len(steps) == len(patterns)
        for step, pattern in zip(steps, patterns, strict=True):
            assert re.search(pattern, step), step
    storage.close()
