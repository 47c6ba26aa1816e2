"""What pages show: studies, figures, the table of trials, one trial; and what they say where there is nothing."""

from __future__ import annotations

import csv
import html
import io
import json
import math
import re
import shlex
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.tree import DecisionTreeClassifier
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient
from tests.dashboard.conftest import SAME
from tests.dashboard.studies import EVIL

import tunesmith as ts
from tunesmith.dashboard import app
from tunesmith.dashboard.answer import trades
from tunesmith.dashboard.drawings import DRAWINGS, TABS
from tunesmith.foundation.formats import NumberFormat
from tunesmith.foundation.languages import Words
from tunesmith.sklearn import GridSearchCV
from tunesmith.study.study import METRIC_NAMES
from tunesmith.trial.record import TrialRecord


def get_json(client: TestClient, path: str) -> Any:
    answer = client.get(path, headers={"accept": "application/json"})
    assert answer.status_code == 200, answer.text
    return json.loads(answer.text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def test_the_list_has_every_study_and_can_be_searched_and_sorted(client: TestClient) -> None:
    text = client.get("/").text
    assert all(f'href="/study/{k}"' in text for k in (1, 2, 3, 4))
    assert re.findall(r'data-study="(\d)"', client.get("/?q=PLAI").text) == ["2"]
    assert "No study has such a name" in client.get("/?q=zzz").text
    assert re.findall(r'data-study="(\d)"', client.get("/?sort=trials").text) == ["1", "2", "3", "4"]


def test_a_storage_without_studies_says_how_to_begin(tmp_path: Path) -> None:
    with TestClient(app(tmp_path / "none.db", token=""), base_url="http://localhost") as client:
        text = html.unescape(client.get("/").text)
        assert "There is no study yet" in text
        command, program = re.findall(r"<pre[^>]*>(.*?)</pre>", text, re.DOTALL)
        assert shlex.split(command)[:2] == ["tunesmith", "run"]
        exec(compile(program, "first run", "exec"), {})
        assert re.search(r"50</b> complete", client.get("/").text)


def test_a_row_says_state_progress_and_cost_and_is_found_by_its_tags(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    for name, tags in (("fine", ["vision", "a,b"]), ("bad", "vision, <b>old"), ("runs", 3)):
        study = ts.create_study(storage=path, study_name=name, seed=0, sampler="random")
        study.set_user_attr("tags", tags)

        def objective(trial: ts.Trial, name: str = name) -> float:
            if name == "bad" and trial.number >= 10:
                raise ValueError("no memory")
            return trial.suggest_float("x", 0, 1)

        study.optimize(objective, n_trials=15, catch=(ValueError,))
    study.storage.set_attr(study.study_id, None, "run", {"trials": 40}, system=True)
    study.ask()
    with TestClient(app(path, token=""), base_url="http://localhost", headers=SAME) as client:
        text = client.get("/").text
        for said in ("failing: 5 of the last 8", "1 running", "16 of 40 trials", "done"):
            assert said in text
        assert 'class="spark"' not in text, "no trials are read for the list"
        assert 'data-lazy="/study/1/card"' in text
        row = client.get("/study/1/card").text
        assert row.count('class="spark"') == 1
        assert ">spent<" in row
        assert client.get("/").text.count('class="spark"') == 1, "it is known now"
        assert re.findall(r'data-study="(\d)"', client.get("/?tag=vision&sort=name").text) == ["2", "1"]
        assert re.findall(r'data-study="(\d)"', client.get("/?q=OLD").text) == ["2"]
        client.post("/study/3/tags", data={"tags": " new , new,,x "})
        assert ts.load_study(study_name="runs", storage=path).user_attrs["tags"] == ["new", "x"]
        assert re.findall(r'data-study="(\d)"', client.get("/?tag=new").text) == ["3"]
        study.tell(study.ask(), 0.0)
        text = client.get("/").text
        assert "17 of 40 trials" in text, "what changed is read anew"
        before = client.get("/study/3/card").text
        assert 'data-lazy="/study/3/card"' not in client.get("/").text
        for k in range(20):
            study.tell(study.ask(), -1.0 - k)
        assert 'data-lazy="/study/3/card"' in client.get("/").text, "its card is known, and old"
        assert client.get("/study/3/card").text != before


def test_many_studies_have_pages(tmp_path: Path) -> None:
    for k in range(92):
        ts.create_study(storage=tmp_path / "m.db", study_name=f"s{k}")
    with TestClient(app(tmp_path / "m.db", token=""), base_url="http://localhost") as client:
        first, second = (client.get(f"/?sort=name&page={page}").text for page in (1, 2))
        assert (first.count("data-study="), second.count("data-study=")) == (90, 2)
        assert 'rel="next" href="?sort=name&amp;page=2"' in first


def test_trials_stand_side_by_side_first_how_they_differ(client: TestClient, made: Path) -> None:
    study = ts.load_study(study_name=ts.get_all_study_names(made)[0], storage=made)
    text = client.get("/study/1/compare?trial=3&trial=7&trial=5").text
    values = {n: study.trials[n].value for n in (3, 7)}
    best = min(values, key=lambda n: values[n])
    assert re.findall(r"<b>.*?</svg> ([\d.e-]+)</b>", text) == [f"{values[best]:.6g}"]
    assert [html.unescape(n) for n in re.findall(r'href="/study/1/trial/(\d+)"', text)] == ["3", "7", "5"]
    assert text.index('scope="row">lr<') < text.index('<h2 id="curves-head">')
    assert text.count("data-panel=") == 6, "reports and two metrics, for a desk and for a phone"
    assert EVIL not in text
    same = client.get("/study/1/compare?trial=3").text
    assert "The same in all" not in same
    for query in ("", "?trial=x", "?" + "&".join(f"trial={k}" for k in range(7))):
        answer = client.get(f"/study/1/compare{query}")
        assert answer.status_code == 400
        assert "Choose 1 to 6 trials to compare." in answer.text
    assert client.get("/study/1/compare?trial=99").status_code == 404
    assert client.get("/study/3/compare?trial=0&trial=1").status_code == 200, "of two objectives"


@pytest.mark.parametrize("study", [1, 2, 3, 4])
@pytest.mark.parametrize("name", list(DRAWINGS))
def test_each_figure_is_drawn_with_a_sentence_or_says_what_is_missing(
    client: TestClient, study: int, name: str
) -> None:
    made = get_json(client, f"/study/{study}/figure/{name}")
    if study == 4:
        assert made["missing"]
    if "missing" in made:
        assert len(made["missing"]) > 20
        return
    assert made["summary"]
    drawn = [panel["svg"] for panel in made["panels"]] if "panels" in made else [made["svg"]]
    for svg in drawn:
        root = ElementTree.fromstring(svg)
        assert {part.tag.rpartition("}")[2] for part in root.iter()} <= {"svg", "g", "path", "text", "title", "desc"}
        assert not re.search(r"<[^>]* (style|href|on\w+)=", svg)
        assert len([part for part in root.iter() if part.get("d")]) > 2
    assert made["table"]["columns"] if "table" in made else made["data"]["traces"]
    picture = client.get(f"/study/{study}/figure/{name}?as=svg")  # what pages without a script show
    assert picture.headers["content-type"] == "image/svg+xml"
    assert ElementTree.fromstring(picture.text).tag.endswith("svg")


def test_what_cannot_be_drawn_is_a_sentence_in_the_picture_too(client: TestClient) -> None:
    text = client.get("/study/4/figure/history?as=svg").text
    assert "no trial" in "".join(ElementTree.fromstring(text).itertext())
    assert "/study/4/figure/history?as=svg" in client.get("/study/4").text.replace("&amp;", "&")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of NumPy, which says so of such a span
def test_values_whose_span_no_number_can_hold_are_drawn_all_the_same(tmp_path: Path) -> None:
    study = ts.create_study(storage=tmp_path / "h.db", seed=0, sampler="random")
    for value in (1e308, -1e308, math.inf, -math.inf, 1.0, 2.0, 5e-324):
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        if trial.number % 2 == 0:
            trial.suggest_float("far", 1e-300, 1e300, log=True)
        study.tell(trial, value)
    with TestClient(app(tmp_path / "h.db", token=""), base_url="http://localhost") as client:
        for name in DRAWINGS:
            assert get_json(client, f"/study/1/figure/{name}")
            text = client.get(f"/study/1/figure/{name}?as=svg").text
            assert not re.search(r'd="[^"]*(nan|inf)', text)


def test_a_filter_holds_for_figures_table_and_files_alike(client: TestClient) -> None:
    where = "where=lr%20%3E%201e-3&brush=number:5:30&brush=value:0:1.5"
    table = get_json(client, "/study/1/trials.json")
    expected = [
        t["number"]
        for t in table
        if t["params.lr"] > 1e-3 and 5 <= t["number"] <= 30 and 0 <= t.get("value", -1) <= 1.5
    ]
    assert 3 < len(expected) < 25
    assert [t["number"] for t in get_json(client, f"/study/1/trials.json?{where}")] == expected
    assert f'data-total="{len(expected)}"' in client.get(f"/study/1/trials?{where}&part=table").text
    drawn = get_json(client, f"/study/1/figure/history?{where}")
    assert drawn["shown"] == len(expected)
    points = next(trace for trace in drawn["data"]["traces"] if trace["legendgroup"] == "trials")
    assert sorted(points["x"]) == expected
    lines = get_json(client, f"/study/1/figure/parallel?{where}")
    assert sorted(lines["table"]["columns"][0]) == expected
    assert sorted(map(int, " ".join(re.findall('data-of="([^"]*)"', lines["svg"])).split())) == expected


def test_a_brush_of_two_axes_counts_as_numpy_does_whatever_came_before(tmp_path: Path) -> None:
    study = ts.create_study(storage=tmp_path / "b.db", seed=0, sampler="random")

    def objective(trial: ts.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        trial.report(x, 1)
        return x

    study.optimize(objective, n_trials=60)
    with TestClient(app(tmp_path / "b.db", token=""), base_url="http://localhost") as client:
        for low, high in ((0.2, 0.7), (0.0, 0.1), (0.2, 0.7)):
            number, value = study.history.number, study.history.y[:, 0]
            kept = number[(number >= 10) & (number <= 200) & (value >= low) & (value <= high)]
            for name in ("history", "curves", "slice"):  # the second one finds the filter of the first
                drawn = get_json(client, f"/study/1/figure/{name}?brush=number:10:200&brush=value:{low}:{high}")
                assert drawn["shown"] == len(kept)
            curves = get_json(client, f"/study/1/figure/curves?brush=number:10:200&brush=value:{low}:{high}")
            assert f"Reports of {len(kept)} trials" in curves["summary"]
            study.optimize(objective, n_trials=20)
            client.app.state.studies.look(1, max_age=-1)  # type: ignore[attr-defined]  # as if time had passed


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("where=value%20%3C", "at the end"),
        ("where=valeu%20%3C%201", "did you mean"),
        ("brush=value:a:b", "column:low:high"),
        ("brush=nothing:1:2", "no column"),
        ("sort=nothing", "no column"),
    ],
)
def test_a_wrong_filter_is_a_sentence(client: TestClient, query: str, says: str) -> None:
    answer = client.get(f"/study/2/trials?{query}")
    assert answer.status_code == 200
    assert says in answer.text
    if "sort" not in query:
        figure = client.get(f"/study/2/figure/history?{query}", headers={"accept": "application/json"})
        assert figure.status_code == 400
        assert says in figure.json()["error"]
    assert client.get(f"/study/2/trials.csv?{query}").status_code == 400


def test_the_table_sorts_pages_and_finds_a_trial(client: TestClient) -> None:
    rows = get_json(client, "/study/2/trials.json?sort=value&desc=1")
    values = [row["value"] for row in rows]
    assert values == sorted(values, reverse=True)
    first = client.get("/study/2/trials?sort=value&desc=1&size=7").text
    assert re.findall(r'/trial/(\d+)">', first) == [str(row["number"]) for row in rows[:7]]
    assert re.findall(r'/trial/(\d+)">', client.get("/study/2/trials?sort=value&desc=1&size=7&page=2").text) == [
        str(row["number"]) for row in rows[7:14]
    ]
    at = client.get(f"/study/2/trials?sort=value&desc=1&size=7&trial={rows[20]['number']}").text
    assert re.search(
        r'class="at" id="at"><td><input [^>]*></td><th scope="row"><a href="/study/2/trial/' + str(rows[20]["number"]),
        at,
    )
    assert client.get("/study/2/jump?number=3", follow_redirects=False).headers["location"] == "/study/2/trial/3"
    assert client.get("/study/2/trials?page=999999&size=abc").status_code == 400


def test_noise_that_was_told_is_behind_the_value_and_in_the_table(tmp_path: Path) -> None:
    study = ts.create_study(storage=tmp_path / "a.db", study_name="a", seed=0)
    study.tell(study.ask(), 1.5, noise=0.25)
    with TestClient(app(tmp_path / "a.db", token=""), base_url="http://localhost") as client:
        assert "1.5 ± 0.25" in client.get("/study/1/trial/0").text
        assert client.get("/study/1/trials.csv").text.splitlines()[0].startswith("number,state,value,noise")
        assert get_json(client, "/study/1/trials.json")[0]["noise"] == 0.25


def test_csv_has_the_rows_of_the_study(client: TestClient, made: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(client.get("/study/2/trials.csv").text)))
    study = ts.load_study(study_name="plain", storage=made)
    assert [float(row["value"]) for row in rows] == [t.value for t in study.trials]
    assert [float(row["params_x"]) for row in rows] == [t.params["x"] for t in study.trials]


