"""The page that shows how all pages look, and what their colours and signs mean."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tunesmith.dashboard.pages.request import render

STATES = ("complete", "pruned", "fail", "running")  # each has one of the four colours


def design_page(request: Request) -> Response:
    """Show sizes of text, distances, colours, and the parts that pages are made of."""
    return render(request, "design.html", {"states": STATES})


ROUTES = [Route("/design", design_page)]
