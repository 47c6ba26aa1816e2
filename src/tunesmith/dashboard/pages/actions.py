"""What a reader can change: names, notes, what is tried next; deletion, which can be taken back for a while."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tunesmith.dashboard.pages.request import Wrong, studies_of, words_for
from tunesmith.dashboard.pages.studies import tags_in
from tunesmith.dashboard.pages.study import study_page as study_page
from tunesmith.dashboard.pages.trial import trial_page as trial_page
from tunesmith.dashboard.views import NOTE, NOTE_CHARACTERS, TAGS
from tunesmith.errors import DuplicatedStudyError, StudyNotFoundError, TunesmithError
from tunesmith.foundation.languages import Said, say
from tunesmith.foundation.text import printable, shorten
from tunesmith.study import ask_programs, ask_to_stop

MOST_BODY = 1_000_000  # bytes of a form
NO_OBJECT = "This is no JSON object: {}. It takes names and values, such as {}."


async def _field(request: Request, name: str) -> str:
    """Return a field of a form.

    Raises:
        HTTPException: the form has no such text, or is too long.
    """
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > MOST_BODY:
        raise HTTPException(413, "The form is too long.")
    try:  # read here: Starlette's own reading of forms needs a package more
        fields = parse_qs((await request.body()).decode(), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError:
        raise HTTPException(400, "The form cannot be read.") from None
    if name not in fields:
        raise HTTPException(400, f"The form has no {name}.")
    return fields[name][0]


def _back(request: Request, path: str) -> Response:
    return RedirectResponse(f"{request.scope.get('root_path', '')}{path}", 303)


async def post_rename(request: Request) -> Response:
    """Give a study another name."""
    study_id, name = request.path_params["study"], (await _field(request, "name")).strip()
    held = studies_of(request)

    def work() -> None:
        held.record(study_id)
        held.storage.rename_study(study_id, name)
        held.forget(study_id)

    try:
        await run_in_threadpool(work)
    except (DuplicatedStudyError, ValueError) as error:
        return await _beside(request, "name", name, str(error))
    return _back(request, f"/study/{study_id}")


async def post_delete(request: Request) -> Response:
    """Delete a study, unless that is taken back in time."""
    await run_in_threadpool(studies_of(request).delete, request.path_params["study"])
    return _back(request, "/")


async def restore(request: Request) -> Response:
    """Take a deletion back."""
    if not studies_of(request).restore(request.path_params["study"]):
        raise HTTPException(410, "It is too late: the study is deleted.")
    return _back(request, "/")


async def note(request: Request) -> Response:
    """Set the note of a study, or of a trial."""
    held, study_id, number = studies_of(request), request.path_params["study"], request.path_params.get("number")
    given = (await _field(request, "note")).replace("\r\n", "\n")
    if len(given) > NOTE_CHARACTERS:
        raise HTTPException(400, f"A note has at most {NOTE_CHARACTERS:,} characters; this one has {len(given):,}.")

    def work() -> None:
        held.record(study_id)
        held.storage.set_attr(study_id, number, NOTE, given)

    try:
        await run_in_threadpool(work)
    except KeyError:
        raise HTTPException(404, f"The study has no trial {number}.") from None
    return _back(request, f"/study/{study_id}" + ("" if number is None else f"/trial/{number}"))


async def post_tags(request: Request) -> Response:
    """Set the tags of a study."""
    study_id, given = request.path_params["study"], await _field(request, "tags")
    held = studies_of(request)

    def work() -> None:
        held.record(study_id)
        held.storage.set_attr(study_id, None, TAGS, tags_in(given))

    await run_in_threadpool(work)
    return _back(request, "/")


async def post_enqueue(request: Request) -> Response:
    """Enqueue a point, which is run before any new proposal."""
    held, study_id, typed = studies_of(request), request.path_params["study"], await _field(request, "params")

    def work() -> None:
        held.open(study_id).enqueue_trial(_params(typed))

    try:
        await run_in_threadpool(work)
    except StudyNotFoundError:
        raise
    except (TunesmithError, ValueError, TypeError) as error:
        sentence = error.args[0] if error.args and isinstance(error.args[0], Said) else str(error)
        return await _beside(request, "params", typed, words_for(request).said(sentence))
    return _back(request, f"/study/{study_id}/trials?where=state%20%3D%3D%20waiting")


async def post_ask(request: Request) -> Response:
    """Ask the programs that run trials of a study to pause, to go on or to stop."""
    held, study_id, word = studies_of(request), request.path_params["study"], await _field(request, "word")

    def work() -> None:
        held.record(study_id)
        ask_programs(held.storage, study_id, word)

    try:
        await run_in_threadpool(work)
    except ValueError as error:
        raise HTTPException(400, str(error)) from error
    return _back(request, f"/study/{study_id}")


async def stop(request: Request) -> Response:
    """Ask the program that runs a trial to stop it."""
    held, study_id, number = studies_of(request), request.path_params["study"], request.path_params["number"]

    def work() -> None:
        held.record(study_id)
        ask_to_stop(held.storage, study_id, number)

    try:
        await run_in_threadpool(work)
    except KeyError:
        raise HTTPException(404, f"The study has no trial {number}.") from None
    except ValueError as error:
        raise HTTPException(400, str(error)) from error
    return _back(request, f"/study/{study_id}/trial/{number}")


def _params(text: str) -> dict[str, Any]:
    """Return parameters that were given as JSON.

    Raises:
        ValueError: they are no object.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError(say(NO_OBJECT, printable(shorten(text, 200)), '{"lr": 0.1, "opt": "adam"}'))
    return found


async def _beside(request: Request, field: str, typed: str, sentence: str) -> Response:
    """Return the page that a form stands on, with what is wrong beside the field."""
    root, study_id = request.scope.get("root_path", ""), request.path_params["study"]
    number = request.path_params.get("number")
    address = f"{root}/study/{study_id}" + ("" if number is None else f"/trial/{number}")
    wrong = Wrong(field, typed, sentence, address)
    return await run_in_threadpool(study_page if number is None else trial_page, request, wrong)


_STUDY, _TRIAL = "/study/{study:int}", "/study/{study:int}/trial/{number:int}"
ROUTES = [
    Route(f"{_STUDY}/rename", post_rename, methods=["POST"]),
    Route(f"{_STUDY}/delete", post_delete, methods=["POST"]),
    Route(f"{_STUDY}/restore", restore, methods=["POST"]),
    Route(f"{_STUDY}/note", note, methods=["POST"]),
    Route(f"{_STUDY}/tags", post_tags, methods=["POST"]),
    Route(f"{_STUDY}/enqueue", post_enqueue, methods=["POST"]),
    Route(f"{_STUDY}/ask", post_ask, methods=["POST"]),
    Route(f"{_TRIAL}/enqueue", post_enqueue, methods=["POST"]),
    Route(f"{_TRIAL}/stop", stop, methods=["POST"]),
    Route(f"{_TRIAL}/note", note, methods=["POST"]),
]
