"""Tables become studies: what counts, which columns are parameters, and which ranges they have."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

import tunesmith as ts
from tunesmith import compat
from tunesmith.errors import DuplicatedStudyError, SourceError

ROWS: list[dict[str, Any]] = [
    {"lr": 0.001, "batch": 32, "opt": "sgd", "warm": True, "seed": 0, "loss": 0.4},
    {"lr": 0.01, "batch": 64, "opt": "adam", "warm": False, "seed": 0, "loss": 0.2},
    {"lr": 0.2, "batch": 512, "opt": "sgd", "warm": True, "seed": 0, "loss": 0.3},
    {"lr": 0.1, "batch": 128, "opt": None, "warm": False, "seed": 0, "loss": math.nan},
]
RANGES = {
    "lr": ts.Float(0.001, 0.2, log=True),
    "batch": ts.Int(32, 512, log=True),
    "warm": ts.Categorical([False, True]),
}


def check(old: compat.ImportedStudy) -> None:
    study = old.create_study()
    assert study.directions == [ts.study.StudyDirection.MINIMIZE]
    assert study.best_value == 0.2
    assert study.best_params == {"lr": 0.01, "batch": 64, "opt": "adam", "warm": False}
    found = study.best_trial.distributions
    assert set(found.pop("opt").choices) == {"sgd", "adam"}  # in the order of the rows
    assert found == RANGES
    last = study.trials[3]
    assert (last.state, last.params) == (ts.TrialState.FAIL, {"lr": 0.1, "batch": 128, "warm": False})
    assert study.trials[0].user_attrs["seed"] == 0
    assert any("seed (it has one value)" in note for note in old.notes)


def as_csv(path: Path) -> None:
    lines = [
        ",".join(ROWS[0]),
        *(",".join("" if v is None or v != v else str(v) for v in row.values()) for row in ROWS),
    ]
    path.write_text("\n".join(lines) + "\n")


def as_csv_of_a_spreadsheet(path: Path) -> None:
    as_csv(path)
    path.write_text("\ufeff" + path.read_text().replace(",", ";"), encoding="utf-8")


def as_json(path: Path) -> None:
    path.write_text(json.dumps(ROWS))


def as_lines(path: Path) -> None:
    path.write_text("\n".join(json.dumps(row) for row in ROWS))


def as_frame(path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    getattr(pandas.DataFrame(ROWS), f"to_{path.suffix[1:]}")(path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("runs.csv", as_csv),
        ("sheet.csv", as_csv_of_a_spreadsheet),
        ("runs.json", as_json),
        ("runs.jsonl", as_lines),
        ("frame.csv", as_frame),
        ("frame.json", as_frame),
        ("frame.parquet", as_frame),
    ],
)
def test_every_file_of_a_table_gives_the_same(name: str, write: Any, tmp_path: Path) -> None:
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    write(tmp_path / name)
    (old,) = compat.read(tmp_path / name, minimize="loss")
    assert (old.name, old.program) == (name.partition(".")[0], name.partition(".")[2].upper())
    check(old)


def test_tables_in_memory() -> None:
    check(*compat.read(ROWS, minimize="loss"))
    check(*compat.read({key: [row[key] for row in ROWS] for key in ROWS[0]}, minimize="loss"))
    pandas = pytest.importorskip("pandas")
    check(*compat.read(pandas.DataFrame(ROWS), minimize="loss"))
    with pytest.raises(TypeError, match=r"expected a path, a URL, a data frame or a list of dicts; got 7"):
        compat.read(7)


class Study:
    """Has what one of Optuna's has."""

    study_name = "s"

    def get_trials(self) -> list[Any]:
        return []


def test_a_study_in_memory_is_told_how_to_be_read() -> None:
    with pytest.raises(TypeError, match=r"where it is stored.*trials_dataframe\(\)"):
        compat.read(Study())


def test_numbers_with_decimal_commas_of_spreadsheets(tmp_path: Path) -> None:
    (tmp_path / "runs.csv").write_text("lr;layers;loss\n0,1;1,2,3;3,5\n-2,5e-1;4;4\n")
    (old,) = compat.read(tmp_path / "runs.csv", minimize="loss")
    assert [t.params["lr"] for t in old.create_study().trials] == [0.1, -0.25]
    assert [t.params["layers"] for t in old.create_study().trials] == ["1,2,3", 4]