def test_metrics_of_trials_are_picked_and_compared(client: TestClient, made: Path) -> None:
    page = client.get("/study/1/curves?param=rate").text
    assert re.findall(r'<option value="([^"&]*)"( selected)?>', page.partition('name="param"')[2])[:2] == [
        ("", ""),
        ("rate", " selected"),
    ]
    assert "logged as rate, up to step 3" in get_json(client, "/study/1/figure/curves?param=rate")["summary"]
    assert "no trial logged the metric 'rates'" in get_json(client, "/study/1/figure/curves?param=rates")["missing"]
    where = "?where=number+in+(3,+5)"
    assert get_json(client, f"/study/1/figure/metrics{where}")["summary"].startswith("What 2 trials logged (3, 5)")
    assert "no trial of 'plain' logged" in get_json(client, "/study/2/figure/metrics")["missing"]
    assert 'name="param"' not in client.get("/study/2/curves").text, "there is nothing to pick"


def test_a_trial_shows_all_that_is_known_of_it(client: TestClient, made: Path) -> None:
    text = client.get("/study/1/trial/3").text
    assert "plot.svg" in text
    assert text.count("data-panel=") == 6  # the curve and two metrics, for a desk and for a phone
    best = ts.load_study(study_name=f"study {EVIL}", storage=made).best_trial.number
    assert f"where=number+in+%28{best}%2C+3%29" in text, "it can be compared with the best one"
    assert "tag" in text
    failed = client.get("/study/1/trial/5").text
    assert "ValueError: bad" in failed
    assert "raised" in failed
    for number in ("40", "99999999999999999999999"):
        assert client.get(f"/study/1/trial/{number}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/study/99",
        "/study/99/trials",
        "/study/99/figure/history",
        "/nothing",
        "/study/1/figure/nothing",
        "/events",
    ],
)
def test_what_is_not_there_is_a_page_that_says_so(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (400, 404)
    assert "Not possible" in answer.text
    assert "Traceback" not in answer.text


def part_of(client: TestClient, name: str, study: int = 1, language: str = "en") -> str:
    """A part of an overview as text, without tags."""
    answer = client.get(f"/study/{study}/part/{name}", headers={"accept-language": language})
    assert answer.status_code == 200, answer.text
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text)))


