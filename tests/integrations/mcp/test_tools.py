"""The tools of `tunesmith mcp`, without the protocol that carries them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tunesmith as ts
from tunesmith.cli.main import main
from tunesmith.integrations.mcp.server import answered
from tunesmith.integrations.mcp.tools import Toolbox, ToolError

SPACE = {"x": "float(-1, 1)", "kind": ["a", "b"], "layers": "int(1, 3)"}


@pytest.fixture
def spec(tmp_path: Path) -> str:
    return str(tmp_path / "tune.db")


@pytest.fixture
def box(spec: str) -> Toolbox:
    return Toolbox(spec, write=True)


def test_an_assistant_tunes_and_quotes_the_honest_figure(box: Toolbox, spec: str) -> None:
    assert box.call("list_studies", None)["studies"] == []
    asked = box.call("ask", {"params": SPACE, "minimize": ["loss"], "trials": 9, "sampler": "random", "seed": 0})
    for number in range(8):
        assert asked["number"] == number
        told = box.call("tell", {"number": number, "value": (number - 4) ** 2, "attrs": {"step": number}})
        assert told["state"] == "COMPLETE"
        asked = box.call("ask", {})
    assert box.call("tell", {"number": 8, "value": 3, "step": 0})["prune"] is False
    assert box.call("tell", {"number": 8, "state": "fail", "reason": "no memory"})["reason"] == "no memory"
    with pytest.raises(ToolError, match="9 trials"):
        box.call("ask", {})
    best = box.call("best", {})
    study = ts.load_study(study_name="study", storage=spec)
    honest = study.recommend()
    assert (best["trial"], best["expected_value"], best["interval"]) == (
        honest.trial.number if honest.trial else None, honest.value, list(honest.interval)
    )  # fmt: skip
    assert best["best_value_seen"] == 0.0
    assert best["sentence"] == honest.verdict()
    assert "interval" in best["sentence"]
    assert best["objectives"] == {"loss": "minimize"}
    assert box.call("best", {"level": 0.5})["level"] == 0.5
    with pytest.raises(ToolError, match="level"):
        box.call("best", {"level": 7})
    assert set(box.call("explain", {})["parameters"]) == set(SPACE)
    listed = box.call("trials", {"limit": 2})
    assert [t["number"] for t in listed["trials"]] == [8, 7]
    assert listed["failures"] == [{"trials": 1, "reason": "no memory"}]
    assert [t["number"] for t in box.call("trials", {"state": "fail"})["trials"]] == [8]
    enqueued = box.call("enqueue", {"params": {"x": 0.5, "kind": "b"}})
    assert enqueued["params"] == {"x": 0.5, "kind": "b"}
    assert box.call("ask", {"trials": 20})["params"]["x"] == 0.5
    (only,) = box.call("list_studies", {})["studies"]
    assert (only["name"], only["trials"]["complete"]) == ("study", 8)


def test_curves_have_what_a_trial_reported_and_logged(box: Toolbox, spec: str) -> None:
    study = ts.create_study(storage=spec, study_name="logged", seed=0)

    def objective(trial: ts.Trial) -> float:
        for step in range(200):
            trial.report({"loss": 1 / (step + 1), "rate": step}, step)
        return 0.0

    study.optimize(objective, n_trials=1)
    found = box.call("curves", {"number": 0, "metrics": ["rate"]})
    assert len(found["reports"]) == 50
    assert (found["reports"][0], found["reports"][-1]) == ([0, 1.0], [199, 1 / 200])
    assert list(found["metrics"]) == ["rate"]
    assert found["metrics"]["rate"][-1] == [199, 199.0]
    assert list(box.call("curves", {"number": 0})["metrics"]) == ["loss", "rate"]
    assert box.call("trials", {})["trials"][0]["metrics"]["rate"] == {"step": 199, "value": 199.0}
    for wrong, said in (({"number": 7}, "no trial 7"), ({"number": 0, "metrics": ["rat"]}, "did you mean 'rate'")):
        with pytest.raises(ToolError, match=said):
            box.call("curves", wrong)


def test_several_objectives_have_a_front(box: Toolbox) -> None:
    box.call("ask", {"params": SPACE, "maximize": ["accuracy"], "minimize": ["size"]})
    assert box.call("best", {})["front"] == []
    assert box.call("tell", {"number": 0, "values": {"accuracy": 0.5, "size": 3}})["values"] == [3.0, 0.5]
    best = box.call("best", {})
    assert [t["trial"] for t in best["front"]] == [0]
    assert best["objectives"] == {"size": "minimize", "accuracy": "maximize"}


def test_nothing_is_changed_unless_it_is_allowed(box: Toolbox, spec: str) -> None:
    box.call("ask", {"params": SPACE, "minimize": ["loss"]})
    reader = Toolbox(spec)
    assert [tool.name for tool in reader.tools] == ["list_studies", "best", "explain", "trials", "curves"]
    assert "read-only" in reader.instructions
    for name, arguments in [("ask", {}), ("tell", {"number": 0, "value": 1}), ("enqueue", {"params": {"x": 0}})]:
        with pytest.raises(ToolError, match="read-only: start it as `tunesmith mcp --write`"):
            reader.call(name, arguments)
    assert "no trial is complete" in reader.call("best", {})["sentence"]
    study = ts.load_study(study_name="study", storage=spec)
    assert [t.state.name for t in study.trials] == ["RUNNING"]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("tel", {}, "did you mean 'tell'"),
        ("best", {"stduy": "s"}, "did you mean 'study'"),
        ("best", {"study": "stduy"}, "did you mean 'study'"),
        ("tell", {}, "tell needs 'number'"),
        ("tell", {"number": "0"}, "must be of the type integer"),
        ("tell", {"number": True}, "must be of the type integer"),
        ("tell", {"number": -1}, "0 or more"),
        ("tell", {"number": 0}, "give the value"),
        ("tell", {"number": 0, "value": 1, "values": {}}, "not both"),
        ("tell", {"number": 0, "values": {"lose": 1}}, "did you mean 'loss'"),
        ("tell", {"number": 0, "values": {"loss": "low"}}, "is no number"),
        ("tell", {"number": 0, "state": "failed"}, "one of 'complete'"),
        ("tell", {"number": 0, "state": "fail", "value": 1}, "takes no value"),
        ("tell", {"number": 9, "value": 1}, "has no trial 9"),
        ("tell", {"number": 10**30, "value": 1}, f"has no trial {10**30}"),
        ("ask", {"study": "new"}, "ask makes one, from params, and minimize or maximize"),
        ("best", {"study": "x" * 10**6}, "characters left out"),
        ("ask", {"study": "new", "params": {"x": "0..1"}, "minimize": ["a"]}, "float(0, 1)"),
        ("ask", {"study": "new", "params": {"x": {"low": 0}}, "minimize": ["a"]}, "x: expected a text"),
        ("ask", {"study": "new", "params": SPACE}, "`minimize`"),
        ("ask", {"study": "new", "params": SPACE, "minimize": [1]}, "list of names"),
        ("ask", {"params": {"y": "int(1, 2)"}}, "other parameters"),
        ("ask", {"sampler": "gpp"}, "did you mean 'gp'"),
        ("enqueue", {"params": {"z": 1}}, "no parameter 'z'"),
        ("enqueue", {"params": {"x": 7}}, "x"),
        ("trials", {"limit": 1000}, "1 to 100"),
    ],
)
def test_mistakes_are_told(name: str, arguments: dict[str, object], said: str, box: Toolbox, spec: str) -> None:
    box.call("ask", {"params": SPACE, "minimize": ["loss"]})
    answer, is_error = answered(box, name, arguments)
    assert is_error
    assert said in answer["error"]
    json.dumps(answer, allow_nan=False)
    assert [t.state.name for t in ts.load_study(study_name="study", storage=spec).trials] == ["RUNNING"]


def test_an_answer_is_no_longer_than_an_assistant_can_read(box: Toolbox) -> None:
    box.call("ask", {"params": SPACE, "minimize": ["loss"]})
    box.call("tell", {"number": 0, "state": "fail", "reason": "r" * 10**6, "attrs": {"log": ["n" * 10**6]}})
    assert len(json.dumps(box.call("trials", {}))) < 5000


def test_a_password_is_never_shown() -> None:
    box = Toolbox("postgresql://me:s3cret@nowhere.invalid/db?password=s3cret", write=True)
    shown = [box.instructions]
    for tool in box.tools:
        answer, is_error = answered(box, tool.name, {"number": 0, "value": 1} if tool.name == "tell" else
                                    {"params": {"x": 1}} if tool.name == "enqueue" else {})  # fmt: skip
        assert is_error
        shown.append(json.dumps(answer))
    assert "s3cret" not in "".join(shown)


def test_the_page_names_every_tool() -> None:
    page = (Path(__file__).parents[3] / "docs" / "mcp.md").read_text(encoding="utf-8")
    assert not [tool.name for tool in Toolbox("none.db", write=True).tools if f"| `{tool.name}` |" not in page]


def test_without_the_package_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("mcp", "mcp.server", "mcp.server.lowlevel"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    assert main(["mcp"]) == 1
    shown = capsys.readouterr()
    assert "tunesmith[mcp]" in shown.err
    assert not shown.out
