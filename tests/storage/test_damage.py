"""Damaged files are told: no raw error, and no other data than were written where a check can tell."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.errors import StorageError, StorageLostError, StudyNotFoundError
from tunesmith.foundation.numerics.packed import pack_bytes
from tunesmith.storage import check, open_storage
from tunesmith.storage.base import Storage
from tunesmith.storage.sql import SQLStorage
from tunesmith.storage.sql.engine import MOMENT, Database
from tunesmith.testing.storages import LAW_SPACE, begin, ended, run_trial, running_record
from tunesmith.trial.record import TrialRecord

GOLDEN = sorted((Path(__file__).parent / "golden").glob("schema*.db"))[-1]
FLIPS = 100


def everything(storage: Storage) -> dict[str, Any]:
    """What a program can read of a file: first what checks protect, then what nothing does."""
    held: dict[str, Any] = {}
    for study in storage.list_studies():
        new = storage.read_since(study.id, 0)
        trials = storage.trials(study.id)
        best = storage.best(study.id, study.directions[0])
        storage.claim(study.id, "w", reserve=False) if not storage.count(study.id).get(ts.TrialState.WAITING) else None
        held[str(study.id)] = {
            "directions": study.directions,
            "space": study.space,
            "values": [t.values[0] if t.values else None for t in trials],
            "columns": new.values[:, 0].tolist(),
            "distributions": [t.space for t in trials],
            "feasible": [t.feasible for t in trials],
            "best": None if best is None else best.number,
        }
        for t in trials:
            assert all(p.contains(t.params[name]) for name, p in t.distributions.items())
    return held


def test_flipped_bytes(tmp_path: Path) -> None:
    shutil.copy(GOLDEN, tmp_path / "sound.db")
    storage = open_storage(tmp_path / "sound.db")  # of an older schema: upgraded
    storage.list_studies()
    expected = everything(storage)
    storage.close()
    sound = (tmp_path / "sound.db").read_bytes()
    draw = random.Random(0)
    outcomes = {"told": 0, "harmless": 0}
    for k in range(FLIPS):
        data = bytearray(sound)
        for _ in range(draw.choice([1, 1, 1, 4])):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        path = tmp_path / f"{k}.db"
        path.write_bytes(data)
        storage = None
        try:
            storage = open_storage(path)
            found = everything(storage)
        except StorageError:
            outcomes["told"] += 1
        else:
            outcomes["harmless"] += 1
            assert repr(found) == repr(expected) or check(path), f"flip {k} gives other data, and nothing tells"
        finally:
            if storage is not None:
                storage.close()
        for file in tmp_path.glob(f"{k}.db*"):
            file.unlink()
    assert outcomes["told"] > FLIPS / 20, outcomes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tune.db"
    storage = open_storage(path)
    study = storage.create_study("a", ["minimize"], 0, LAW_SPACE)
    for i in range(3):
        notes: dict[str, Any] = {"user": {"note": [1]}, "system": {"noise": [0.5]}}
        run_trial(storage, study, values=(float(i),), reports={0: 0.5}, constraints={"c": -1.0}, **notes)
    storage.set_attr(study.id, None, "about", {"rows": 5})
    begin(storage, study)
    assert check(storage) == []
    storage.close()
    assert check(path) == []
    return path


def blob(*values: float) -> str:
    return "x'" + np.array(values, "<f8").tobytes().hex() + "'"


ORDERS = 4.0, 5.0  # the last two of the point
OUT_OF_RANGE = blob(1.118e308, 3.0, 2.0, float("nan"), *ORDERS)
DAMAGE = [
    f"UPDATE tunesmith_trials SET x = {OUT_OF_RANGE} WHERE number = 1",
    f"UPDATE tunesmith_trials SET x = {blob(1e-3, 3.0, 77.0, float('nan'), *ORDERS)} WHERE number = 1",
    f"UPDATE tunesmith_trials SET x = {blob(1e-3, 3.5, 2.0, float('nan'), *ORDERS)} WHERE number = 1",
    f"UPDATE tunesmith_trials SET x = {blob(1e-3, 3.0, 2.0, float('nan'), 6.0, 5.0)} WHERE number = 1",
    f"UPDATE tunesmith_trials SET x = {blob(1e-3, 3.0)} WHERE number = 1",
    "UPDATE tunesmith_trials SET x = x'0102' WHERE number = 1",
    "UPDATE tunesmith_trials SET x = 'text' WHERE number = 1",
    f"UPDATE tunesmith_trials SET y = {blob(0.25)} WHERE number = 1",
    f"UPDATE tunesmith_trials SET y = {blob(1.0, 2.0)} WHERE number = 1",
    "UPDATE tunesmith_trials SET y = x'0102' WHERE number = 1",
    "UPDATE tunesmith_trials SET y = NULL WHERE number = 1",
    "UPDATE tunesmith_trials SET value = 0.25 WHERE number = 1",
    "UPDATE tunesmith_trials SET value = 'a' WHERE number = 1",
    "UPDATE tunesmith_trials SET state = 9 WHERE number = 1",
    "UPDATE tunesmith_trials SET state = 4 WHERE number = 1",
    "UPDATE tunesmith_trials SET state = 'x' WHERE number = 1",
    "UPDATE tunesmith_trials SET seq = 77 WHERE number = 1",
    "UPDATE tunesmith_trials SET seq = NULL WHERE number = 1",
    "UPDATE tunesmith_trials SET tag = 1.5 WHERE number = 1",
    "UPDATE tunesmith_trials SET cost = 'much' WHERE number = 1",
    "UPDATE tunesmith_trials SET started = x'00' WHERE number = 1",
    "UPDATE tunesmith_trials SET feasible = 0 WHERE number = 1",
    "UPDATE tunesmith_trials SET constraints = '{\"c\": 1.0}' WHERE number = 1",
    "UPDATE tunesmith_trials SET constraints = '{' WHERE number = 1",
    "UPDATE tunesmith_trials SET constraints = '[1]' WHERE number = 1",
    "UPDATE tunesmith_trials SET space_id = 99 WHERE number = 1",
    "UPDATE tunesmith_trials SET fixed = '{\"a\": [1]}' WHERE number = 1",
    "UPDATE tunesmith_trials SET worker = CAST(x'ff' AS TEXT) WHERE number = 1",
    "UPDATE tunesmith_spaces SET space = replace(space, '\"high\":5', '\"high\":9')",
    "UPDATE tunesmith_spaces SET space = '{'",
    "UPDATE tunesmith_attrs SET value = '{' WHERE number = 1",
    "UPDATE tunesmith_attrs SET value = '{' WHERE number = -1",
    "UPDATE tunesmith_attrs SET kind = 9 WHERE number = 1",
    "UPDATE tunesmith_attrs SET value = '[-1.0]' WHERE key = 'noise'",
    "UPDATE tunesmith_attrs SET value = '\"a\"' WHERE key = 'noise'",
    "UPDATE tunesmith_reports SET value = 'x' WHERE number = 1",
    "UPDATE tunesmith_studies SET directions = '[\"up\"]'",
    "UPDATE tunesmith_studies SET directions = '3'",
    "UPDATE tunesmith_studies SET seed = -1",
    "UPDATE tunesmith_studies SET version = 'x'",
    "UPDATE tunesmith_studies SET last_seq = 7",
    "UPDATE tunesmith_schema SET version_num = '0000'",
    "UPDATE tunesmith_schema SET version_num = x'00'",
    "DELETE FROM tunesmith_spaces",
    "DELETE FROM tunesmith_trials WHERE number = 1",
    "DROP TABLE tunesmith_reports",
    "ALTER TABLE tunesmith_trials DROP COLUMN reason",
    "DROP TABLE tunesmith_schema",
    "DELETE FROM tunesmith_schema",
]


@pytest.mark.parametrize("statement", DAMAGE)
def test_what_a_check_can_tell(statement: str, path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()
    with pytest.raises(StorageError) as caught:
        everything(open_storage(path))
    assert "tune.db" in str(caught.value)
    assert str(caught.value).isprintable()
    assert check(path)


@pytest.mark.parametrize(
    ("index", "before", "change"),
    [
        ("tunesmith_trials_best", "", "DELETE FROM tunesmith_trials WHERE number = 0"),
        ("tunesmith_trials_best", "", "UPDATE tunesmith_trials SET state = 3, y = NULL, value = NULL WHERE number = 0"),
        (
            "tunesmith_trials_best",
            "UPDATE tunesmith_trials SET feasible = 0 WHERE state = 1",
            "UPDATE tunesmith_trials SET feasible = 1 WHERE state = 1",
        ),
        ("tunesmith_trials_waiting", "", "DELETE FROM tunesmith_trials WHERE number = 4"),
    ],
)
def test_an_index_that_differs_from_the_table(index: str, before: str, change: str, path: Path) -> None:
    """As where a page was lost: SQLite reads the index alone, and notices nothing."""
    storage = open_storage(path)
    storage.add(storage.load_study("a").id, [TrialRecord(-1, ts.TrialState.WAITING, fixed={"lr": 0.5})])
    storage.close()

    def run(*statements: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            return [connection.execute(statement, values).fetchall() for statement in statements][-1]

    (entry,) = run(f"SELECT * FROM sqlite_master WHERE name = '{index}'")
    run(before)
    run(f"DELETE FROM sqlite_master WHERE name = '{index}'")
    run(change)
    run("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", values=entry)
    study = ts.load_study(study_name="a", storage=path)
    with pytest.raises(StorageError, match="is damaged"):
        study.best_value if "best" in index else study.ask()
    study.storage.close()
    assert check(path)


def test_what_is_damaged_is_listed(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(DAMAGE[0])
    connection.execute("UPDATE tunesmith_attrs SET value = '{' WHERE number = 2")
    connection.execute("UPDATE tunesmith_studies SET next_number = 9")
    connection.commit()
    connection.close()
    with pytest.raises(StorageError, match=r"damaged: .*'lr' is .*1.118e\+308.*storage.check"):
        ts.load_study(study_name="a", storage=path).trials  # noqa: B018 - reading is what fails
    found = "\n".join(check(path))
    assert "trial 1: " in found
    assert "trial 2: " in found
    assert "9 trials were begun, and 4 are there" in found
    assert "trial 0: " not in found


def test_damaged_and_stray_metrics_are_listed(path: Path) -> None:
    def log(trial: ts.Trial) -> float:
        for step in range(3):
            trial.log({"loss": step, "acc": 0.5}, step)
        return 1.0

    study = ts.create_study(study_name="logs", storage=path)
    study.optimize(log, n_trials=3)
    study.storage.close()
    assert check(path) == []
    copy = "INSERT INTO tunesmith_metrics SELECT study_id, {}, name, piece, first, steps, y FROM tunesmith_metrics"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(copy.format("77, attempt") + " WHERE number = 0 AND name = 'acc'")
        connection.execute(copy.format("number, 9") + " WHERE number = 1 AND name = 'acc'")
        connection.execute(copy.format("number, 0") + " WHERE number = 1 AND name = 'loss' AND attempt = 1")
        connection.execute("UPDATE tunesmith_metrics SET y = x'0011' WHERE number = 2 AND name = 'acc'")
        connection.commit()
    damaged, strays = check(path)
    assert "'logs': metrics of trial 2: " in damaged
    assert "3 rows of metrics belong to no trial, or to no attempt of it" in strays
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE tunesmith_metrics SET first = 'abc' WHERE number = 0")
        connection.commit()
    assert sum("metrics of trial" in what for what in check(path)) == 2


def test_pages_are_checked(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-4096:] = b"\xff" * 4096
    path.write_bytes(data)
    assert check(path)


def test_check_of_what_is_no_file(tmp_path: Path) -> None:
    assert check(None) == []
    assert "does not exist" in check(tmp_path / "no.db")[0]
    (tmp_path / "table.db").write_text("a,b\n1,2\n")
    assert "no SQLite database" in check(tmp_path / "table.db")[0]


def test_a_point_outside_its_space_is_refused_before_it_is_written(path: Path) -> None:
    storage = open_storage(path)
    study = storage.load_study("a")
    claim = storage.claim(study.id, "w")
    with pytest.raises(ValueError, match="'lr' has a value outside"):
        storage.start(study.id, claim, running_record(claim.number, x=[5.0, 3.0, 2.0, float("nan")]))
    assert check(storage) == []
    storage.close()


# -- a file that is no longer the one that was opened ------------------------------------------------------------------


def pass_a_moment() -> None:
    """Wait until a check of the file counts no more, which takes less time than most trials."""
    time.sleep(2 * MOMENT)


def replace(path: Path) -> None:
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    os.replace(copy, path)


@pytest.mark.skipif(os.name == "nt", reason="Windows does not let go of a file that is open")
@pytest.mark.parametrize(("happens", "words"), [(Path.unlink, "was deleted"), (replace, "was replaced by another")])
def test_a_file_that_goes_away_under_a_search(happens: Callable[[Path], None], words: str, path: Path) -> None:
    storage = SQLStorage(path)
    study = storage.load_study("a")
    number = begin(storage, study)
    happens(path)
    pass_a_moment()
    for _ in range(2):
        with pytest.raises(StorageError, match=rf"tune.db {words}.* while it was in use.*load the study again"):
            storage.finish(study.id, ended(running_record(number)))
    assert path.exists() == (happens is replace), "no empty file takes its place"
    storage.close()
    if happens is replace:
        storage.finish(study.id, ended(running_record(number)))  # opened again, on purpose
        storage.close()


@pytest.mark.skipif(os.name == "nt", reason="as above")
def test_a_start_looks_at_the_file_unless_that_was_done_just_now(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = SQLStorage(path)
    study = storage.load_study("a")
    begin(storage, study)
    path.unlink()
    pass_a_moment()
    monkeypatch.setattr("tunesmith.storage.sql.storage.FILE_CHECK_HOLDS", 3600.0)
    begin(storage, study)  # lost with the file, which its end would notice
    monkeypatch.setattr("tunesmith.storage.sql.storage.FILE_CHECK_HOLDS", 0.0)
    with pytest.raises(StorageError, match="was deleted"):
        begin(storage, study)
    storage.close()


def test_an_empty_log_that_an_earlier_file_left(tmp_path: Path) -> None:
    (tmp_path / "tune.db-wal").touch()
    os.utime(tmp_path / "tune.db-wal", (1e9, 1e9))
    study = ts.create_study(storage=tmp_path / "tune.db", seed=0)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    assert len(study.trials) == 2


@pytest.mark.skipif(os.name == "nt", reason="as above")
def test_a_file_that_comes_back(path: Path) -> None:
    storage = SQLStorage(path)
    study = storage.load_study("a")
    number = begin(storage, study)
    path.rename(path.with_name("away.db"))
    pass_a_moment()
    with pytest.raises(StorageError, match="was deleted"):
        storage.finish(study.id, ended(running_record(number)))
    path.with_name("away.db").rename(path)
    storage.finish(study.id, ended(running_record(number)))
    storage.close()


@pytest.mark.skipif(os.name == "nt", reason="as above")
def test_a_search_stops_when_its_file_is_deleted(tmp_path: Path) -> None:
    path, away = tmp_path / "tune.db", tmp_path / "away.db"
    study = ts.create_study(storage=path, seed=0)

    def objective(trial: ts.Trial) -> float:
        if trial.number == 3:
            path.rename(away)
            pass_a_moment()
        return trial.suggest_float("x", 0, 1)

    with pytest.raises(StorageError, match="was deleted while it was in use"):
        study.optimize(objective, n_trials=10)
    with pytest.raises(StudyNotFoundError):
        ts.load_study(study_name=study.study_name, storage=path)
    away.rename(path)
    study.optimize(objective, n_trials=1)  # which first stores the result that could not be stored
    assert [t.state for t in study.trials] == [ts.TrialState.COMPLETE] * 5


# -- what we keep in attributes ----------------------------------------------------------------------------------------


def packed_bomb() -> str:
    return pack_bytes(bytes(50_000_000), 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.update(data=packed_bomb()),
        lambda one: one.update(data="%"),
        lambda one: one.update(rows=10**12),
        lambda one: one.update(rows=-1),
        lambda one: one.update(space="{"),
        lambda one: one.pop("data"),
    ],
)
def test_a_warm_start_that_is_damaged(change: Callable[[dict[str, Any]], object], tmp_path: Path) -> None:
    old = ts.create_study(seed=0)
    old.optimize(lambda trial: trial.suggest_float("x", 0, 1), 5)
    study = ts.create_study(storage=tmp_path / "a.db", study_name="new", warm_start_from=old)
    kept = study.system_attrs["warm_start"]
    change(kept["studies"][0])
    study.set_system_attr("warm_start", kept)
    with pytest.raises(StorageError, match="warm start is damaged"):
        ts.load_study(storage=tmp_path / "a.db", study_name="new")


@pytest.mark.parametrize(
    "change",
    [
        {"data": "bomb"},
        {"data": "%"},
        {"shapes": [[10**12]]},
        {"shapes": [[-1]]},
        {"shapes": 3},
        {"type": "O"},
        {"type": "?!"},
        {"method": None, "type": None},
    ],
)
def test_predictions_that_are_damaged(change: dict[str, Any]) -> None:
    pytest.importorskip("sklearn")
    from tunesmith.selection.targets import Predictions
    from tunesmith.sklearn.store.outcome import pack_predictions, unpack_predictions

    kept = pack_predictions([Predictions("predict", np.arange(8, dtype=np.float32))])
    assert kept is not None
    (whole,) = unpack_predictions(kept, 1)
    assert whole is not None
    assert whole.values.tolist() == list(range(8))
    change = {name: packed_bomb() if value == "bomb" else value for name, value in change.items()}
    assert unpack_predictions({**kept, **change}, 1) == [None]


# -- a file that is damaged while it is in use -------------------------------------------------------------------------


def cut(path: Path, part: float = 0.0) -> None:
    os.truncate(path, int(path.stat().st_size * part) // 4096 * 4096)


def by_another_program(path: Path, content: bytes) -> None:
    """Overwrite a file as another process does: closing it here would drop the locks that SQLite has on it."""
    script = f"import sys; open({str(path)!r}, 'wb').write(sys.stdin.buffer.read())"
    subprocess.run([sys.executable, "-c", script], input=content, check=True)


def log(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def other(path: Path) -> bytes:
    """The content of another study's file."""
    made = path.with_name("other.db")
    ts.create_study(storage=made, study_name="other", seed=1).storage.close()
    return made.read_bytes()