def test_the_verdict_says_what_to_use_to_expect_and_to_do(client: TestClient, made: Path) -> None:
    found = ts.load_study(study_name="plain", storage=made).recommend()
    told = part_of(client, "verdict", 2)
    assert f"Use trial {found.trial.number}." in told
    figures = NumberFormat.of(found.value, found.interval)
    assert f"95 % interval: {figures.between(found.interval)}" in told
    assert figures.write(found.value) in told
    assert repr(found.params) in told
    assert f"--x {found.params['x']} --n {found.params['n']}" in told
    assert re.search(r"30 trials, .* in all", told)
    assert found.why_not_best_seen() in told.partition("More on this figure")[0]
    assert any(word in told for word in ("Search on", "Use it", "Run the best points again"))
    assert all(sentence in told for sentence in found.sentences()[1:])
    assert "No trial is complete yet" in part_of(client, "verdict", 4)
    assert "trials are on the Pareto front" in part_of(client, "verdict", 3)


def test_the_verdict_is_in_the_page_once_it_is_known_or_asked_for(made: Path) -> None:
    with TestClient(app(made, token=""), base_url="http://localhost") as client:
        first = client.get("/study/2").text
        assert 'class="bones"' in first
        assert "Work out what to use" in first
        assert "Use trial" in client.get("/study/2?now=1").text
        assert "Use trial" in client.get("/study/2").text
        assert 'class="bones"' not in client.get("/study/2").text


