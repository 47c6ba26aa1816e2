"""No password and no token is ever shown: not in errors, not by ``repr``, not in an attribute, not on leaving."""

from __future__ import annotations

import io
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import URL, make_url

import tunesmith as ts
from tunesmith.errors import StorageError
from tunesmith.storage import open_storage
from tunesmith.storage.redact import Secrets, redact, redact_within, shown_spec
from tunesmith.storage.sql.location import read_spec
from tunesmith.study.progress import Progress

SECRET = "hunter2"  # none of these texts holds it elsewhere
CLOSED = "127.0.0.1:1"  # no server is there, which is known at once
TOKEN = f"ghp_16C7{SECRET}42F292c69"

FORMS: list[Any] = [
    # well-formed
    f"postgresql://me:{SECRET}@{CLOSED}/db",
    f"postgresql+psycopg://me:{SECRET}@{CLOSED}/db?connect_timeout=1",
    f"postgres://:{SECRET}@{CLOSED}/db",
    f"postgresql://{CLOSED}/db?password={SECRET}",
    f"postgresql://me@{CLOSED}/db?sslmode=disable&password={SECRET}",
    f"postgresql://{CLOSED}/db?user=me&password={SECRET}&application_name=x",
    f"postgresql://{CLOSED}/db?sslpassword={SECRET}",
    f"postgresql://{CLOSED}/db?passwrod={SECRET}",
    f"postgresql://{CLOSED}/db?options=-c%20x.y%3D{SECRET}",
    f"postgresql://me:%68{SECRET[1:]}@{CLOSED}/db",
    f"postgresql://me:a%40{SECRET}@{CLOSED}/db",
    f"postgresql://{TOKEN}@{CLOSED}/db",
    f"postgresql://{TOKEN}:x@{CLOSED}/db",
    f"postgresql://{CLOSED}/db?password=a&{SECRET}=1",
    f"postgresql://me:{SECRET}#1@{CLOSED}/db",
    f"postgresql://me:{SECRET}?1@{CLOSED}/db",
    f"postgresql://me:a/{SECRET}@{CLOSED}/db",
    f" postgresql://me:{SECRET}@{CLOSED}/db\n",
    URL.create("postgresql+psycopg", "me", SECRET, "127.0.0.1", 1, "db"),
    make_url(f"postgresql+psycopg://{CLOSED}/db?password={SECRET}"),
    f"mysql://me:{SECRET}@{CLOSED}/db",
    f"mariadb://me@{CLOSED}/db?password={SECRET}",
    f"mysql://{CLOSED}/db?init_command=SET%20x%3D{SECRET}",
    f"mysql://{CLOSED}/db?nonsense={SECRET}",
    f"mysql+nodriver://me:{SECRET}@host/db",
    f"mssql+pyodbc:///?odbc_connect=PWD%3D{SECRET}",
    f"sqlite:///{{folder}}/a.db?key={SECRET}",
    f"sqlite+pysqlcipher://:{SECRET}@/{{folder}}/a.db",
    # mistyped
    f"postgrsql://me:{SECRET}@host/db",
    f"postgresql://me:{SECRET}@host:port/db",
    f"postgresql://me:{SECRET}/db",
    f"postgresql://me:p@{SECRET}@host/db",
    f"postgresql://m/e:{SECRET}@host/db",
    f"postgresql:///me:{SECRET}@host/db",
    f"postgresql://me%3A{SECRET}@{CLOSED}/db",
    f"postgresql://host:{SECRET}@me/db:x",
    f"postgresql:/me:{SECRET}@host/tune.db",
    f"postgresql:me:{SECRET}@host/db",
    f"postgresql//me:{SECRET}@host/db",
    f"me:{SECRET}@host/db",
    f"host:5432:db:me:{SECRET}",
    f"jdbc:postgresql://host/db?user=me&password={SECRET}",
    f"postgresql://host/db;password={SECRET}",
    f"host=db user=me password={SECRET} dbname=x",
    f"host=db password='a {SECRET}'",
    f"Server=host;Database=db;Uid=me;Pwd={SECRET};",
    f"DATABASE_URL=postgresql://me:{SECRET}@host/db",
    f"'postgresql://me:{SECRET}@host/db'",
    f"postgresql%3A%2F%2Fme%3A{SECRET}%40host%2Fdb",
    f"https://{TOKEN}@host/repository",
    f"redis://:{SECRET}@host",
    Path(f"postgresql://me:{SECRET}@host/db"),
    f"postgresql://me:{SECRET}@host/db".encode(),
    {"url": f"postgresql://me:{SECRET}@host/db"},
]