def test_what_a_user_says_of_ranges() -> None:
    (old,) = compat.read(
        ROWS, minimize="loss", params={"lr": "log(1e-5, 1e-1)", "opt": ["sgd", "adam", "lion"], "batch": None}
    )
    first, _, third, _ = old.trials
    assert first.distributions == {
        "lr": ts.Float(1e-5, 1e-1, log=True),
        "opt": ts.Categorical(["sgd", "adam", "lion"]),
        "batch": ts.Int(32, 512, log=True),
    }
    assert dict(third.outside) == {"lr": 0.2}  # used, and beyond what is searched from now on
    assert third.params == {"lr": 0.2, "batch": 512, "opt": "sgd"}
    assert first.user_attrs["warm"] is True  # it was not named
    (only,) = compat.read(ROWS, maximize=["loss"], params=["lr"])
    assert only.directions == ("maximize",)
    assert only.trials[0].params == {"lr": 0.001}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (
            {},
            "does not say which value counts; give --minimize NAME or --maximize NAME.*'batch', 'warm', 'seed', 'loss'",
        ),
        ({"minimize": "los"}, "has no value 'los'; did you mean 'loss'"),
        ({"minimize": "loss", "params": {"rate": None}}, "has no parameter 'rate'.*'lr', 'batch'"),
        ({"minimize": "loss", "params": {"lr": "log(0, 1)"}}, "--param 'lr': .*log"),
        ({"minimize": "loss", "params": ["seed"]}, "--param seed: it has one value; give a range"),
        ({"minimize": "loss", "columns": {"state": "status"}}, "has no column 'status'"),
        ({"minimize": "loss", "maximize": "loss"}, "'loss' is asked for twice"),
        ({"minimize": "loss", "columns": {"colour": "lr"}}, "there is no role 'colour'; there are 'state', 'id'"),
    ],
)
def test_what_cannot_be_meant(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(SourceError, match=words):
        compat.read(ROWS, **asked)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "", "a.csv is empty"),
        ("a.csv", "x,loss\n1,2\n3\n", "row 3: 1 cells, and the first line has 2 names"),
        ("a.csv", "x,x\n1,2\n", "two columns called 'x'"),
        ("a.csv", 'x,loss\n"1,2\n', "a.csv is damaged"),
        ("a.csv", "x,loss\n", "a.csv has no run"),
        ("a.json", "{", "no JSON and no JSON lines"),
        ("a.json", "[1, 2]", "no list of objects"),
        ("a.jsonl", '{"x": 1}\n{"x"', "no JSON and no JSON lines"),
        ("a.parquet", "PAR1", "cannot be read as Parquet"),
        ("a.csv", "x,loss\n\xff", "no UTF-8"),
        ("a.txt", "hello", "a.txt is nothing that is known here"),
        ("a.pkl", "", "a.pkl is empty"),
    ],
)
def test_damaged_files(name: str, text: str, words: str, tmp_path: Path) -> None:
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(SourceError, match=words):
        compat.read(tmp_path / name, minimize="loss")


def test_rows_that_are_known_again(tmp_path: Path) -> None:
    rows = [{"run_id": f"r{i}", "status": "FINISHED", "x": float(i), "loss": i} for i in range(3)]
    rows[1]["status"] = "running"
    (old,) = compat.read(rows, minimize="loss", study="s")
    study = old.create_study(storage=tmp_path / "tune.db")
    assert [(t.worker, t.state.name) for t in study.trials[:2]] == [("table/r0", "COMPLETE"), ("table/r1", "FAIL")]
    rows[1]["status"] = "finished"
    (new,) = compat.read([{"run_id": "r9", "status": "failed", "x": 0.5}, *rows], minimize="loss", study="s")
    study = new.create_study(storage=tmp_path / "tune.db", if_exists="update")
    assert [(t.worker, t.state.name) for t in study.trials[3:]] == [("table/r9", "FAIL"), ("table/r1", "COMPLETE")]


def test_another_value_is_another_study(tmp_path: Path) -> None:
    rows = [{"x": 1, "loss": 1.0, "acc": 0.5}, {"x": 2, "loss": 2.0, "acc": 0.6}]
    (old,) = compat.read(rows, minimize="loss")
    old.create_study(storage=tmp_path / "tune.db")
    (other,) = compat.read(rows, maximize="acc")
    with pytest.raises(DuplicatedStudyError, match=r"with minimize loss, and now maximize acc is asked for.*--as"):
        other.create_study(storage=tmp_path / "tune.db", if_exists="update")


def test_columns_that_are_called_like_groups_or_have_gaps() -> None:
    rows = [{"config": "a", "metric": 0.5, "depth": 2.0}, {"config": "b", "metric": 0.4, "depth": None}]
    rows.append({"config": "b", "metric": 0.3, "depth": 5.0})
    (old,) = compat.read(rows, minimize="metric")
    assert [t.params for t in old.trials] == [{"config": "a", "depth": 2}, {"config": "b"}, {"config": "b", "depth": 5}]
    assert old.trials[0].distributions["depth"] == ts.Int(2, 5)
    assert "trials" not in repr(old)