def test_a_choice_that_cannot_be_compared_is_told_on_the_list(client: TestClient) -> None:
    for path in ("/compare", "/compare?study=x"):
        answer = client.get(path)
        assert answer.status_code == 400
        assert "Choose 1 to 10 studies to compare." in answer.text
        assert 'data-study="1"' in answer.text


def test_only_what_is_alike_is_compared_and_with_honest_differences(tmp_path: Path) -> None:
    def made(name: str, direction: str, shift: float, n: int = 25) -> ts.Study:
        study = ts.create_study(storage=tmp_path / "c.db", study_name=name, direction=direction, seed=0)
        study.optimize(lambda t: (t.suggest_float("x", 0, 1) - 0.4) ** 2 + shift, n_trials=n)
        return study

    low, high = made("low", "minimize", 0.0), made("high", "minimize", 5.0)
    made("up", "maximize", 0.0)
    made("few", "minimize", 0.0, 2)
    with TestClient(app(tmp_path / "c.db", token=""), base_url="http://localhost") as client:
        text = client.get("/compare?study=1&study=2").text
        assert "/compare/figure/history" in text
        by = high.recommend().value - low.recommend().value
        assert re.search(rf"{by:.2f}\d* \(95 % interval [^)]*\)\. It is more than luck\.", text)
        assert "no interval: too few trials" in client.get("/compare?study=1&study=4").text
        text = client.get("/compare?study=1&study=3").text
        assert "Their values are not compared:" in text
        assert "low is to minimize and up is to maximize" in text
        assert "/compare/figure/" not in text


def named(study: ts.Study, *names: str) -> None:
    study.storage.set_attr(study.study_id, None, METRIC_NAMES, list(names), system=True)


def test_an_empty_study_says_how_to_start(tmp_path: Path) -> None:
    path = tmp_path / "a b.db"
    with TestClient(app(path, token=""), base_url="http://localhost") as client:
        assert f"tunesmith run --storage '{path}'" in html.unescape(client.get("/").text)
        named(ts.create_study(storage=path, study_name="it's mine", direction="maximize"), "accuracy")
        text = html.unescape(client.get("/study/1").text)
        assert "--maximize accuracy -- python train.py --lr {lr}" in text
        command = text[text.index("tunesmith run") :].split("<")[0]
        assert shlex.split(command)[3:6] == [str(path), "--study", "it's mine"]
        ts.load_study(storage=path, study_name="it's mine").optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=1)
        assert "tunesmith run" not in client.get("/study/1").text


def test_the_first_click_on_a_column_brings_the_best_to_the_top(tmp_path: Path) -> None:
    for direction in ("minimize", "maximize"):
        study = ts.create_study(storage=tmp_path / "f.db", study_name=direction, direction=direction, seed=0)
        named(study, "val_loss")
        study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=8)

    def link(text: str) -> str:
        return html.unescape(re.findall(r'href="([^"]*sort=value[^"]*)">val_loss', text)[0])

    with TestClient(app(tmp_path / "f.db", token=""), base_url="http://localhost") as client:
        for study, best in ((1, min), (2, max)):
            text = client.get(f"/study/{study}/trials").text
            values = [t["value"] for t in get_json(client, f"/study/{study}/trials.json")]
            assert get_json(client, f"/study/{study}/trials.json{link(text)}")[0]["value"] == best(values)
            again = link(client.get(f"/study/{study}/trials{link(text)}").text)
            assert get_json(client, f"/study/{study}/trials.json{again}")[-1]["value"] == best(values)
        assert "duration (s)" in text


def test_failures_are_grouped_by_reason_with_an_example(client: TestClient, made: Path) -> None:
    text = html.unescape(client.get("/study/1/trials").text)
    reasons = ts.load_study(study_name=ts.get_all_study_names(made)[0], storage=made).failure_reasons()
    assert reasons
    assert f"Failures by reason ({sum(r.trials for r in reasons)})" in re.sub("</summary>", "", text)
    for reason in reasons:
        assert f"/trial/{reason.first}" in text
    assert "Failures by reason" not in client.get("/study/2/trials").text


def test_the_health_is_sentences(client: TestClient) -> None:
    health = part_of(client, "health", 1)
    assert "3 of 40 finished trials failed (7.5%): 3 raised" in health
    assert "bad <img" in health
    assert "<img src=x" not in client.get("/study/1/part/health").text
    assert 'class="good"' in client.get("/study/4/part/health").text


