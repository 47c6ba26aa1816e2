"""Who may come in, and that nothing that a study holds is ever run."""

from __future__ import annotations

import html
import pickle
import re
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from starlette.testclient import TestClient
from tests.dashboard.studies import EVIL

from tunesmith.dashboard import app, serve
from tunesmith.dashboard.security import CSP, is_loopback

HOSTS = ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.3.2.1:1", "[::1]:8080", "board.example"]
FOREIGN = ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "user@localhost", "a/b"]


@pytest.mark.parametrize("host", HOSTS)
def test_names_of_this_machine_and_allowed_ones_are_answered(made: Path, host: str) -> None:
    with TestClient(app(made, token="", allowed_hosts=["Board.example"])) as client:
        assert client.get("/studies.json", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", [*FOREIGN, ""])
@pytest.mark.parametrize("path", ["/", "/static/dashboard.css", "/nothing"])
def test_a_foreign_name_that_points_here_reads_nothing(made: Path, host: str, path: str) -> None:
    with TestClient(app(made, token="")) as client:
        answer = client.get(path, headers={"host": host, "x-forwarded-host": "localhost"})
    assert answer.status_code in (400, 421)
    assert "study" not in answer.text


WRITES = ["/study/1/rename", "/study/1/delete", "/study/1/restore", "/study/1/note", "/study/1/enqueue", "/study/1/ask"]


@pytest.mark.parametrize("path", [*WRITES, "/study/1/trial/1/note", "/study/1/trial/1/stop"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "https://localhost"},  # another scheme is another origin
        {"origin": "http://localhost:81"},
        {"sec-fetch-site": "cross-site", "origin": "http://localhost"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
    ],
)
def test_a_write_from_elsewhere_changes_nothing(made: Path, path: str, headers: dict[str, str]) -> None:
    with TestClient(app(made, token=""), base_url="http://localhost") as client:
        answer = client.post(path, data={"name": "x", "note": "x", "params": "{}"}, headers=headers)
        assert answer.status_code == 403
        assert "plain" in client.get("/").text


@pytest.mark.parametrize("headers", [{"origin": "http://localhost"}, {"sec-fetch-site": "same-origin"}])
def test_a_write_from_our_own_page_is_taken(own: TestClient, headers: dict[str, str]) -> None:
    own.headers.pop("sec-fetch-site")
    assert own.post("/study/1/note", data={"note": "mine"}, headers=headers, follow_redirects=False).status_code == 303
    assert "mine" in own.get("/study/1").text


@pytest.mark.parametrize("path", WRITES)
def test_read_only_refuses_all_writes_and_shows_no_form(client: TestClient, path: str) -> None:
    answer = client.post(path, data={"name": "x"}, headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 403
    assert "--read-only" in answer.text
    assert 'method="post"' not in client.get("/study/1").text + client.get("/study/1/trial/3").text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(client: TestClient, method: str) -> None:
    assert client.request(method, "/study/1").status_code == 405


def test_every_address_wants_the_token_and_takes_it_once(made: Path) -> None:
    with TestClient(app(made, token="s3cret"), base_url="http://localhost") as client:
        for path in (
            "/",
            "/study/1",
            "/static/dashboard.js",
            "/events?study=1",
            "/nothing",
            "/?token=wrong",
            "/?token=",
        ):
            assert client.get(path).status_code == 401
        answer = client.get("/study/2?where=x&token=s3cret")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "url=/study/2?where=x" in html.unescape(answer.text)
        assert "s3cret" not in answer.text
        assert client.get("/study/2").status_code == 200
        assert client.post("/study/2/note", data={"note": ""}, headers={"origin": "http://evil"}).status_code == 403
    with TestClient(app(made, token="s3cret"), base_url="http://localhost") as client:
        assert client.get("/", headers={"authorization": "Bearer s3cret"}).status_code == 200
        assert client.get("/", headers={"authorization": "Bearer s3cre"}).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/", "/%5Cevil.example/", "/%5C%5Cevil.example/", "/%09/evil.example", "/%0A/evil.example",
        "/%0D%0A//evil.example", "/%2F%5Cevil.example", "/%5C%2Fevil.example", "/%09%5Cevil.example",
        "/%20//evil.example",
        "/%EF%BC%8F%EF%BC%8Fevil.example", "/%E2%81%84/evil.example", "/%00//evil.example", "/x%22%3E%3Cb%3E",
        "/javascript:alert(1)", "/%0Ajavascript%3Aalert(1)", "/.//evil.example", "/..%2F%5C/evil.example",
    ],
)  # fmt: skip
def test_the_address_with_the_token_leads_to_this_server_alone(made: Path, path: str) -> None:
    with TestClient(app(made, token="s3cret"), base_url="http://localhost") as client:
        page = client.get(f"{path}?token=s3cret&x=%0A", follow_redirects=False).text
    (target,) = re.findall('url=([^"]*)"', page)
    # Plain signs alone, and one slash at the beginning: nothing is left for a browser to read in another way.
    assert re.fullmatch(r"/(?!/)[\w/%.?=&;()~-]*", target, re.ASCII), target
    assert urlsplit(urljoin("http://localhost/", html.unescape(target))).netloc == "localhost"


