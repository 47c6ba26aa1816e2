"""Sources that somebody made to do harm: nothing outside of them is read, and errors are a sentence."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tunesmith import compat
from tunesmith.cli.main import main
from tunesmith.errors import SourceError, TunesmithError

DATA = Path(__file__).parent / "data"
SECRET = "the-secret-0815"
RUN = "709093651644483513/ce0cd2d73a47452c9754c030e04eb2dc"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file outside of the sources, whose content must not be seen."""
    path = tmp_path / "outside" / "secret.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"lr": SECRET}))
    return path


def mlruns(tmp_path: Path) -> Path:
    shutil.copytree(DATA / "mlruns", tmp_path / "mlruns")
    return tmp_path / "mlruns"


def ray(tmp_path: Path) -> tuple[Path, Path]:
    """Return the folder of an experiment of Ray's, and that of one of its trials."""
    shutil.copytree(DATA / "ray" / "spirals", tmp_path / "spirals")
    return tmp_path / "spirals", next(p for p in sorted((tmp_path / "spirals").iterdir()) if p.is_dir())


def refused(source: Path, **wishes: Any) -> str:
    """Return the sentence with which a source is refused."""
    with pytest.raises(SourceError) as caught:
        compat.read(source, **wishes)
    assert SECRET not in str(caught.value)
    return str(caught.value)


# -- links, and paths that lead out ------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["params/lr", "metrics/loss", "tags/x", "meta.yaml"])
def test_a_link_in_an_mlruns_folder_is_not_followed(file: str, tmp_path: Path, secret: Path) -> None:
    path = mlruns(tmp_path) / RUN / file
    path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(secret)
    assert "is a symbolic link, and none is followed" in refused(tmp_path / "mlruns", minimize="loss")


def test_folders_that_are_links(tmp_path: Path, secret: Path) -> None:
    home = mlruns(tmp_path)
    shutil.rmtree(home / RUN / "params")
    (home / RUN / "params").symlink_to(secret.parent)
    assert "is a symbolic link" in refused(home, minimize="loss")
    shutil.rmtree(home)
    home = mlruns(tmp_path)
    shutil.copytree(DATA / "mlruns" / RUN, tmp_path / "elsewhere")
    (home / RUN).with_name("linked").symlink_to(tmp_path / "elsewhere")  # a run, which is passed over and told
    old = next(old for old in compat.read(home, minimize="acc") if old.notes)
    assert len([t for t in old.trials if RUN.endswith(t.worker.removeprefix("mlflow/"))]) == 1
    assert old.notes[0].startswith("symbolic links are not followed: ")


@pytest.mark.parametrize("file", ["params.json", "result.json", "error.txt"])
def test_a_link_in_a_folder_of_ray_is_not_followed(file: str, tmp_path: Path, secret: Path) -> None:
    home, trial = ray(tmp_path)
    (trial / file).unlink(missing_ok=True)
    (trial / file).symlink_to(secret)
    assert "is a symbolic link, and none is followed" in refused(home, minimize="loss")


@pytest.mark.parametrize("name", ["../outside", "..", "a/../../outside", "/etc"])
def test_a_state_of_ray_that_names_a_folder_elsewhere(name: str, tmp_path: Path, secret: Path) -> None:
    home, _ = ray(tmp_path)
    secret.with_name("params.json").write_text(secret.read_text())
    state = {"trial_data": [[json.dumps({"trial_id": "x", "relative_logdir": name}), "{}"]]}
    next(home.glob("experiment_state-*.json")).write_text(json.dumps(state))
    assert "nothing outside of that is read" in refused(home, minimize="loss")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    home, trial = ray(tmp_path)
    (trial / "result.json").unlink()
    os.mkfifo(trial / "result.json")
    assert refused(home, minimize="loss").endswith("is no file")


