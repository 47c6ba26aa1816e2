"""The commands that look at a storage and change it, as a user calls them."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import math
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

import tunesmith as ts
from tunesmith.cli.main import main
from tunesmith.space import Float, Int, Space
from tunesmith.space.estimators import FloatOr, IntOr
from tunesmith.study.study import METRIC_NAMES


def objective(trial: ts.Trial) -> float:
    x = trial.suggest_float("x", -1, 1)
    kind = trial.suggest_categorical("kind", ["plain", "it's", None])
    trial.suggest_int("n", 1, 9)
    trial.suggest_categorical("on", [True, False])
    if trial.number == 3:
        raise RuntimeError("no luck")
    trial.report(x, 1)
    trial.set_user_attr("note", "[bold]x[/bold]\x1b[31m")
    return x * x + (kind is None)


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    study = ts.create_study(storage="tune.db", study_name="mine", seed=0, sampler="random")
    study.optimize(objective, n_trials=12, catch=RuntimeError)
    return "tune.db"


class Program:
    """Runs the command line, and returns what it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str, status: int = 0) -> str:
        code = main(words)
        shown = self._capsys.readouterr()
        assert code == status, shown
        return shown.out if status == 0 else shown.err

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json"))


@pytest.fixture
def tunesmith(capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(capsys)


def load(name: str = "mine", where: str = "tune.db") -> ts.Study:
    return ts.load_study(study_name=name, storage=where)


def test_show_a_study(where: str, tunesmith: Program) -> None:
    text = tunesmith("show", where)
    assert text.startswith("mine: minimize; 11 COMPLETE, 1 FAIL\nUse trial ")
    assert "1 failed: RuntimeError: no luck" in text
    facts = tunesmith.json("show", where, "--study", "mine")
    assert f"{facts['sure']}: {facts['why']}\n{facts['next']}\n" in text
    assert facts["trials"] == {"complete": 11, "fail": 1}
    assert set(facts["space"]) == {"x", "kind", "n", "on"}


def test_show_a_trial(where: str, tunesmith: Program) -> None:
    text = tunesmith("show", where, "--trial", "0")
    assert text.startswith("trial 0: COMPLETE, value ")
    assert "[bold]x[/bold]" in text  # as it was given, and not as markup
    assert "\x1b" not in text
    assert "RuntimeError: no luck" in tunesmith("show", where, "--trial", "3")
    assert tunesmith.json("show", where, "--trial", "0")["intermediate_values"] == {"1": load().trials[0].params["x"]}
    assert "has no trial 99" in tunesmith("show", where, "--trial", "99", status=2)


def test_failed_trials_are_listed_with_their_reasons_in_short(where: str, tunesmith: Program) -> None:
    told = tunesmith("trials", where, "--where", "state == fail")
    assert "reason" in told
    assert "RuntimeError: no luck" in told
    assert "reason" not in tunesmith("trials", where, "--where", "state == complete")
    study = load()
    study.tell(study.ask(), state=ts.TrialState.FAIL, reason="Traceback\n  a line\nValueError: " + 100 * "x")
    told = tunesmith("trials", where, "--sort=-number", "--limit", "1")
    assert "ValueError: xxx" in told
    assert "xx…" in told
    assert "Traceback" not in told


def test_several_objectives(where: str, tunesmith: Program) -> None:
    study = ts.create_study(storage=where, study_name="two", directions=["minimize", "maximize"], seed=0)
    study.optimize(lambda t: (t.suggest_float("x", 0, 1), t.params["x"]), n_trials=3)
    assert "3 trials are not dominated by any other: 0, 1, 2." in tunesmith("show", where, "--study", "two")
    assert "no single best trial" in tunesmith("best", where, "--study", "two", status=2)
    two = (where, "--study", "two")
    assert re.search(r"state +objective 0 +objective 1 +x", tunesmith("trials", *two))  # as in figures
    study.set_system_attr(METRIC_NAMES, ["loss", "size"])
    assert re.search(r"state +loss +size +x", tunesmith("trials", *two))
    assert "give --target 0 to --target 1" in tunesmith("importance", *two, status=2)
    assert "give --target 0 to --target 1" in tunesmith("plot", "history", *two, status=2)
    assert tunesmith.json("importance", *two, "--target", "1")[0]["name"] == "x"
    assert tunesmith("plot", "history", *two, "--target", "1", "-o", "a.svg") == "a.svg\n"
    assert "are 0 to 1" in tunesmith("plot", "history", *two, "--target", "2", status=2)
    assert "expected the number of an objective" in tunesmith("importance", *two, "--target", "loss", status=2)
    assert "give --study, one of 'mine', 'two'" in tunesmith("show", where, status=2)
    assert "did you mean 'mine'?" in tunesmith("show", where, "--study", "mime", status=2)


@pytest.mark.parametrize("form", ["flags", "json", "yaml", "toml", "env", "python"])
def test_the_best_in_all_forms(where: str, tunesmith: Program, form: str, tmp_path: Path) -> None:
    params = load().best_params
    text = tunesmith("best", where, "--as", form)
    known = {name: value for name, value in params.items() if value is not None}
    if form == "json":
        assert json.loads(text) == params
    elif form == "toml":
        assert tomllib.loads(text) == known
    elif form == "python":
        assert eval(text) == params
    elif form == "yaml":
        assert {json.loads(k): json.loads(v) for k, v in (line.split(": ", 1) for line in text.splitlines())} == params
    elif form == "env":
        seen = subprocess.run(
            ["sh", "-c", f'{text}\nprintf %s "$TUNESMITH_PARAM_KIND"'], capture_output=True, text=True
        )
        assert seen.stdout == (params["kind"] or "none")
    else:
        assert f"--x {params['x']}" in text
        assert ("--on" in text.split()) == params["on"]


def test_the_best_trial(where: str, tunesmith: Program) -> None:
    best = load().best_trial
    assert tunesmith("best", where).startswith(f"trial {best.number}, value ")
    assert tunesmith.json("best", where)["values"] == [best.value]
    assert tunesmith("best", where, "--honest").startswith("Use trial ")
    ts.create_study(storage=where, study_name="new")
    assert "has no complete feasible trial yet" in tunesmith("best", where, "--study", "new", status=1)


def test_trials(where: str, tunesmith: Program) -> None:
    by_value = tunesmith.json("trials", where, "--sort", "value", "--limit", "3")
    everything = sorted(t.value for t in load().trials if t.value is not None)
    assert [t["values"][0] for t in by_value] == everything[:3]
    fall = [t["params"]["n"] for t in tunesmith.json("trials", where, "--sort", "-n")]
    assert fall == sorted(fall, reverse=True)
    assert [t["number"] for t in tunesmith.json("trials", where, "--state", "fail")] == [3]
    assert tunesmith.json("trials", where, "--sort", "-value")[-1]["number"] == 3  # it has none
    assert tunesmith("trials", where, "--where", "x > 99") == "No trial is like that.\n"
    assert "2 of 12 are shown" in tunesmith("trials", where, "--limit", "2")
    assert "did you mean 'value'?" in tunesmith("trials", where, "--sort", "valeu", status=2)
    odd = tunesmith.json("trials", where, "--where", "x > 0 and kind == 'plain'", "--limit", "99")
    known = [t for t in load().trials if t.params.get("x", -1) > 0 and t.params["kind"] == "plain"]
    assert [t["number"] for t in odd] == [t.number for t in known]
    assert len(tunesmith.json("trials", where, "--where", "user.note ~ 'bold'")) == 11
    assert "Error" in tunesmith("trials", where, "--where", "x >", status=2)
    ts.create_study(storage=where, study_name="none")
    assert tunesmith("trials", where, "--study", "none") == "'none' has no trials yet.\n"
    wide = ts.create_study(storage=where, study_name="wide", space={f"p{i}": "float(0, 1)" for i in range(30)})
    wide.optimize(lambda trial: 0.0, n_trials=1)
    assert "20 of 30 parameters are shown" in tunesmith("trials", where, "--study", "wide")


def test_export(where: str, tunesmith: Program, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(tunesmith("export", where))))
    assert [float(r["value"]) for r in rows if r["value"]] == [t.value for t in load().trials if t.value is not None]
    assert rows[3]["state"] == "FAIL"
    tunesmith("export", where, "-o", "t.json")
    assert len(json.loads(Path("t.json").read_text())) == 12
    tunesmith("export", where, "-o", "t.csv")
    assert Path("t.csv").read_text().startswith("number,state,value,params_x")
    load().set_trial_attr(0, "note", "=1+1")
    assert next(csv.DictReader(io.StringIO(tunesmith("export", where))))["user_attrs_note"] == "'=1+1"
    assert "does not end with .csv" in tunesmith("export", where, "-o", "t.xls", status=2)
    assert "give a file" in tunesmith("export", where, "--format", "parquet", status=2)