def test_each_tab_has_its_address_and_its_figures_without_a_script(client: TestClient) -> None:
    for study in (1, 2, 3, 4):
        for tab in TABS:
            text = client.get(f"/study/{study}/{tab}").text
            marked = re.findall(r'<a href="[^"]*" data-keep aria-current="page">([^<]*)</a>', text)
            assert list(map(html.unescape, marked)) == [TABS[tab]]
            own = [d for d in DRAWINGS.values() if d.tab == tab and d.is_for(2 if study == 3 else 1)]
            assert f'data-name="{own[0].name}"' in text
            for d in own[1:]:
                assert f'data-name="{d.name}"' in client.get(f"/study/{study}/{tab}?figure={d.name}").text
    assert client.get("/study/1/nothing").status_code == 404
    assert client.get("/study/1/part/nothing").status_code == 404


def names_of(text: str) -> list[str]:
    """The figures of a page, in their order."""
    return re.findall(r'data-name="(\w+)"', text)


def test_the_head_says_how_a_study_stands_and_has_its_actions(own: TestClient, client: TestClient) -> None:
    head = re.compile(r'class="state (\w+)">.*?</svg>([^<]*)<')
    assert head.findall(client.get("/study/2").text)[0] == ("complete", "Done")
    assert head.findall(client.get("/study/4").text)[0] == ("waiting", "Not started")
    text = client.get("/study/2").text
    assert "/study/2/trials.csv" in text
    assert not re.search("<dialog|/rename|/enqueue|/delete", text), "it is read only"
    text = own.get("/study/1").text
    assert [re.search(f'<dialog id="ask-{ask}"[^>]*>', text)[0].endswith(" open>") for ask in ("name", "delete")] == [
        False
    ] * 2
    assert re.search('<dialog id="ask-delete"[^>]* open>', own.get("/study/1?ask=delete").text), "without a script"
    own.post("/study/1/ask", data={"word": "pause"})
    text = own.get("/study/1/part/head").text + own.get("/study/1").text
    assert head.findall(text)[0] == ("paused", "Paused")
    assert 'value="go"' in text


def test_panels_of_an_overview_are_chosen_arranged_and_enlarged_by_the_address(client: TestClient) -> None:
    assert names_of(client.get("/study/1").text) == ["history", "importance", "parallel", "slice", "curves"]
    assert names_of(client.get("/study/2").text) == ["history", "importance", "parallel", "slice"], (
        "nothing is reported"
    )
    assert names_of(client.get("/study/3").text) == ["front", "history", "importance", "parallel", "slice"]
    text = client.get("/study/2?panels=edf,nothing,history,edf&where=x%20%3E%200").text
    assert names_of(text) == ["edf", "history"]
    links = list(map(html.unescape, re.findall(r'data-grid href="([^"]*)"', text)))
    assert "?where=x%20%3E%200&panels=history,edf" in links, "moved"
    assert "?where=x%20%3E%200&panels=history" in links, "hidden"
    assert "?where=x%20%3E%200&panels=edf,history,parallel" in links, "added"
    large = client.get("/study/2?panels=edf,history&figure=parallel").text
    assert names_of(large) == ["parallel"]
    assert "All panels" in large
    few = get_json(client, "/study/1/figure/slice?few=1&width=400")
    assert few["columns"].keys() == {"x", "y", "x2", "y2"}, "as many parameters as there is room for"


def test_failed_and_stopped_trials_can_be_hidden_everywhere(client: TestClient) -> None:
    states = {t["state"] for t in get_json(client, "/study/1/trials.json")}
    assert states == {"complete", "fail"}
    assert {t["state"] for t in get_json(client, "/study/1/trials.json?hide=1")} == {"complete"}
    drawn = get_json(client, "/study/1/figure/history?hide=1")
    assert drawn["shown"] == 37
    assert not any(t["name"] == "failed" for t in drawn["data"]["traces"])
    assert 'name="hide" value="1" checked' in client.get("/study/1/trials?hide=1").text


def test_the_history_is_drawn_as_the_address_says(client: TestClient, made: Path) -> None:
    assert get_json(client, "/study/2/figure/history")["columns"] == {"x": "number", "y": "value"}
    by_time = get_json(client, "/study/2/figure/history?x=time&log=1&best=1")
    assert by_time["columns"] == {"y": "value"}, "when trials ended is no column"
    assert re.search(r'data-y="[^"]* log"', by_time["svg"])
    best = np.minimum.accumulate([t.value for t in ts.load_study(study_name="plain", storage=made).trials])
    assert len(by_time["data"]["traces"][0]["x"]) == len(set(best.tolist()))
    assert get_json(client, "/study/2/figure/history?x=day")["columns"]["x"] == "number"
    chosen = re.findall(
        r'<a data-set="(\w+)"[^>]*href="([^"]*)" aria-current="true">(\w+)<', client.get("/study/2?x=time&log=1").text
    )
    assert [(key, word) for key, _, word in chosen] == [("x", "Time"), ("log", "Log"), ("best", "All")]


def test_what_matters_is_on_the_first_screen_or_why_it_is_not_known(tmp_path: Path, client: TestClient) -> None:
    study = ts.create_study(storage=tmp_path / "m.db", seed=0, sampler="random")
    study.optimize(lambda t: t.suggest_float("strong", 0, 1) + 0.001 * t.suggest_float("weak", 0, 1), n_trials=60)
    with TestClient(app(tmp_path / "m.db", token=""), base_url="http://localhost") as other:
        told = part_of(other, "matters")
        assert re.match(r" ?What matters strong (9\d|100)%", told)
        assert "Share of what the parameters explain" in told
    assert "no trials" in part_of(client, "matters", 4)