# -- limits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "wishes"),
    [
        ("optuna-4.9.0.db", {}),
        ("optuna-4.9.0.log", {}),
        ("mlflow.db", {"minimize": "acc"}),
        ("mlruns", {"minimize": "acc"}),
        ("ray/spirals", {"minimize": "loss"}),
        ("wandb.csv", {"minimize": "val_loss"}),
        ("wandb.jsonl", {"minimize": "val_loss"}),
    ],
)
def test_a_source_is_read_up_to_a_size(name: str, wishes: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert "has more than 2 rows; if it is as large as that, allow more: --max-rows N" in refused(
        DATA / name, max_rows=2, **wishes
    )
    assert "has more than 100 bytes" in refused(DATA / name, max_bytes=100, **wishes)
    assert compat.read(DATA / name, max_rows=10_000, max_bytes=1_000_000, **wishes)
    words = [f"--{key}={value}" for key, value in wishes.items()]
    assert main(["import", str(DATA / name), "--max-rows", "2", *words]) == 1
    assert "has more than 2 rows" in capsys.readouterr().err


def test_a_document_that_is_nested_too_deeply(tmp_path: Path) -> None:
    deep = "[" * 50_000 + "]" * 50_000
    (tmp_path / "t.json").write_text(f'[{{"x": 1, "loss": 1, "a": {deep}}}]')
    assert "more than 100 levels" in refused(tmp_path / "t.json", minimize="loss")
    nested = '{"a":' * 300 + "1" + "}" * 300
    (tmp_path / "t.csv").write_text(f"x,loss,config\n1,1,'{nested}'\n2,2,\n")
    assert compat.read(tmp_path / "t.csv", minimize="loss")[0].counts == {"complete": 2}
    line = json.loads((DATA / "optuna-4.9.0.log").read_text().splitlines()[0])
    (tmp_path / "t.log").write_text(json.dumps({**line, "x": 0})[:-2] + f"{deep}}}\n")
    assert "more than 100 levels" in refused(tmp_path / "t.log")


def test_a_table_that_is_too_wide(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps([{f"c{i}": 1, "loss": 1} for i in range(20_001)]))
    assert "has 20,002 columns and 20,001 rows; leave out columns" in refused(tmp_path / "t.json", minimize="loss")


def test_parquet_that_unpacks_to_much_more(tmp_path: Path) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table({"loss": pa.array([0.5]).take(pa.array([0] * 300_000))}), tmp_path / "rows.parquet")
    assert (tmp_path / "rows.parquet").stat().st_size < 10_000
    assert "has more than 200,000 rows" in refused(tmp_path / "rows.parquet", minimize="loss", max_rows=200_000)
    big = pa.table({"loss": [1.0], "note": ["x" * 50_000_000]})
    parquet.write_table(big, tmp_path / "big.parquet", compression="gzip")
    assert (tmp_path / "big.parquet").stat().st_size < 200_000
    assert "has more than 1,000,000 bytes" in refused(tmp_path / "big.parquet", minimize="loss", max_bytes=1_000_000)
    # One long text is stored once, and stands in each of many rows.
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 400, pa.int32()), pa.array(["x" * 300_000]))
    table = pa.table({"loss": pa.array([float(i) for i in range(400)]), "note": column})
    parquet.write_table(table, tmp_path / "words.parquet")
    assert (tmp_path / "words.parquet").stat().st_size < 200_000
    assert "has more than 50,000,000 bytes" in refused(
        tmp_path / "words.parquet", minimize="loss", max_bytes=50_000_000
    )


# -- rows of other types -----------------------------------------------------------------------------------------------


def altered(tmp_path: Path, *statements: str, name: str = "optuna-4.9.0.db") -> Path:
    """Return a copy of a database, in which statements were run; columns take values of any type."""
    path = tmp_path / "old.db"
    shutil.copy(DATA / name, path)
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE trial_values SET value = 'abc'", "the value of trial 0 is 'abc', and no number"),
        ("UPDATE trial_values SET value = x'00ff'", r"the value of trial 0 is b'\\x00\\xff', and no number"),
        ("UPDATE trial_values SET value = NULL", "the value of trial 0 is None, and no number"),
        ("UPDATE trial_params SET param_value = 'abc'", "of trial 0 is 'abc', and no number"),
        ("UPDATE trial_intermediate_values SET intermediate_value = 'abc'", "a report of trial 0 is 'abc'"),
        ("UPDATE trial_intermediate_values SET step = 'abc'", "a step of trial 0 is 'abc', and no whole number"),
        ("UPDATE trials SET number = 'abc'", "the number of a trial is 'abc'"),
        ("UPDATE trials SET state = 'abc'", "has the state 'abc'"),
        ("UPDATE trial_user_attributes SET value_json = '{'", "and no JSON"),
    ],
)
def test_a_cell_of_another_type_is_an_error(statement: str, said: str, tmp_path: Path) -> None:
    table = statement.split()[1]
    plain = (
        f"CREATE TABLE copied AS SELECT * FROM {table}",
        f"DROP TABLE {table}",
        f"CREATE TABLE {table} AS SELECT * FROM copied",
    )
    untyped = statement.split()[3]
    path = altered(tmp_path, *plain, f"ALTER TABLE {table} ADD COLUMN held", f"UPDATE {table} SET held = {untyped}",
                   f"ALTER TABLE {table} DROP COLUMN {untyped}", f"ALTER TABLE {table} RENAME COLUMN held TO {untyped}",
                   statement)  # fmt: skip
    assert said.replace("\\\\", "\\") in refused(path)