LOSSES: dict[str, tuple[Callable[[Path], None], str]] = {
    "log deleted": (lambda path: log(path).unlink(), "write-ahead log of .* was deleted"),
    "log cut off": (lambda path: cut(log(path)), "write-ahead log of .* was cut off"),
    "log cut in halves": (lambda path: cut(log(path), 0.5), "write-ahead log of .* was cut off"),
    "file cut off": (cut, "tune.db was cut off"),
    "file cut in halves": (lambda path: cut(path, 0.5), "tune.db was cut off"),
    "zeros": (lambda path: by_another_program(path, bytes(path.stat().st_size)), "tune.db was overwritten"),
    "another study": (lambda path: by_another_program(path, other(path)), "tune.db was (overwritten|cut off)"),
    "a text": (lambda path: by_another_program(path, b"hello"), "tune.db was cut off"),
    "deleted": (Path.unlink, "tune.db was deleted"),
}
SHARED = {"log deleted", "file cut off", "another study"}  # the inner circle: another process takes a second or two


@pytest.mark.skipif(os.name == "nt", reason="Windows does not let others change a file that is open")
@pytest.mark.parametrize(
    ("happens", "shared"),
    [(name, False) for name in LOSSES]
    + [pytest.param(name, True, marks=[pytest.mark.slow] * (name not in SHARED)) for name in LOSSES],
)
def test_a_file_that_is_damaged_under_a_search(happens: str, shared: bool, tmp_path: Path) -> None:
    """It is told at once, and what was found is in a file beside it, the trial that ended last too."""
    path = tmp_path / "tune.db"
    change, words = LOSSES[happens]
    study = ts.create_study(storage=path, study_name="a", seed=0, sampler="random")
    if shared:  # by a process that is killed in its trial, and so does not close the file
        script = (
            f"import os, tunesmith as ts; s = ts.load_study(study_name='a', storage={str(path)!r}, sampler='random');"
            "s.optimize(lambda t: t.suggest_float('x', 0, 1) if t.number < 4 else os._exit(0), 9)"
        )
        subprocess.run([sys.executable, "-c", script], check=True)

    def objective(trial: ts.Trial) -> float:
        if trial.number == 9:
            change(path)
            pass_a_moment()
        return trial.suggest_float("x", 0, 1)

    with pytest.raises(StorageLostError, match=words) as caught:
        study.optimize(objective, 20)
    assert caught.value.rescue is not None
    assert caught.value.rescue in str(caught.value)
    ended = {t.number: t.values for t in ts.load_study(study_name="a", storage=caught.value.rescue).trials}
    assert [n for n, values in ended.items() if values] == list(range(10))
    assert check(caught.value.rescue) == []
    (kept,) = study.engine.teller.unsaved.ends.values()
    study.engine.teller.unsaved.drop(kept)  # else the end of the tests would tell of it