def test_a_front_has_parameters_and_what_it_costs_to_go_on(tmp_path: Path) -> None:
    study = ts.create_study(storage=tmp_path / "f.db", directions=["maximize", "minimize"], seed=0)
    named(study, "accuracy", "ms")
    for accuracy, ms in ((0.9, 10.0), (0.8, 4.0), (0.6, 1.0), (0.5, 5.0)):
        study.add_trial(ts.create_trial(values=[accuracy, ms], params={"w": ms}, distributions={"w": ts.Float(0, 20)}))
    with TestClient(app(tmp_path / "f.db", token=""), base_url="http://localhost") as client:
        told = part_of(client, "verdict")
    assert "3 trials are on the Pareto front" in told
    assert "1 0.8 4 4 To gain 0.1 accuracy costs 6 ms. To save 3 ms costs 0.2 accuracy." in told
    assert "0 0.9 10 10 To save 6 ms costs 0.1 accuracy." in told


def test_of_three_objectives_the_nearest_better_point_says_what_it_costs() -> None:
    values = np.array([[0.0, 0.0, 0.0], [-1.0, 1.0, 0.0], [-5.0, 0.2, 9.0], [1.0, -1.0, -0.5]])
    said = trades(values, [1.0, 1.0, 1.0], 0, ["a", "b", "c"], Words("en"))
    assert said[0] == "To save 1 a costs 1 b."
    assert said[1] == "To save 1 b costs 1 a."


def test_parameters_are_picked_by_a_form(client: TestClient) -> None:
    text = client.get("/study/2/parameters").text
    assert re.findall(r'<option value="([^"]*)"', text.split('id="param-0"')[1].split("</select>")[0]) == ["", "n", "x"]
    assert get_json(client, "/study/2/figure/slice")["panels"][0]["params"] == ["n"]
    one = get_json(client, "/study/2/figure/slice?param=x")
    assert one["columns"] == {"x": "params.x", "y": "value"}
    pair = get_json(client, "/study/2/figure/rank?param=x&param=n")
    assert pair["columns"] == {"x": "params.x", "y": "params.n"}
    (panel,) = get_json(client, "/study/2/figure/rank?param=&param=n")["panels"]
    assert sorted(panel["params"]) == ["n", "x"]
    assert "no parameter" in get_json(client, "/study/2/figure/slice?param=nothing")["missing"]


def test_sixty_parameters_have_a_panel_each_the_strongest_first(tmp_path: Path) -> None:
    study = ts.create_study(storage=tmp_path / "m.db", seed=0, sampler="random")

    def objective(trial: ts.Trial) -> float:
        return [trial.suggest_float(f"p{k}", 0, 1) for k in range(60)][41]

    study.optimize(objective, n_trials=40)
    with TestClient(app(tmp_path / "m.db", token=""), base_url="http://localhost") as client:
        panels = get_json(client, "/study/1/figure/slice")["panels"]
        assert len(panels) == 60
        assert panels[0]["params"] == ["p41"]


def test_drawings_of_many_trials_are_small(tmp_path: Path) -> None:
    space = ts.Space({f"x{k}": ts.Float(0, 1) for k in range(10)})
    study = ts.create_study(storage=tmp_path / "m.db", space=space, seed=0, sampler="random")
    x = np.random.default_rng(0).random((10_000, 10))
    made = {"space": space, "started": 1e9, "finished": 1e9 + 1}
    complete = ts.TrialState.COMPLETE
    study.add_trials([TrialRecord(-1, complete, x=row, values=(sum(row),), **made) for row in x.tolist()])
    with TestClient(app(tmp_path / "m.db", token=""), base_url="http://localhost") as client:
        for name in ("history", "slice", "slice?param=x0", "parallel", "rank", "rank?param=x0&param=x1", "timeline"):
            drawn = get_json(client, f"/study/1/figure/{name}")
            svg = drawn.get("svg", "") + "".join(panel["svg"] for panel in drawn.get("panels", ()))
            assert len(svg) < 300_000, name


def test_running_trials_are_shown_with_curve_and_log_and_can_be_stopped(tmp_path: Path) -> None:
    path = tmp_path / "运行 r.db"
    study = ts.create_study(storage=path, seed=0, sampler="random")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    inside, outside = tmp_path / "运行 r.db.trials" / "s" / "2", tmp_path / "elsewhere"
    for folder, text in ((inside, "epoch 7 \x1b[31m<b>\n"), (outside, "secret\n")):
        folder.mkdir(parents=True)
        (folder / "output.txt").write_text(text)
    trial, other, linked = study.ask(), study.ask(), study.ask()
    trial.suggest_float("x", 0, 1)
    for step in range(3):
        trial.report(1 / (step + 1), step)
    trial.set_user_attr("trial_dir", str(inside))
    other.set_user_attr("trial_dir", str(outside))
    (inside.parent / "4").mkdir()
    (inside.parent / "4" / "output.txt").symlink_to(outside / "output.txt")
    linked.set_user_attr("trial_dir", str(inside.parent / "4"))
    with TestClient(app(path, token=""), base_url="http://localhost", headers=SAME) as client:
        text = client.get("/study/1/part/doing").text
        assert text.count("<li>\n<p><a href") == 3
        assert "<polyline points=" in text
        assert "step 2: 0.3333" in text
        assert "epoch 7 \\x1b[31m&lt;b&gt;" in text
        assert "secret" not in text
        assert f"What it prints is in {tmp_path}, which" in text
        assert 'action="/study/1/trial/2/stop"' in text
        client.post("/study/1/trial/2/stop")
        assert "It was asked to stop" in part_of(client, "doing")
        assert "Running now: 3 trials." in part_of(client, "doing")
    with TestClient(app(path, token="", logs=outside), base_url="http://localhost", headers=SAME) as client:
        text = client.get("/study/1/part/doing").text
        assert text.count("secret") == 1  # not by the link, which lies elsewhere
        assert "epoch 7" in text
        assert "What it prints" not in text