def test_a_file_can_be_named_by_its_uri(tmp_path: Path) -> None:
    file = tmp_path / "my runs.csv"
    file.write_text("lr,loss\n0.1,1\n0.2,2\n")
    assert [t.value for t in compat.read(file.as_uri(), minimize="loss")[0].trials] == [1, 2]


def test_what_is_written_as_nan_is_an_empty_cell(tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    file.write_text("lr,layers,opt,loss\n0.1,1,a,1\nNaN,2,nan,2\n0.3,nan,b,3\n")
    (old,) = compat.read(file, minimize="loss")
    assert [t.params for t in old.trials] == [
        {"lr": 0.1, "layers": 1, "opt": "a"},
        {"layers": 2},
        {"lr": 0.3, "opt": "b"},
    ]


def test_several_values_count_and_times_are_read() -> None:
    rows = [
        {"x": 1, "loss": 1.0, "acc": 0.5, "start_time": "2026-01-02T03:04:05Z", "end_time": 1767323105000},
        {"x": 2, "loss": "inf", "acc": 0.6, "start_time": "2026-01-02T03:04:06+00:00", "end_time": None},
    ]
    (old,) = compat.read(rows, minimize="loss", maximize="acc")
    assert old.directions == ("minimize", "maximize")
    assert old.metric_names == ["loss", "acc"]
    assert [t.values for t in old.trials] == [(1.0, 0.5), (math.inf, 0.6)]
    assert old.trials[0].duration == 60


def test_our_own_exports_and_data_frames_of_optuna(tmp_path: Path) -> None:
    from tunesmith.cli.main import main

    study = ts.create_study(storage=tmp_path / "tune.db", study_name="s", seed=0)

    def objective(trial: ts.Trial) -> float:
        x = trial.suggest_float("x", 1e-4, 1, log=True)
        trial.report(x, 0)
        trial.set_constraint("low", x - 0.5)
        if trial.suggest_categorical("kind", ["a", "b"]) == "a":
            trial.suggest_int("n", 1, 9)
            trial.set_noise(x / 10)
        return x

    study.optimize(objective, 20)
    for ending in ("json", "csv"):
        assert main(["export", str(tmp_path / "tune.db"), "-o", str(tmp_path / f"s.{ending}")]) == 0
        (back,) = compat.read(tmp_path / f"s.{ending}", minimize="value")
        assert [t.params for t in back.trials] == [t.params for t in study.trials]
        assert [t.values for t in back.trials] == [t.values for t in study.trials]
        assert [t.constraints for t in back.trials] == [t.constraints for t in study.trials]
        assert [t.noise for t in back.trials] == [t.noise for t in study.trials]
        if ending == "json":
            assert [dict(t.intermediate_values) for t in back.trials] == [{0: t.value} for t in study.trials]
    optuna = pytest.importorskip("optuna")
    pytest.importorskip("pandas")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    theirs = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    theirs.optimize(lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_int("n", 1, 3), 5)
    (old,) = compat.read(theirs.trials_dataframe(), minimize="value")
    assert [t.params for t in old.trials] == [t.params for t in theirs.trials]
    assert [t.value for t in old.trials] == [t.value for t in theirs.trials]


def test_pandas_own_missing_values_are_missing() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"n": pandas.array([1, None, 3], dtype="Int64"), "loss": [1.0, 2.0, 3.0]})
    frame["seen"] = pandas.to_datetime(["2024-01-01", None, "2024-01-02"])
    (old,) = compat.read(frame, minimize="loss", params=["n"])
    assert [trial.params for trial in old.trials] == [{"n": 1}, {}, {"n": 3}]


def test_metrics_of_json_are_read_as_columns() -> None:
    rows = [
        {
            "number": n,
            "values": [n / 2],
            "params": {"x": n},
            "intermediate_values": {"0": 1.0},
            "metrics": {
                "loss": {"steps": [2, 0, 2**70], "values": [0.5, None, 1.0]},
                "of classes": {"0": 0.5, "1": 0.25},
                "acc": 0.9,
            },
        }
        for n in range(3)
    ]
    (old,) = compat.read(rows, minimize="value")
    for trial in old.create_study().trials:
        assert {name: [c.tolist() for c in columns] for name, columns in trial.metrics.items()} == {
            "loss": [[0, 2], [pytest.approx(math.nan, nan_ok=True), 0.5]]
        }
        assert dict(trial.intermediate_values) == {0: 1.0}
        assert trial.user_attrs == {"acc": 0.9, "of classes.0": 0.5, "of classes.1": 0.25}
