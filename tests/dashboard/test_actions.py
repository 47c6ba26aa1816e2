"""What a reader can change: names, notes, what is tried next; and a deletion that is taken back."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import tunesmith as ts
from tunesmith.dashboard import app, studies


def dump(path: Path) -> list[Any]:
    storage = ts.storage.open_storage(path)
    return [(record, storage.trials(record.id)) for record in storage.list_studies()]


def test_a_study_is_renamed_and_a_taken_name_is_refused(own: TestClient) -> None:
    assert own.post("/study/1/rename", data={"name": " better "}).status_code == 200
    assert "<h1>better</h1>" in own.get("/study/1").text
    assert own.post("/study/1/rename", data={"name": ""}).status_code == 400
    assert own.post("/study/9/rename", data={"name": "x"}).status_code == 404


def test_notes_of_studies_and_trials_are_kept(own: TestClient) -> None:
    own.post("/study/1/note", data={"note": "*fine*\r\nsecond"})
    assert "<em>fine</em>" in own.get("/study/1").text
    own.post("/study/1/trial/2/note", data={"note": "look at this"})
    assert "look at this" in own.get("/study/1/trial/2").text
    assert "look at this" not in own.get("/study/1/trial/1").text
    assert own.post("/study/1/trial/999/note", data={"note": "x"}).status_code == 404
    assert own.post("/study/1/note", data={"note": "x" * 60_000}).status_code == 400
    assert own.post("/study/1/note", data={}).status_code == 400


@pytest.mark.parametrize("page", ["/study/1", "/study/1/trial/3"])
def test_what_cannot_be_taken_is_said_beside_its_field_and_stays_there(own: TestClient, page: str) -> None:
    for typed in ("x = 0.25 <i>", "[1]", "", '"a"'):
        says = f"This is no JSON object: {typed}. It takes names and values, such as"
        answer = own.post(f"{page}/enqueue", data={"params": typed})
        text = html.unescape(answer.text)
        assert answer.status_code == 400
        assert "Not possible" not in text
        assert "Expecting value" not in text
        assert says in text
        assert 'aria-invalid="true" aria-describedby="wrong-params"' in text
        assert typed in text
        assert "<i>" not in answer.text
        assert f'data-address="{page}"' in text


def test_a_name_and_a_number_that_cannot_be_taken_are_said_beside_their_fields(own: TestClient) -> None:
    answer = own.post("/study/1/rename", data={"name": " "})
    assert 'id="wrong-name"' in answer.text
    for given, says in (
        ("999", "There is no trial 999: they are numbered from 0 to"),
        ("two", "There is no trial two"),
    ):
        answer = own.get(f"/study/1/jump?number={given}")
        assert answer.status_code == 400
        assert says in answer.text
        assert f'value="{given}"' in answer.text
        assert 'data-address="/study/1/trials"' in answer.text


def test_a_point_is_enqueued(own: TestClient, tmp_path: Path) -> None:
    text = own.post("/study/1/enqueue", data={"params": '{"x": 0.25}'}).text
    assert "1 of 31 trials" in text
    study = ts.load_study(study_name="plain", storage=tmp_path / "own.db")
    assert study.ask().suggest_float("x", -1, 1) == 0.25
    for wrong in ("", "[1]", "{", '{"x": ', "1" * 5000):
        assert own.post("/study/1/enqueue", data={"params": wrong}).status_code == 400


def test_a_deletion_taken_back_leaves_everything_as_it_was(own: TestClient, tmp_path: Path) -> None:
    before = dump(tmp_path / "own.db")
    text = own.post("/study/1/delete").text
    assert "plain is deleted in a moment" in text
    assert 'data-study="1"' not in text
    assert own.get("/study/1").status_code == 404
    assert own.get("/study/1/figure/history").status_code == 404
    assert 'data-study="1"' in own.post("/study/1/restore").text
    assert dump(tmp_path / "own.db") == before
    assert own.get("/study/1").status_code == 200
    assert own.post("/study/1/restore").status_code == 410


def test_a_deletion_is_done_when_its_time_is_over(
    own: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studies, "UNDO", 0.01)
    own.post("/study/1/delete")
    held = own.app.state.studies  # type: ignore[attr-defined]  # it is a Starlette application
    while held.deleting():
        pass
    assert ts.get_all_study_names(tmp_path / "own.db") == []
    assert own.post("/study/1/restore").status_code == 410


def test_a_server_that_ends_deletes_nothing_early(tmp_path: Path) -> None:
    ts.create_study(storage=tmp_path / "kept.db", study_name="kept")
    headers = {"sec-fetch-site": "same-origin"}
    with TestClient(app(tmp_path / "kept.db", token=""), base_url="http://localhost", headers=headers) as client:
        client.post("/study/1/delete")
    assert ts.get_all_study_names(tmp_path / "kept.db") == ["kept"]


def test_programs_can_be_asked_to_pause_and_the_page_says_so(own: TestClient, tmp_path: Path) -> None:
    assert "Paused" in own.post("/study/1/ask", data={"word": "pause"}).text
    assert "Paused" not in own.post("/study/1/ask", data={"word": "go"}).text
    assert own.post("/study/1/ask", data={"word": "dance"}).status_code == 400


def test_a_running_trial_is_asked_to_stop_once_and_others_cannot_be(own: TestClient, tmp_path: Path) -> None:
    trial = ts.load_study(study_name="plain", storage=tmp_path / "own.db").ask()
    assert "Stop this trial" in own.get(f"/study/1/trial/{trial.number}").text
    assert "Stop this trial" not in own.get("/study/1/trial/3").text
    text = own.post(f"/study/1/trial/{trial.number}/stop").text
    assert "It was asked to stop." in text
    assert "Stop this trial" not in text
    assert own.post("/study/1/trial/3/stop").status_code == 400
    assert own.post("/study/1/trial/99/stop").status_code == 404
    assert own.post("/study/9/trial/0/stop").status_code == 404


def test_a_study_that_could_not_be_deleted_is_seen_again(own: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise ts.errors.StorageError("the storage is away")

    held = own.app.state.studies  # type: ignore[attr-defined]  # it is a Starlette application
    held.delete(1)
    with monkeypatch.context() as patch:
        patch.setattr(studies, "delete_study", away)
        with pytest.raises(ts.errors.StorageError):
            held._delete(1)
    assert own.get("/study/1").status_code == 200