def test_health_sees_a_bound_that_is_in_the_way_and_points_tried_twice(tmp_path: Path) -> None:
    study = ts.create_study(storage=tmp_path / "b.db", seed=0)
    distributions = {"x": ts.Float(0, 1), "y": ts.Float(0, 1)}
    rng = np.random.default_rng(0)
    points = np.concatenate(
        [rng.random((30, 2)), np.column_stack([np.full(20, 0.995), rng.random(20)]), np.full((5, 2), 0.5)]
    )
    study.add_trials(
        [ts.create_trial(params={"x": x, "y": y}, distributions=distributions, value=1 - x) for x, y in points.tolist()]
    )
    with TestClient(app(tmp_path / "b.db", token=""), base_url="http://localhost") as client:
        text = part_of(client, "health")
    assert "upper bound of x" in text
    assert "bound of y" not in text
    assert "4 of 55 points were tried before (7.3%)" in text


def test_a_page_that_is_open_gets_what_is_new_and_nothing_twice(tmp_path: Path) -> None:
    study = ts.create_study(storage=tmp_path / "d.db", seed=0, sampler="random")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    with TestClient(app(tmp_path / "d.db", token=""), base_url="http://localhost") as client:
        first = get_json(client, "/study/1/figure/history")
        assert first["seq"] == 3
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
        client.app.state.studies.look(1, max_age=-1)  # type: ignore[attr-defined]  # as if time had passed
        new = get_json(client, "/study/1/delta?since=3")
        assert [n for n, _, _ in new["new"]] == [3, 4]
        assert new["counts"] == {"complete": 5}
        assert get_json(client, "/study/1/delta?since=5")["new"] == []
        assert get_json(client, "/study/1/delta?since=77")["gap"]


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("de,en;q=0.5,zh;q=0.4", "en"),
        ("", "en"),
        ("zh;q=0", "en"),
        (";;q=x,zh;q=a", "en"),
    ],
)
def test_the_language_is_the_readers(client: TestClient, accept: str, language: str) -> None:
    assert f'<html lang="{language}"' in client.get("/", headers={"accept-language": accept}).text


@pytest.mark.parametrize("m", [3, 4])
def test_a_front_of_several_objectives_shows_them_in_pairs(tmp_path: Path, m: int) -> None:
    study = ts.create_study(storage=tmp_path / "t.db", directions=["minimize"] * m, sampler="random", seed=0)
    study.optimize(lambda t: [t.suggest_float(f"x{k}", 0, 1) for k in range(m)], n_trials=12)
    with TestClient(app(tmp_path / "t.db", token=""), base_url="http://localhost") as client:
        shown = [(0, 1), (1, 2), (2, 3), (0, 3)] if m == 4 else [(0, 1), (0, 2), (1, 2)]
        for k, (i, j) in enumerate(shown):
            drawn = get_json(client, f"/study/1/figure/front?objective={k if m == 4 else 0}")
            at = f"{k + 1}" if k and m == 3 else ""
            assert (drawn["columns"][f"x{at}"], drawn["columns"][f"y{at}"]) == (f"values[{i}]", f"values[{j}]")
            assert drawn["svg"].count("data-panel=") == (1 if m == 4 else 3)
            own = [t for t in drawn["data"]["traces"] if t.get("xaxis", "x") == f"x{at}" and "customdata" in t]
            for along, objective in (("x", i), ("y", j)):
                values = {number: v for t in own for number, v in zip(t["customdata"], t[along], strict=True)}
                assert values == pytest.approx({t.number: t.values[objective] for t in study.trials}, rel=1e-4)


def test_everything_that_a_page_loads_is_there_and_small(client: TestClient) -> None:
    found, sizes = set(), dict.fromkeys(("js", "css", "svg"), 0)
    for path in ("/", "/study/1", "/study/1/trial/3", "/compare?study=1"):
        found |= set(re.findall(r'(?:<link[^>]* href|<script[^>]* src)="(/[^"]*)"', client.get(path).text))
    assert len(found) == 6
    for address in found:
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert "immutable" in answer.headers["cache-control"]
        sizes[address.partition("?")[0].rpartition(".")[2]] += len(answer.content)
    assert sizes["js"] <= 60_000
    assert sizes["css"] <= 25_000


@pytest.mark.parametrize(
    ("theme", "media"), [("", "screen and (prefers-color-scheme:dark)"), ("dark", "screen"), ("light", "not all")]
)
def test_a_page_is_dark_where_the_reader_wants_it(client: TestClient, theme: str, media: str) -> None:
    page = client.get("/", headers={"cookie": f"tunesmith-theme={theme}"}).text
    assert f'media="{media}"' in page
    assert "--bg:#12151a" in client.get("/static/dark.css").text
    assert "--bg:#12151a" not in client.get("/static/look.css").text


