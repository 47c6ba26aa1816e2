"""``tunesmith tune`` and ``predict``: tables as people have them, what is written, and what is refused."""

from __future__ import annotations

import contextlib
import csv
import gzip
import importlib.util
import io
import json
import runpy
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tunesmith
from tunesmith.cli.main import main
from tunesmith.errors import MissingDependencyError, SourceError
from tunesmith.study.progress.display import Terminal
from tunesmith.tables import TableTuner, files, load_model
from tunesmith.tables import command as tables
from tunesmith.tables.files import find_source

pd = pytest.importorskip("pandas")

QUICK = ["--trials", "2", "--models", "linear,tree", "--cv", "2", "--seed", "0"]


def table(n: int = 120) -> Any:
    """A frame with gaps, dates, categories, and cells with separators in them."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "rooms": rng.integers(1, 9, n),
            "area": rng.normal(100, 20, n).round(1),
            "city": rng.choice(["Köln", "São Paulo", "Zürich"], n),
            "sold": rng.permutation(pd.date_range("2020-01-01", periods=n).strftime("%Y-%m-%d")),
            "note": rng.choice(["nice, quiet", 'small; "cosy"', "two\nlines"], n),
            "code": rng.choice(["007", "08", "0A"], n),
            "owner": rng.integers(0, 30, n),
            "w": rng.random(n).round(3),
        }
    )
    frame.loc[::7, "area"] = np.nan
    frame.loc[5, "city"] = None
    frame["price"] = (frame["rooms"] * 20 + frame["area"].fillna(100) + rng.normal(0, 5, n)).round(2)
    frame["ok"] = np.where(frame["price"] > frame["price"].median(), "yes", "no")
    frame.loc[3, "price"] = np.nan
    return frame


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNESMITH_STORAGE", raising=False)
    frame = table()
    frame.to_csv("train.csv", index=False)
    return frame


def test_a_report_and_the_code_that_makes_the_same_model(train: Any, capsys: pytest.CaptureFixture[str]) -> None:
    files = ["--report", "r.html", "--code", "make.py", "--weight", "w", "--groups", "owner"]
    assert main(["tune", "train.csv", "--target", "price", *files, *QUICK]) == 0
    told = capsys.readouterr().out
    for said in ("a regression by R²", "without a target is left out", "honest R²", "report: r.html"):
        assert said in told
    assert "The best of each kind of model" in Path("r.html").read_text(encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()):
        made = runpy.run_path("make.py")["model"]
    assert not {"price", "w", "owner"} & set(made.feature_names_in_)
    X = pd.read_csv("train.csv")
    y, weight, owner = X.pop("price"), X.pop("w"), X.pop("owner")
    search = tunesmith.tune(
        ["linear", "tree"], X, y, groups=owner, sample_weight=weight, timeout=None, n_trials=2, cv=2, random_state=0,
        verbose=False,
    )  # fmt: skip
    assert np.array_equal(made.predict(X), search.predict(X))


@pytest.mark.slow  # skops imports all of scikit-learn
def test_a_model_in_a_file_and_its_predictions(train: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("skops")
    assert main(["tune", "train.csv", "--target", "price", "-o", "m.skops", "--code", "make.py", *QUICK]) == 0
    assert "model: m.skops" in capsys.readouterr().out
    model = load_model("m.skops")
    assert model.columns_.roles_["code"] == "category"
    expected = model.predict(train)
    Path("m.skops").unlink()
    with contextlib.redirect_stdout(io.StringIO()):
        runpy.run_path("make.py")
    assert np.array_equal(load_model("m.skops").predict(train), expected)

    new = train.drop(columns=["price"]).iloc[::-1]
    new = new[new["code"] != "0A"]  # what is left of the column looks like numbers
    new.iloc[:, ::-1].to_csv("new.csv", index=False)
    assert main(["predict", "m.skops", "new.csv", "-o", "p.csv"]) == 0
    with Path("p.csv").open(encoding="utf-8", newline="") as file:
        predicted = [float(row["prediction"]) for row in csv.DictReader(file)]
    assert predicted == pytest.approx(expected[new.index])
    for wrong, said in (
        (["m.skops", "new.csv", "-o", "p.csv"], "give --force"),
        (["m.skops", "new.csv", "--proba"], "predicts numbers"),
        (["none.skops", "new.csv"], "does not exist"),
        (["new.csv", "new.csv"], "is no model that"),
    ):
        capsys.readouterr()
        assert main(["predict", *wrong]) == 2
        assert said in capsys.readouterr().err


def test_a_model_is_written_by_default_under_a_name_that_is_told_before_the_search(
    train: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def save_model(model: Any, path: Path) -> list[str]:  # skops imports all of scikit-learn
        path.write_text("a model", encoding="utf-8")
        return []

    monkeypatch.setattr("tunesmith.tables.save_model", save_model)
    real = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name if name == "skops" else real(name))
    call = ["tune", "train.csv", "--target", "price", *QUICK]
    assert main(call) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("The model will be written to train.skops.\n")
    assert "model: train.skops" in shown
    assert "tunesmith predict train.skops" in shown
    Path("train.skops").write_text("somebody's", encoding="utf-8")
    assert main([*call, "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["files"] == {"model": "train-2.skops", "settings": "train-2.tune.toml"}
    assert shown.err.startswith("The model will be written to train-2.skops.\n")
    assert main([*call, "--no-model"]) == 0
    shown = capsys.readouterr()
    assert "skops" not in shown.out + shown.err
    assert main([*call, "--quiet"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["model: train-3.skops", "settings: train-3.tune.toml"]
    assert Path("train.skops").read_text(encoding="utf-8") == "somebody's"
    assert main([*call, "--force"]) == 0
    assert Path("train.skops").read_text(encoding="utf-8") == "a model", "as it was asked for"
    assert main([*call, "--no-model", "-o", "m.skops"]) == 2
    assert "contradict" in capsys.readouterr().err
    fit = TableTuner.fit

    def slowly(self: TableTuner, *args: Any, **settings: Any) -> TableTuner:
        Path("train-4.skops").write_text("of another run", encoding="utf-8")
        return fit(self, *args, **settings)

    monkeypatch.setattr(TableTuner, "fit", slowly)
    assert main(call) == 0
    assert "model: train-5.skops" in capsys.readouterr().out
    assert Path("train-4.skops").read_text(encoding="utf-8") == "of another run"


def test_the_settings_beside_a_model_make_the_same_search_again(
    train: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("skops")
    call = [
        "tune",
        "train.csv",
        "--target",
        "price",
        "--id",
        "code",
        "--trials",
        "3",
        "--models",
        "linear",
        "--no-ensemble",
    ]
    assert main(call) == 0
    assert "again: tunesmith tune train.tune.toml" in capsys.readouterr().out
    settings = tomllib.loads(Path("train.tune.toml").read_text(encoding="utf-8"))
    assert settings.pop("seed") >= 0
    assert len(settings.pop("sha256")) == 64
    assert settings == {
        "table": "train.csv", "target": "price", "trials": 3, "ids": ["code"], "models": "linear", "no_ensemble": True,
        "level": 0.95, "jobs": 1,
    }  # fmt: skip
    made = load_model("train.skops")
    assert "code" not in made.columns_.roles_, "no model sees a name of the rows"
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert main(["tune", "../train.tune.toml", "--quiet"]) == 0, "the table is named from where the file is"
    assert np.array_equal(load_model("train.skops").predict(train), made.predict(train))
    assert tomllib.loads(Path("train.tune.toml").read_text(encoding="utf-8"))["table"] == "../train.csv"
    monkeypatch.chdir("..")
    capsys.readouterr()
    assert main(["tune", "train.tune.toml", "--trials", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == {"model": "train-2.skops", "settings": "train-2.tune.toml"}
    assert told["leaderboard"][0]["tried"] == 1, "an option wins over the file"
    Path("train.csv").write_text(Path("train.csv").read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert main(["tune", "train.tune.toml", "--no-model", "--quiet"]) == 0
    assert "warning: train.csv has changed since train.tune.toml was written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tabel = 1", "names no table"),
        ("table = 'train.csv'\ntagret = 'a'", "'tagret' is no setting; did you mean 'target'?"),
        ("table = 'train.csv'\ntarget = 'price'\ntrials = 'many'", "'many' is not"),
        ("table = 'none.csv'\ntarget = 'price'", "does not exist"),
        ("table = ", "cannot be read as TOML"),
        (None, "s.toml does not exist"),
    ],
)
def test_a_file_of_settings_that_cannot_be_used_is_told(
    text: str | None, said: str, train: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        Path("s.toml").write_text(text, encoding="utf-8")
    assert main(["tune", "s.toml"]) == 2
    assert said in capsys.readouterr().err


def test_predictions_keep_the_names_of_the_rows(train: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("skops")
    train.insert(0, "key", [f"{k:04d}" for k in range(len(train))])
    train.insert(1, "mark", [None, *["a"] * (len(train) - 1)])
    train.to_csv("keyed.csv", index=False)
    call = ["tune", "keyed.csv", "--target", "price", "--id", "key", "--id", "mark", "-o", "m.skops", *QUICK]
    assert main(call) == 0
    assert main(["predict", "m.skops", "keyed.csv", "--id", "key", "--id", "mark", "-o", "p.csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(Path("p.csv").read_text(encoding="utf-8"))))
    assert list(rows[0]) == ["key", "mark", "prediction"]
    assert [(row["key"], row["mark"]) for row in rows[:2]] == [("0000", ""), ("0001", "a")]
    capsys.readouterr()
    assert main(["predict", "m.skops", "keyed.csv", "--id", "kex"]) == 2
    assert "has no column 'kex'; did you mean 'key'?" in capsys.readouterr().err
    assert main(["tune", "keyed.csv", "--target", "price", "--id", "price", *QUICK]) == 2


def test_that_no_model_can_be_written_is_told_before_the_search(
    train: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "skops" else real(name))
    assert main(["tune", "train.csv", "--target", "price", *QUICK]) == 0
    assert capsys.readouterr().out.startswith("No model will be written: a file of a model needs skops")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name if name == "skops" else real(name))
    access = tables.os.access
    monkeypatch.setattr(tables.os, "access", lambda path, mode: path != Path() and access(path, mode))
    assert main(["tune", "train.csv", "--target", "price", *QUICK]) == 0
    assert capsys.readouterr().out.startswith("No model will be written: the working folder cannot be written")
    assert not list(Path().glob("*.skops"))


def test_the_best_single_model_is_called_so_where_an_average_is_returned(
    train: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["tune", "train.csv", "--target", "price", *QUICK, "--no-model", "--storage", "t.db"]
    assert main([*call, "--scoring", "neg_root_mean_squared_error"]) == 0
    shown = capsys.readouterr().out
    assert main(["best", "t.db", "--study", "train"]) == 0
    best = capsys.readouterr().out
    assert ("an average of models (" in shown) == ("the best single model:" in best)
    assert main(["show", "t.db", "--study", "train"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("train: minimize; ")
    verdict = next(line for line in shown.splitlines() if line.startswith("Chosen"))
    assert verdict in told
    assert verdict in best


def test_classes_json_and_a_storage_that_goes_on(train: Any, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["tune", "train.csv", "--target", "ok", *QUICK, "--json", "--storage", "t.db", "--no-ensemble"]
    assert main(call) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["task"], found["metric"]) == ("binary", "accuracy")
    assert {line["model"] for line in found["leaderboard"]} == {"linear", "tree"}
    low, high = found["interval"]
    assert low <= found["score"] <= high
    assert main(["show", "t.db", "--study", "train"]) == 0
    assert main(["report", "t.db", "-o", "r.md", "--lang", "zh"]) == 0
    assert "train" in Path("r.md").read_text(encoding="utf-8")
    assert main(["tune", "train.csv", "--target", "price", *QUICK, "--storage", "t.db"]) == 2
    assert "--study" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["bom.csv", "latin.csv", "wide.csv", "t.tsv.gz", "t.jsonl", "t.parquet", "t.feather"])
def test_files_as_people_have_them(name: str, train: Any, capsys: pytest.CaptureFixture[str]) -> None:
    if name == "bom.csv":
        train.to_csv(name, index=False, encoding="utf-8-sig", lineterminator="\r\n")
    elif name == "latin.csv":
        train.to_csv(name, index=False, encoding="latin-1", sep=";", decimal=",")
    elif name == "wide.csv":
        train.to_csv(name, index=False, encoding="utf-16", sep="\t")
    elif name == "t.tsv.gz":
        train.to_csv(name, index=False, sep="\t")
    elif name == "t.jsonl":
        train.to_json(name, orient="records", lines=True)
    else:
        pytest.importorskip("pyarrow")
        getattr(train, "to_parquet" if name == "t.parquet" else "to_feather")(name)
    source = find_source(name)
    frame = source.read()
    assert list(frame.columns) == list(train.columns)
    assert frame["city"].fillna("").tolist() == train["city"].fillna("").tolist()
    assert frame["note"].str.replace("\r\n", "\n").tolist() == train["note"].tolist()
    assert frame["w"].tolist() == pytest.approx(train["w"].tolist())
    assert eval(source.code(), {"pd": pd}).equals(frame)
    if name == "latin.csv":
        assert main(["tune", name, "--target", "price", "--weight", "w", *QUICK, "--quiet"]) == 0
        assert "R²" in capsys.readouterr().out


WRONG = [
    ("train.csv", ["--target", "prise"], "did you mean 'price'?"),
    ("train.csv", ["--target", "price", "--groups", "x"], "--groups: train.csv has no column 'x'"),
    ("train.csv", ["--target", "price", "--weight", "price"], "two of them are the same"),
    ("train.csv", ["--target", "price", "--models", "linar"], "did you mean 'linear'?"),
    ("train.csv", ["--target", "price", "--scoring", "accurcy"], "did you mean 'accuracy'?"),
    ("train.csv", ["--target", "sold"], "holds dates"),
    ("train.csv", ["--target", "price", "--weight", "city"], "--weight: 'city' holds no numbers"),
    ("train.csv", ["--target", "ok", "--weight", "price"], "has gaps or numbers below 0 in 1 rows"),
    ("train.csv", ["--target", "ok", "--groups", "city"], "has no value in 1 rows"),
    ("train.csv", ["--target", "price", "--report", "there.html"], "is there already; give --force"),
    ("train.csv", ["--target", "price", "--code", "none/x.py"], "cannot be written"),
    ("train.csv", ["--target", "price", "--report", "a.html", "--code", "a.html"], "have one name"),
    ("nothere.csv", ["--target", "y"], "does not exist"),
    (".", ["--target", "y"], "is a folder"),
    ("no-rows.csv", ["--target", "y"], "has no rows"),
    ("empty.csv", ["--target", "y"], "is empty"),
    ("bytes.csv", ["--target", "y"], "NUL bytes"),
    ("broken.csv.gz", ["--target", "y"], "is damaged"),
    ("broken.jsonl", ["--target", "y"], "cannot be read as a table"),
    ("ragged.csv", ["--target", "y"], "row 3 has 3 cells"),
    ("twice.csv", ["--target", "y"], "two columns called 'y'"),
    ("one.csv", ["--target", "y"], "no column to predict from"),
    ("no-names.csv", ["--target", "y"], "names of columns must stand there"),
    ("sheet.xlsx", ["--target", "y"], "save it as CSV"),
    ("one-line.csv", ["--target", "y"], "has no rows"),
    ("endless.csv.gz", ["--target", "y"], "first two lines are longer than"),
]


@pytest.mark.parametrize(("file", "options", "said"), WRONG, ids=[f"{f} {o[-1]}" for f, o, _ in WRONG])
def test_what_cannot_be_used_is_told_at_once(
    file: str, options: list[str], said: str, train: Any, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    texts = {
        "there.html": "mine", "no-rows.csv": "x,y\n", "empty.csv": "", "ragged.csv": "x,y\n1,2\n1,2,3\n",
        "twice.csv": "x,y,y\n1,2,3\n", "one.csv": "y\n1\n2\n", "no-names.csv": "1,2.5\n3,4.5\n", "sheet.xlsx": "PK",
        "broken.jsonl": '{"y": 1\n',
    }  # fmt: skip
    for name, text in texts.items():
        Path(name).write_text(text)
    monkeypatch.setattr(files, "MOST_HEAD_BYTES", files.HEAD_BYTES)
    Path("one-line.csv").write_text("x,y,z")
    Path("endless.csv.gz").write_bytes(gzip.compress(b"x," * 2 * files.BLOCK_BYTES, 1))
    Path("bytes.csv").write_bytes(bytes(range(256)))
    Path("broken.csv.gz").write_bytes(gzip.compress(bytes(range(32, 127)) * 50)[:60])
    before = sorted(Path().iterdir())
    assert main(["tune", file, *options]) == 2
    shown = capsys.readouterr()
    assert said in " ".join(shown.err.split())
    assert sorted(Path().iterdir()) == before
    assert Path("there.html").read_text() == "mine"


@pytest.mark.parametrize("ending", ["csv", "tsv", "csv.gz"])
def test_a_first_line_may_be_long(tmp_path: Path, ending: str) -> None:
    names = [f"a column with a long name, number {i}" for i in range(10_000)]
    frame = pd.DataFrame(np.arange(20_000).reshape(2, -1), columns=names)
    path = tmp_path / f"t.{ending}"
    frame.to_csv(path, index=False, sep="\t" if ending == "tsv" else ",")
    source = find_source(path)
    found = source.read(texts=names[-1:])
    assert list(found.columns) == names
    assert found[names[-1]].tolist() == ["9999", "19999"]
    assert found[names[-2]].tolist() == [9998, 19998]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".jsonl.gz"])
def test_a_table_that_is_larger_than_the_memory_is_refused(
    tmp_path: Path, ending: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ("é,y\n" + "0,1\n" * 3_000_000).encode(encoding)
    path = tmp_path / f"bomb{ending}"
    path.write_bytes(gzip.compress(rows, 1) if ending.endswith("gz") else rows)
    seen: list[int] = []
    find_source(path, seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == len(rows)
    monkeypatch.setattr(files, "machine_memory", lambda: 16_000_000)
    said = "unpacks to more than 8 MB" if ending.endswith("gz") else "has 12 MB"
    with pytest.raises(SourceError, match=f"{said}, and this machine has 16 MB of memory.*take a part of its rows"):
        find_source(path)


def test_a_terminal_shows_that_a_table_is_read(train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    def slow(*args: Any, **options: Any) -> Any:
        time.sleep(0.5)
        return read(*args, **options)

    screen, read = Screen(), pd.read_csv
    monkeypatch.setattr(pd, "read_csv", slow)
    monkeypatch.setattr(Terminal, "first", 0.0)
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", screen)
    assert main(["tune", "train.csv", "--target", "nothing", "--timeout", "1"]) == 2
    assert "reading train.csv" in screen.getvalue()
    size = Path("train.csv").stat().st_size
    assert f"{size / 1e3:.3g} kB" in screen.getvalue()


def test_predictions_are_no_formulas(
    train: Any, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    class Model:
        classes_ = np.array(["=1+1", "@SUM(1)"])

        def predict(self, X: Any) -> Any:
            return np.array(["=1+1", "@SUM(1)", 'a "word"'])

        def predict_proba(self, X: Any) -> Any:
            return np.array([[0.75, -0.25], [0.5, 0.5], [1.0, 0.0]])

    monkeypatch.setattr(tables, "_check_skops", lambda file: None)
    monkeypatch.setattr("tunesmith.tables.load_model", lambda path: Model())
    expected = (
        'prediction,probability =1+1,probability @SUM(1)\n\'=1+1,0.75,-0.25\n\'@SUM(1),0.5,0.5\n"a ""word""",1.0,0.0\n'
    )
    assert main(["predict", "m.skops", "train.csv", "--proba", "-o", "p.csv"]) == 0
    assert Path("p.csv").read_bytes() == expected.encode()
    capfdbinary.readouterr()
    assert main(["predict", "m.skops", "train.csv", "--proba"]) == 0
    assert capfdbinary.readouterr().out == expected.encode()