def test_a_check_of_the_file_costs_no_more_calls_than_there_are_transactions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = ts.create_study(storage=tmp_path / "tune.db", study_name="a", seed=0, sampler="random")
    looks: list[str] = []
    writes: list[object] = []
    now = [time.monotonic()]  # a clock of the watch's own: on a busy machine a moment may pass between two writes
    stat, write = os.stat, Database.write
    monkeypatch.setattr("tunesmith.study.engine.ask.keep_beating", lambda *_: None)

    def mine() -> bool:  # studies of other tests may still give signs of life, from threads
        return threading.current_thread() is threading.main_thread()

    def look(path: Any, **how: Any) -> os.stat_result:
        if mine() and Path(path).parent == tmp_path:  # other folders are looked at as well, when a search begins
            looks.append(Path(path).name)
        return stat(path, **how)

    def counted(self: Database, work: Any, *args: Any, **how: Any) -> Any:
        if mine():
            writes.append(work)
        return write(self, work, *args, **how)

    def objective(trial: ts.Trial) -> float:
        now[0] += 2 * MOMENT
        for step in range(10):
            trial.report(0.0, step)
        return trial.suggest_float("x", 0, 1)

    monkeypatch.setattr(
        "tunesmith.storage.sql.engine.time", SimpleNamespace(monotonic=lambda: now[0], sleep=time.sleep)
    )
    study.optimize(objective, 1)
    monkeypatch.setattr("tunesmith.storage.sql.storage.FILE_CHECK_HOLDS", 3600.0)
    monkeypatch.setattr("tunesmith.storage.sql.engine.SELDOM", 3600.0)
    monkeypatch.setattr(os, "stat", look)
    monkeypatch.setattr(Database, "write", counted)
    study.optimize(objective, 5)
    monkeypatch.undo()
    assert looks.count("tune.db") >= 5, "before each end"
    assert looks.count("tune.db-wal") == len(writes) - 5, "before all but the starts, which follow an end"
    assert len(looks) <= len(writes) + 1, "the first write may look at both"