@pytest.mark.parametrize("table", ["trial_values", "trial_intermediate_values", "trial_user_attributes"])
@pytest.mark.parametrize(
    "instead", ["", "CREATE VIEW {} AS SELECT * FROM hidden WHERE 0", "CREATE VIRTUAL TABLE {} USING fts5(value)"]
)
def test_a_view_or_nothing_in_place_of_a_table(
    table: str, instead: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    statements = [f"ALTER TABLE {table} RENAME TO hidden", *([instead.format(table)] if instead else [])]
    path = altered(tmp_path, *statements)
    assert f"is damaged: it has no table {table}" in refused(path)
    assert main(["import", str(path), "--storage", str(tmp_path / "new.db")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "new.db").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"values": ["abc"]}, "a value is 'abc', and no number"),
        ({"values": "abc"}, "and no list"),
        ({"trial_id": -1}, "trial_id is -1"),
        ({"trial_id": "0"}, "trial_id is '0', and no whole number"),
        ({"state": 9}, "9 is not a valid TrialState"),
        ({"op_code": 77}, "there is no operation 77"),
    ],
)
def test_a_line_of_a_journal_of_another_type_is_an_error(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    lines = (DATA / "optuna-4.9.0.log").read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if '"op_code": 6' in line or '"op_code":6' in line)
    lines[at] = json.dumps({**json.loads(lines[at]), **change})
    (tmp_path / "old.log").write_text("\n".join(lines) + "\n")
    assert f"line {at + 1}: this is no line of an Optuna journal" in (told := refused(tmp_path / "old.log"))
    assert said in told


# -- what is told ------------------------------------------------------------------------------------------------------


def test_what_a_source_says_cannot_control_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\u202e" + "long" * 5000
    rows = [{evil: i, "loss": float(i), "note\n\x1b[1m": [1], "state": "running"} for i in range(2)] + [
        {evil: 3, "loss": 1}
    ]
    (tmp_path / "t.json").write_text(json.dumps(rows))
    storage = ["--storage", str(tmp_path / "new.db")]
    assert main(["import", str(tmp_path / "t.json"), *storage, "--minimize", "loss", "--verify"]) in (0, 1)
    assert main(["import", str(tmp_path / "t.json"), *storage, "--minimize", "acc"]) == 1
    lines = (DATA / "optuna-4.9.0.log").read_text().splitlines()
    lines[0] = json.dumps({**json.loads(lines[0]), "study_name": evil, "directions": evil})
    (tmp_path / "old.log").write_text("\n".join(lines) + "\n")
    assert main(["import", str(tmp_path / "old.log"), *storage]) == 1
    told = capsys.readouterr()
    for line in (told.out + told.err).split("\n"):
        assert line.isprintable()
        assert len(line) < 2200


# -- anything ----------------------------------------------------------------------------------------------------------


def scrambled(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice([1, 2, 10])):
        at = rng.randrange(len(changed))
        what = rng.randrange(4)
        if what == 0:
            changed[at] = rng.randrange(256)
        elif what == 1:
            del changed[at : at + rng.randrange(1, 40)]
        elif what == 2:
            changed[at:at] = changed[at : at + rng.randrange(1, 200)]
        else:
            changed[at:at] = rng.choice([b"\0", b'"', b"9" * 400, b"\xff", b"-1", b"null", b"[", b"\x1b[2J"])
    return bytes(changed)


@pytest.mark.parametrize(
    ("name", "wishes"),
    [
        ("optuna-4.9.0.log", {}),
        ("optuna-2.0.0.db", {}),
        ("mlflow.db", {"minimize": "acc"}),
        ("wandb.csv", {"minimize": "val_loss"}),
        ("wandb.jsonl", {"minimize": "val_loss"}),
    ],
)
def test_a_scrambled_file_is_read_or_refused(name: str, wishes: dict[str, Any], tmp_path: Path) -> None:
    rng = random.Random(name)
    whole = (DATA / name).read_bytes()
    path, said = tmp_path / name, []
    for _ in range(40):
        path.write_bytes(scrambled(whole, rng))
        try:
            for old in compat.read(path, facts=True, **wishes):
                study = old.create_study()
                assert repr(study.trials)
                compat.differences(old, study)
        except TunesmithError as error:
            said.append(str(error))
        except ValueError as error:  # the name of the study, which is checked where it is made
            assert "must be" in str(error)  # noqa: PT017 - either outcome is right
        path.unlink()
    assert said
    assert max(map(len, said)) < 1300


def test_numbers_that_are_not_counted_from_zero(tmp_path: Path) -> None:
    rows = [{"number": n, "x": float(n), "value": 1.0} for n in (4, 0, 2)]
    (old,) = compat.read(rows, minimize="value")
    assert [t.number for t in old.trials] == [0, 1, 2, 3, 4]
    assert [t.state.name for t in old.trials] == ["COMPLETE", "FAIL", "COMPLETE", "FAIL", "COMPLETE"]
    assert old.create_study().trials[4].params == {"x": 4.0}
    (far,) = compat.read([{**rows[0], "number": 10**12}, *rows[1:]], minimize="value")
    assert len(far.trials) == 3
    assert "trials have other numbers here" in far.notes[-1]