CHINESE_PAGES = (
    "/", "/study/1?now=1", "/study/1/parameters", "/study/1/trials", "/study/1/trial/3", "/study/2?now=1",
    "/study/3?now=1", "/study/4?now=1", "/compare?study=1&study=2", "/compare?study=1&study=3", "/compare", "/study/99",
)  # fmt: skip


@pytest.mark.chinese
@pytest.mark.parametrize(
    "path", [*CHINESE_PAGES, *(f"/study/1/figure/{d.name}" for d in DRAWINGS.values() if d.is_for(1))]
)
def test_no_english_sentence_is_left_in_chinese_pages(client: TestClient, path: str) -> None:
    answer = client.get(path, headers={"accept-language": "zh"})
    if "/figure/" in path:
        made = answer.json()
        text = "|".join([made.get("missing", ""), made.get("summary", ""), *made.get("notes", ())])
    else:
        text = re.sub(r"<(script|style|pre)\b.*?</\1>", "", answer.text, flags=re.S)
        text = html.unescape(re.sub(r"<[^>]*>", "|", text))
    assert "tunesmith" in text or "/figure/" in path
    own = re.sub(r"ValueError: bad[^|]*", "", text)  # what a program raised
    assert re.findall(r"(?:\b[A-Za-z]{2,}[ ,;:]+){2,}[A-Za-z]{2,}[^|]{0,40}", own) == []


def test_the_importance_of_very_many_trials_is_told_by_some_and_says_so(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunesmith.dashboard.drawings.MOST_WEIGHED", 20)
    drawn = get_json(client, "/study/2/figure/importance?where=number%20%3E%3D%200")  # that of all is kept
    assert drawn["notes"][0] == "from 20 of 30 trials"
    assert "from 20 trials" in drawn["summary"]


@pytest.mark.chinese
def test_figures_speak_the_readers_language(client: TestClient) -> None:
    figures = (
        "history",
        "importance",
        "parallel",
        "slice",
        "curves",
        "timeline",
        "edf",
        "rank",
        "contour",
        "belief",
        "metrics",
    )
    for name in figures:
        english = get_json(client, f"/study/1/figure/{name}")
        answer = client.get(f"/study/1/figure/{name}", headers={"accept-language": "zh"}).json()
        told = " ".join([answer["summary"], *answer["notes"]])
        assert re.search("[\u4e00-\u9fff]", answer["summary"])
        assert not re.search(r"\b(trials?|best|of|the|values?)\b", told.replace("study", "")), told
        numbers = [sorted(re.findall(r"\d+", text)) for text in (english["summary"], answer["summary"])]
        assert numbers[0] == numbers[1]
    missing = client.get("/study/4/figure/history", headers={"accept-language": "zh"}).json()
    assert "完成的试验" in missing["missing"]


def test_it_can_be_mounted_under_a_path(made: Path) -> None:
    outer = Starlette(routes=[Mount("/tune", app(made, token=""))])
    with TestClient(outer, base_url="http://localhost") as client:
        text = client.get("/tune/").text
        assert 'href="/tune/study/1"' in text
        assert "/tune/static/dashboard.js" in text
        assert client.get("/tune/static/dashboard.js").status_code == 200
        page = client.get("/tune/study/1").text
        for address in re.findall(r'(?:href|src|action|data-\w+)="(/[^"]*)"', page):
            assert address.startswith("/tune"), address
        assert (
            client.get("/tune/study/2/jump?number=3", follow_redirects=False).headers["location"]
            == "/tune/study/2/trial/3"
        )


def test_a_page_says_what_pruning_saved(tmp_path: Path) -> None:
    study = ts.create_study(storage=tmp_path / "s.db", seed=0, pruner="nop")
    for n in (3, 3, 1, 3):
        trial = study.ask()
        for step in range(n):
            trial.report(1.0, step, cost=1.0)
        study.tell(trial, 1.0 if n == 3 else None, state=None if n == 3 else ts.TrialState.PRUNED)
    with TestClient(app(tmp_path / "s.db", token=""), base_url="http://localhost") as client:
        told = part_of(client, "verdict")
        assert all(sentence in told for sentence in study.savings.sentences())
        assert "With the same cost: 3 full runs" in told


def test_a_page_says_what_the_search_of_a_study_chose(tmp_path: Path) -> None:
    path, folds = tmp_path / "s.db", {"cv": 3, "storage": str(tmp_path / "s.db"), "study_name": "s"}
    X, y = make_classification(60, 4, flip_y=0.3, random_state=0)
    search = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [None, 1, 2]}, **folds).fit(X, y)
    search.study_.add_trial(ts.create_trial(params={}, value=1.0))  # the best value seen is not what was chosen
    verdict = search.report_.verdict()
    with TestClient(app(path, token=""), base_url="http://localhost") as client:
        text = client.get("/study/1").text
        assert 'Best value seen: <a id="best" href="/study/1/trial/3" title="1">1</a>' in text
        told = part_of(client, "verdict")
        assert verdict in told
        assert "1 trial ended later" in told
        assert f"Trial {search.study_.recommend().trial.number}" in told
        assert client.get("/study/1/trial/0").text.count('<dd title="None">None</dd>') == 1
        assert next(csv.DictReader(io.StringIO(client.get("/study/1/trials.csv").text)))["params_max_depth"] == "None"
        assert get_json(client, "/study/1/trials.json")[0]["params.max_depth"] is None


def test_objectives_have_one_name_in_tables_and_figures(client: TestClient) -> None:
    for page in ("/study/3/trials", "/study/3/parameters"):
        text = client.get(page).text
        assert "objective 1" in text
        assert ">values[" not in text
