"""The page that shows how all pages look, and what their colours and signs mean."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tunesmith.dashboard.pages.request import render
from tunesmith.foundation import look


def design_page(request: Request) -> Response:
    """Show sizes of text, distances, colours, icons, and the parts that pages are made of."""
    icons = re.findall(r'id="([\w-]+)"', look.icons())
    return render(request, "design.html", {"colours": list(look.COLOURS), "icons": icons})


ROUTES = [Route("/design", design_page)]