def test_what_trials_logged_is_shown_drawn_and_exported(
    tunesmith: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = ts.create_study(storage="logged.db", study_name="logged", seed=0, sampler="random")

    def objective(trial: ts.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        for step in range(3):
            trial.log({"loss": x / (step + 1), "step": math.nan if step else 1.0}, step)
        return x

    study.optimize(objective, n_trials=2)
    study.add_trial(ts.create_trial(value=0.0))
    assert tunesmith.json("show", "logged.db")["metrics"] == {"loss": 2, "step": 2}
    assert "Logged: loss, step. `tunesmith plot metrics` draws them." in tunesmith("show", "logged.db")
    shown = tunesmith("show", "logged.db", "--trial", "1")
    last = study.trials[1].params["x"] / 3
    assert re.search(rf"^ loss +3 +2 +{last:.6g} +{last:.6g} +{3 * last:.6g}", shown, re.MULTILINE)
    rows = list(csv.DictReader(io.StringIO(tunesmith("export", "logged.db", "--metrics"))))
    assert list(rows[0]) == ["number", "step", "loss", "metrics_step"]
    assert [(r["number"], r["step"], r["metrics_step"]) for r in rows[:2]] == [("0", "0", "1.0"), ("0", "1", "")]
    assert [float(r["loss"]) for r in rows] == [t.params["x"] / k for t in study.trials[:2] for k in (1, 2, 3)]
    told = json.loads(tunesmith("export", "logged.db", "--metrics", "--format", "json"))
    assert told[5] == {"number": 1, "step": 2, "loss": last}
    whole = json.loads(tunesmith("export", "logged.db", "--format", "json"))
    assert whole[1]["metrics"]["loss"]["values"][2] == last
    assert whole[2]["metrics"] == {}
    assert tunesmith("export", "logged.db", "--metrics", "--to", "optuna", "-o", "a.db", status=2)
    assert tunesmith("plot", "metrics", "logged.db", "--trial", "1", "--metric", "loss", "-o", "a.svg") == "a.svg\n"
    assert tunesmith("plot", "intermediate_values", "logged.db", "--metric", "loss", "-o", "b.svg") == "b.svg\n"
    two = ("--metric", "loss", "--metric", "step")
    assert "shows one --metric" in tunesmith("plot", "intermediate_values", "logged.db", *two, status=2)
    assert "has no --metric" in tunesmith("plot", "edf", "logged.db", *two, status=2)
    ts.create_study(storage="none.db", study_name="none")
    assert tunesmith("export", "none.db", "--metrics").split() == ["number,step"]
    assert json.loads(tunesmith("export", "none.db", "--metrics", "--format", "json")) == []


def test_importance_and_figures(where: str, tunesmith: Program) -> None:
    table = tunesmith.json("importance", where)
    assert {"x", "kind"} <= {name for row in table for name in (row.get("name"), row.get("parameter")) if name} or table
    assert "x" in tunesmith("importance", where, "--param", "x", "--param", "n")
    assert "is not one of" in tunesmith("importance", where, "--evaluator", "oracle", status=2)
    assert tunesmith("plot", "history", where, "-o", "a.svg") == "a.svg\n"
    assert "<svg" in Path("a.svg").read_text()
    drawn = [("plot", "history")] if importlib.util.find_spec("plotly") else []
    for words in [*drawn, ("report",), ("export",)]:
        suffix = "csv" if words[0] == "export" else "html"
        nowhere = tunesmith(*words, where, "-o", f"none/a.{suffix}", status=1)
        assert nowhere == f"error: none/a.{suffix}: No such file or directory\n"
    assert "Format 'xyz' is not supported" in tunesmith("plot", "history", where, "-o", "a.xyz", status=1)
    assert "has no --param" in tunesmith("plot", "edf", where, "--param", "x", status=2)
    assert "there is no figure 'pie'" in tunesmith("plot", "pie", where, status=2)


def test_explain_tells_what_is_believed_of_each_parameter(where: str, tunesmith: Program) -> None:
    assert tunesmith.json("explain", where)["x"].startswith("nothing: the name has no known meaning")
    space = Space({"eta": Float(0.001, 1, log=True), "max_depth": Int(1, 15)})
    ts.create_study(storage=where, study_name="trees", space=space)
    assert "eta: learning rate of a boosted tree: near 0.086" in tunesmith("explain", where, "--study", "trees")
    ts.create_study(storage=where, study_name="none", space=space, priors=False)
    assert "eta: nothing: the study was created with priors=False" in tunesmith("explain", where, "--study", "none")


def test_enqueue(where: str, tunesmith: Program) -> None:
    tunesmith("enqueue", where, "-p", "x=0.25", "-p", "kind=it's", "-p", "on=False")
    study = load()
    study.optimize(objective, n_trials=1, catch=RuntimeError)
    params = study.trials[-1].params
    assert (params["x"], params["kind"], params["on"]) == (0.25, "it's", False)
    again = tunesmith("enqueue", where, "-p", "x=0.25", "-p", "kind=it's", "-p", "on=False", "--skip-if-exists")
    assert "nothing enqueued: there is a trial with x=0.25" in again
    for words, said in (
        (("-p", "y=1"), "has no parameter 'y'"),
        (("-p", "x"), "expected NAME=VALUE"),
        (("-p", "x=high"), "'high' is no number"),
        (("-p", "kind=odd"), "'odd' is none of"),
        ((), "give at least one parameter"),
    ):
        assert said in tunesmith("enqueue", where, *words, status=2)


def test_without_storage_it_is_the_one_that_run_takes(
    where: str, tunesmith: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TUNESMITH_STORAGE", raising=False)
    for words in (
        ("studies",),
        ("show",),
        ("best",),
        ("trials",),
        ("importance",),
        ("explain",),
        ("export",),
        ("upgrade",),
    ):
        assert tunesmith(*words, "--json") == tunesmith(*words, where, "--json")
    assert tunesmith.json("plot", "history", "-o", "a.png") == {"file": "a.png"}
    assert tunesmith.json("enqueue", "-p", "x=0.5")["study"] == "mine"
    assert tunesmith.json("doctor")["storage"] == "undamaged"
    assert tunesmith.json("rename", "yours") == {"study": "yours", "before": "mine"}
    assert tunesmith.json("copy", "other.db")["copy"] == "yours"
    monkeypatch.setenv("TUNESMITH_STORAGE", "other.db")
    assert tunesmith.json("rename", "ours") == {"study": "ours", "before": "yours"}
    assert "Missing argument 'NEW_NAME'" in tunesmith("rename", status=2)
    monkeypatch.delenv("TUNESMITH_STORAGE")
    monkeypatch.chdir(tmp_path.parent)
    said = "there is no tune.db here; give the file of a study, or a URL, or set TUNESMITH_STORAGE"
    for words in (("show",), ("rename", "x"), ("report",)):
        assert said in tunesmith(*words, status=2)


def test_a_report_is_not_replaced(where: str, tunesmith: Program) -> None:
    for words, file in (((), "report.html"), (("-o", "r.md"), "r.md")):
        Path(file).write_text("mine")
        assert f"{file} is there already; give --force" in tunesmith("report", *words, status=2)
        assert Path(file).read_text() == "mine"
        assert tunesmith("report", *words, "--force") == f"{file}\n"
        assert Path(file).read_text() != "mine"


def test_stored_predictions_are_left_out(where: str, tunesmith: Program) -> None:
    kept = {"key": "k", "test": [0.5], "predictions": "x" * 1000}
    load().set_trial_attr(0, "sklearn", kept)
    assert tunesmith.json("trials", "--where", "number == 0")[0]["user_attrs"]["sklearn"] == {"key": "k", "test": [0.5]}
    assert tunesmith.json("show", "--trial", "0")["user_attrs"]["sklearn"] == kept


def test_copy_rename_delete(where: str, tunesmith: Program) -> None:
    assert "11 COMPLETE" in tunesmith("copy", where, "other.db")
    assert len(load(where="other.db").trials) == 12
    tunesmith("copy", where, where, "--as", "again")
    assert "is now new" in tunesmith("rename", where, "new", "--study", "again")
    assert "already holds a study 'mine'" in tunesmith("rename", where, "mine", "--study", "new", status=1)
    assert "deleted new with 12 trials" in tunesmith("delete", where, "--study", "new", "--yes")
    assert ts.get_all_study_names(where) == ["mine"]
    assert tunesmith("upgrade", where) == "up to date: 1 study\n"


def test_a_study_is_not_deleted_without_a_yes(where: str, tunesmith: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    tunesmith("delete", where, status=130)
    assert ts.get_all_study_names(where) == ["mine"]


def test_confirm(where: str, tunesmith: Program, tmp_path: Path) -> None:
    kinds = ["plain", "it's", None]
    lines = [
        "def f(trial):",
        f"    trial.suggest_categorical('kind', {kinds})",
        "    trial.suggest_categorical('on', [True, False])",
        "    return trial.suggest_float('x', -1, 1) ** 2 + trial.suggest_int('n', 1, 9)",
    ]
    Path("mod_confirm.py").write_text("\n".join(lines))
    text = tunesmith("confirm", where, "--objective", "mod_confirm:f", "--top", "2", "--repeats", "2", "--quiet")
    assert text.startswith(("Chosen", "Use", "The"))
    again = tunesmith.json("confirm", where, "--objective", "mod_confirm:f", "--top", "2", "--repeats", "2", "--quiet")
    assert again["sentences"] == text.splitlines()
    assert set(again["params"]) == {"x", "kind", "n", "on"}
    assert "there is no module" in tunesmith("confirm", where, "--objective", "nomod:f", status=2)
    assert "give --objective" in tunesmith("confirm", where, status=2)


def test_all_that_print_have_json(where: str, tunesmith: Program) -> None:
    n = len(load().trials)
    assert tunesmith.json("copy", where, "other.db") == {"study": "mine", "copy": "mine", "trials": n}
    assert tunesmith.json("rename", "other.db", "new") == {"study": "new", "before": "mine"}
    assert tunesmith.json("enqueue", "other.db", "-p", "x=0.5")["params"] == {"x": 0.5}
    assert tunesmith.json("delete", "other.db", "--yes") == {"study": "new", "trials": n + 1}
    assert tunesmith.json("upgrade", where) == {"studies": 1}
    assert tunesmith.json("report", where, "-o", "r.md") == {"file": "r.md"}
    assert tunesmith.json("plot", "history", where, "-o", "a.png") == {"file": "a.png"}


def test_doctor(where: str, tunesmith: Program) -> None:
    found = tunesmith.json("doctor", where)
    assert found["storage"] == "undamaged"
    assert found["packages"]["numpy"]
    assert found["milliseconds_of_a_safe_write"] > 0
    assert "No problem was found." in tunesmith("doctor")
    with Path(where).open("r+b") as file:
        file.seek(5000)
        file.write(b"garbage" * 2000)
    assert "problem: " in tunesmith("doctor", where, status=1)


def test_words_of_a_range_are_what_every_command_says(
    tmp_path: Path, tunesmith: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    space = {
        "depth": IntOr(1, 32, log=True, words={None: 32}),
        "gamma": FloatOr(1e-3, 1.0, log=True, words={"scale": 0.05}),
        "alpha": FloatOr(1e-5, 1.0, log=True, words={0.0: 1e-5}),
    }
    study = ts.create_study(storage="tune.db", study_name="mine", space=space, seed=0, sampler="random")
    default = {"depth": None, "gamma": "scale", "alpha": 0.0}
    study.enqueue_trial(default)
    study.enqueue_trial({"depth": 5, "gamma": 0.5, "alpha": 0.5})
    study.optimize(lambda point: float(point["depth"] is not None), n_trials=2, space=space)
    assert load().best_params == load().trials[0].params == default
    assert load().space == study.space
    assert eval(tunesmith("best", "tune.db", "--as", "python")) == default
    assert tunesmith.json("best", "tune.db")["params"] == default
    assert "depth = None" in tunesmith("best", "tune.db")
    shown = tunesmith("show", "tune.db")
    assert "IntOr(1, 32, log=True, words={None: 32})" in shown
    assert "Use trial 0: depth=None, gamma='scale', alpha=0.0; expected" in shown
    assert re.search(r"depth +None", tunesmith("show", "tune.db", "--trial", "0"))
    assert [t["number"] for t in tunesmith.json("trials", "tune.db", "--where", "depth == None")] == [0]
    assert [t["number"] for t in tunesmith.json("trials", "tune.db", "--where", "depth > 3")] == [1]
    assert [t["number"] for t in tunesmith.json("trials", "tune.db", "--where", "gamma == 'scale'")] == [0]
    assert [t["number"] for t in tunesmith.json("trials", "tune.db", "--where", "alpha == 0")] == [0]
    assert re.search(r"\b0 +complete +0 +None +scale +0\b", tunesmith("trials", "tune.db"))
    row = next(csv.DictReader(io.StringIO(tunesmith("export", "tune.db"))))
    assert [row[f"params_{name}"] for name in default] == ["None", "scale", "0.0"]
    assert json.loads(tunesmith("export", "tune.db", "--format", "json"))[0]["params"] == default
    frame = load().trials_dataframe()
    assert frame.loc[0, ["params_depth", "params_gamma", "params_alpha"]].tolist() == [None, "scale", 0.0]
    if importlib.util.find_spec("pyarrow") is not None:
        tunesmith("export", "tune.db", "-o", "all.parquet")
        stored = importlib.import_module("pandas").read_parquet("all.parquet")
        assert stored["params_depth"].tolist() == ["None", "5"]
        assert stored["params_gamma"].tolist() == ["scale", "0.5"]
    words = tunesmith("export", "tune.db", "--to", "optuna", "-o", "old.log")
    assert "such as None and 'scale'" in words
    tunesmith("enqueue", "tune.db", "-p", "depth=None", "-p", "gamma=scale", "-p", "alpha=0")
    assert load().trials[2].params == default
    assert "words={None: 32}" in tunesmith("enqueue", "tune.db", "-p", "depth=deep", status=2)


@pytest.mark.parametrize("form", ["csv", "json"])
def test_an_export_in_parts_is_that_in_one(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = ts.create_study(storage=tmp_path / "a.db", seed=0, sampler="random")

    def objective(trial: ts.Trial) -> float:
        if trial.number > 5:  # a column that comes late
            trial.set_user_attr("late", trial.number)
            trial.suggest_categorical("c", ["=1", None])
        return trial.suggest_float("x", 0, 1)

    study.optimize(objective, 10)
    written = []
    for chunk in (2048, 3):
        monkeypatch.setattr("tunesmith.study.engine.replica.RECORDS_AT_ONCE", chunk)
        assert main(["export", str(tmp_path / "a.db"), "-o", str(tmp_path / f"{chunk}.{form}")]) == 0
        written.append((tmp_path / f"{chunk}.{form}").read_text())
    assert written[0] == written[1]
    assert "late" in written[0]


def test_names_in_a_table_are_not_broken_in_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    import click

    from tunesmith.cli.output import print_table

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "60")
    name = "extra_trees__min_samples_leaf"
    rows = [[name, "Int(1, 10, log=True) if model == 'extra_trees' and there are many rows"], ["x", "Float(0.0, 1.0)"]]
    print_table(["parameter", "range"], rows)
    shown = click.unstyle(capsys.readouterr().out)
    assert name in shown
    assert "'extra_trees'" in shown
    assert max(map(len, shown.splitlines())) <= 60
    print_table(["parameter", "range"], [["n" * 70, "as wide as it may be"]])
    assert max(map(len, click.unstyle(capsys.readouterr().out).splitlines())) <= 60


@pytest.mark.parametrize("width", [60, 80, 120, 250])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_narrow_terminal_leaves_columns_out_and_breaks_no_word(
    width: int, language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    import click

    from tunesmith.foundation.languages import wide

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(width))
    where = str(tmp_path / "s.db")
    study = ts.create_study(storage=where, study_name="wide", seed=0)
    names = [f"parameter_of_a_long_name_{k}" for k in range(6)]
    study.optimize(lambda t: sum(t.suggest_float(name, 0, 1) ** 2 for name in names), n_trials=20)
    for command in ("trials", "studies", "show", "best", "importance"):
        main(["--lang", language, command, where])
        shown = click.unstyle(capsys.readouterr().out)
        assert max(map(wide, shown.splitlines())) <= width, command
        if command == "trials":
            assert "✓ " in shown
            assert all(name in "".join(shown.split("\n")) for name in names), "what is left out is named"
            assert ("--json" in shown) == (width < 250)
        if command in ("show", "importance"):
            assert re.search("├─*●─*┤", shown)
        if command == "show":
            assert "█" in shown


def test_a_pipe_gets_neither_drawings_nor_signs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = str(tmp_path / "s.db")
    ts.create_study(storage=where, seed=0).optimize(lambda t: t.suggest_float("x", 0, 1) ** 2, n_trials=20)
    for command in ("trials", "show", "best", "importance"):
        main([command, where])
        shown = capsys.readouterr().out
        assert not re.search("[├●█▁✓\x1b]", shown)
    main(["trials", where])
    assert re.search(r"^ +0   complete ", capsys.readouterr().out, re.MULTILINE)