def test_without_skops_nothing_is_fitted(
    train: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "skops" else object())
    assert main(["tune", "train.csv", "--target", "price", "-o", "m.skops"]) == 2
    assert "pip install 'tunesmith[tables]'" in capsys.readouterr().err


def test_without_a_library_for_tables(train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"polars"}
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object() if name in there else None)
    source = find_source("train.csv")
    assert (source.library, source.code()) == ("polars", "pl.read_csv('train.csv', infer_schema_length=None)")
    there.clear()
    with pytest.raises(MissingDependencyError, match="tunesmith\\[tables\\]"):
        find_source("train.csv")
    Path("t.parquet").write_bytes(b"PAR1")
    there.add("pandas")
    with pytest.raises(MissingDependencyError, match="pip install pyarrow"):
        find_source("t.parquet")


def test_ctrl_c_ends_it_and_leaves_no_file(
    train: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tunesmith.tables.tune.run_loop", interrupted)
    assert main(["tune", "train.csv", "--target", "price", "--report", "r.html", "--storage", "t.db", *QUICK]) == 130
    assert "interrupted: no file was written; the same command goes on" in capsys.readouterr().err
    assert not Path("r.html").exists()


def test_reading_the_table_is_part_of_the_time(train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []

    def slow(*args: Any) -> Any:
        made = read(*args)
        clock[0] += 30.0
        return made

    def watched(self: Any, *args: Any, **more: Any) -> Any:
        given.append(self.timeout)
        raise ValueError("enough")

    clock, read = [0.0], tables._read_table
    monkeypatch.setattr(tables.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(tables, "_read_table", slow)
    monkeypatch.setattr(TableTuner, "fit", watched)
    for seconds in ("40s", "20s"):
        assert main(["tune", "train.csv", "--target", "price", "--timeout", seconds]) == 2
    assert given == [10.0, 4.0]  # what is left, or a fifth