def test_a_token_is_made_up_and_other_machines_never_come_in_without(made: Path) -> None:
    tokens = {app(made).state.token for _ in range(3)}
    assert len(tokens) == 3
    assert min(map(len, tokens)) >= 32
    with pytest.raises(ValueError, match=r"0\.0\.0\.0"):
        serve(made, host="0.0.0.0", token="")
    assert is_loopback("127.9.9.9")
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("localhost.")


PAGES = [
    "/",
    "/study/1",
    "/study/1/part/health",
    "/study/1/part/verdict",
    "/study/1/part/doing",
    "/study/1/parameters",
    "/study/1/trials",
    "/study/1/trial/3",
    "/study/1/trial/5",
    "/compare?study=1&study=2",
    "/study/1/trials?where=%3Cscript%3E",
]


@pytest.mark.parametrize("path", PAGES)
def test_nothing_of_a_study_is_markup(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert "<img src" not in answer.text  # the picture of a figure has another attribute first
    assert "<b onclick" not in answer.text
    assert "javascript:" not in answer.text.replace("[link](javascript:alert(1))", "")
    assert answer.text.count("<script") == answer.text.count('<script type="module" src=') + answer.text.count(
        "<script defer src="
    )
    assert " style=" not in answer.text
    assert " on" + "click=" not in html.unescape(answer.text).replace("<b onclick=alert(1)>p</b>", "").replace(EVIL, "")


def test_a_note_is_markdown_without_markup_of_its_own(client: TestClient) -> None:
    text = client.get("/study/1").text
    assert "<h1>Hello</h1>" in text
    assert "<strong>bold</strong>" in text
    assert 'href="https://example.org" rel="noopener noreferrer nofollow"' in text
    assert 'href="javascript' not in text


def test_headers_forbid_what_is_not_needed(client: TestClient) -> None:
    for path in ("/", "/static/dashboard.js", "/study/1/figure/history", "/nothing"):
        headers = client.get(path).headers
        assert headers["content-security-policy"] == CSP
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
    scripts = next(part for part in CSP.split("; ") if part.startswith("script-src"))
    assert scripts == "script-src 'self'"
    assert "'unsafe-inline'" not in CSP
    assert "'unsafe-eval'" not in CSP
    assert client.get("/study/1").headers["cache-control"] == "no-store"


def test_an_artifact_is_a_file_to_be_saved(client: TestClient) -> None:
    answer = client.get("/study/1/artifact?trial=3&name=plot.svg")
    assert b"<script>" in answer.content
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-security-policy"].startswith("sandbox")
    for name in ("../../etc/passwd", "nothing", ""):
        assert client.get("/study/1/artifact", params={"trial": "3", "name": name}).status_code == 404


def test_opening_a_study_unpickles_nothing(client: TestClient, monkeypatch: pytest.MonkeyPatch, made: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something was unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    with TestClient(app(made, token=""), base_url="http://localhost") as fresh:
        for path in (*PAGES, "/study/1/figure/history", "/study/1/part/verdict", "/study/1/part/doing"):
            assert fresh.get(path).status_code == 200


def test_csv_holds_no_formula(tmp_path: Path) -> None:
    import tunesmith as ts

    study = ts.create_study(storage=tmp_path / "f.db", sampler="random")
    study.optimize(lambda trial: float(trial.suggest_categorical("=f", ["=1+1", "@x", "-1"]) == "-1"), n_trials=8)
    with TestClient(app(tmp_path / "f.db", token=""), base_url="http://localhost") as client:
        head, *lines = client.get("/study/1/trials.csv").text.splitlines()
    assert head.split(",")[4] == "params_=f"
    assert {line.split(",")[4] for line in lines} <= {"'=1+1", "'@x", "'-1"}