def forms(folder: Path) -> list[Any]:
    return [f.replace("{folder}", str(folder)) if isinstance(f, str) else f for f in FORMS]


def check(text: str) -> None:
    assert SECRET not in text, "a secret is shown"
    assert SECRET[1:] not in text, "most of a secret is shown"


@pytest.mark.parametrize("at", range(len(FORMS)))
def test_no_form_of_a_url_shows_its_secret(at: int, tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    form = forms(tmp_path)[at]
    try:
        storage = open_storage(form)
        storage.create_study("a", ["minimize"], 0)
    except (StorageError, TypeError, ImportError) as error:
        # What is printed of an error: chained ones too, without those that were let go on purpose. A line of code that
        # is printed holds names of variables, and this one's is harmless.
        check("".join(traceback.format_exception(error)))
    else:
        check(repr(storage) + storage.url + str(vars(storage)))
        storage.close()


@pytest.mark.parametrize("at", [i for i, form in enumerate(FORMS) if not isinstance(form, bytes | dict)])
def test_a_search_is_shown_without_the_secret_of_its_storage(at: int, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    from sklearn.base import clone
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import SVC

    from tunesmith.sklearn import GridSearchCV, SearchCV

    form = forms(tmp_path)[at]
    search = (GridSearchCV if at % 2 else SearchCV)(SVC(), {"C": [1]}, storage=form)
    pipeline = make_pipeline(search)
    check(repr(search) + repr(pipeline) + pipeline._repr_html_())
    text = form.render_as_string(hide_password=False) if isinstance(form, URL) else str(form)
    assert clone(search).storage == search.get_params()["storage"] == text
    assert search.storage is form


def test_what_helps_is_shown() -> None:
    assert redact("tune") == "tune"
    assert redact("postgresql://me:x@host:5432/db?sslmode=require") == "postgresql://***@host:5432/db?sslmode=require"
    assert redact("host=db password=x sslmode=require") == "host=db&password=***&sslmode=require"
    assert shown_spec("folder/tune.db") == "folder/tune.db"
    assert shown_spec(Path("C:/x/tune=1")) == str(Path("C:/x/tune=1"))
    assert redact_within("no route to 'postgresql://me:x@host/db': timeout") == (
        "no route to 'postgresql://***@host/db': timeout"
    )
    _, where = read_spec("postgresql://me:x@host:5432/db?sslmode=require&connect_timeout=3")
    assert where == "the database postgresql+psycopg://me:***@host:5432/db?sslmode=require&connect_timeout=3"


def test_what_a_driver_says_is_searched_for_secrets() -> None:
    secrets = Secrets(["pa ss/word", "abc", None, ""])
    assert secrets.hide('"pa ss/word" pa+ss%2Fword pa%20ss/word') == '"***" *** ***'
    assert secrets.hide("abc abcd 'abc'") == "*** abcd '***'", "a short one is a part of many words"


def test_whoever_is_interrupted_sees_no_secret() -> None:
    stream = io.StringIO()
    study = ts.create_study(study_name="bad\x1b[31mname")
    study.engine.study.storage = SimpleNamespace(  # type: ignore[assignment]  # a storage of somebody else
        url=f"other://me:{SECRET}@host/db", count=lambda study: {}
    )
    progress = Progress(study, 3, None, stream=stream, rivals=[])
    progress.close(KeyboardInterrupt())
    assert "other://***@host/db" in stream.getvalue()
    assert "storage=URL" in stream.getvalue()

    def gone(study: int) -> None:
        raise RuntimeError(f"other://me:{SECRET}@host/db is gone: \x1b[2J password={SECRET}")

    study.engine.study.storage = SimpleNamespace(count=gone)  # type: ignore[assignment]  # as above
    progress = Progress(study, 3, None, stream=stream, rivals=[])
    progress.close(KeyboardInterrupt())
    assert "does not answer (other://***@host/db is gone" in stream.getvalue()
    check(stream.getvalue())
    assert "\x1b" not in stream.getvalue()