@pytest.mark.skipif(os.name == "nt", reason="as above")
def test_what_others_do_to_a_file_is_no_damage(tmp_path: Path) -> None:
    """Checkpoints, a VACUUM, a log that is made shorter, a second process that opens and closes it."""
    path = tmp_path / "tune.db"
    study = ts.create_study(storage=path, study_name="a", seed=0, sampler="random")
    peer = f"import tunesmith as ts; ts.load_study(study_name='a', storage={str(path)!r}).set_user_attr('peer', 1)"
    with closing(sqlite3.connect(path, isolation_level=None)) as tool:
        for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA wal_checkpoint(PASSIVE)"):
            study.optimize(lambda trial: trial.suggest_float("x", 0, 1), 3)
            tool.execute(statement).fetchall()
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), 3)
    subprocess.run([sys.executable, "-c", peer], check=True)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), 3)
    study.storage.close()
    assert not log(path).exists()
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), 3)
    assert len(study.trials) == 18


def test_a_file_that_had_a_study_and_is_empty(path: Path) -> None:
    study = ts.create_study(storage=path.with_name("b.db"))
    study.set_user_attr("a", 1)
    log(path.with_name("b.db")).unlink()
    with pytest.raises(StorageLostError):
        study.set_user_attr("a", 2)
    shutil.copy(path.with_name("b.db"), path)  # as it is after its processes were killed
    (told,) = check(path)
    assert "had a study and is empty" in told
    shutil.copy(path.with_name("b.db.rescue-1.db"), path.with_name("tune.db.rescue-1.db"))
    assert "is kept in" in check(path)[0]
    path.write_bytes(b"")
    assert "is empty (0 bytes)" in check(path)[0]
    assert path.stat().st_size == 0, "to look at it changes nothing"
