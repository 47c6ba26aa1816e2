"""`Guard`: what every request must pass before any page sees it, and the headers of every answer.

In this order: the Host is this machine's or one that was allowed (so that a foreign name that was made to point here
reads nothing); a write comes from a page of this server; the token is known.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from html import escape
from urllib.parse import quote, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

READS = ("GET", "HEAD")
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # not no-referrer: with that, browsers send "Origin: null" with our own forms
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(frozen=True)
class Access:
    """Who may use a dashboard, and for what.

    Attributes:
        token: what a browser must know; "": nothing.
        hosts: names, besides those of this machine itself, by which it may be called.
        read_only: whether nothing may be changed.
    """

    token: str = ""
    hosts: frozenset[str] = frozenset()
    read_only: bool = False


def is_loopback(host: str) -> bool:
    """Tell whether a name or an address, without a port, is this machine itself."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def host_of(header: str) -> str:
    """Return the host of a Host header, without its port; empty: there is none."""
    try:
        return (urlsplit(f"//{header}").hostname or "") if "/" not in header and "@" not in header else ""
    except ValueError:
        return ""


class Guard:
    """ASGI middleware that turns away what must not come in.

    Args:
        app: what is guarded.
        access: who may use it.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no web sockets
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refused = self._refused(scope)
        await (self._app if refused is None else refused)(scope, receive, send_with_headers)

    def _refused(self, scope: Scope) -> Response | None:
        """Return the answer to a request that must not come in; None: it may."""
        headers = Headers(scope=scope)
        host = host_of(headers.get("host", ""))
        if not host:
            return _no(400, "The request has no usable Host.")
        if not is_loopback(host) and host.lower() not in self._access.hosts:
            return _no(421, f"This server does not answer to the name {host!r}: start it with --allowed-host {host}")
        if scope["method"] not in READS:
            if scope["method"] != "POST":
                return _no(405, "Only GET and POST are answered.")
            if not _is_own_page(headers, scope["scheme"]):
                return _no(403, "Changes are accepted from this server's own pages only.")
            if self._access.read_only:
                return _no(403, "This server was started with --read-only.")
        return self._without_token(scope, headers) if self._access.token else None

    def _without_token(self, scope: Scope, headers: Headers) -> Response | None:
        """Return the answer to a request that does not know the token, or has it in its address; None: it may come in.

        The token goes from the address into a cookie at once, so that it is in no link, history or log later on.
        """
        name = cookie_name(scope)
        if self._is_token(cookie_parser(headers.get("cookie", "")).get(name)):
            given = QueryParams(scope["query_string"])
            return self._to_cookie(scope, name) if "token" in given and scope["method"] in READS else None
        if self._is_token(headers.get("authorization", "").removeprefix("Bearer ")):
            return None
        if scope["method"] in READS and self._is_token(QueryParams(scope["query_string"]).get("token")):
            return self._to_cookie(scope, name)
        return _no(401, "Open the address with the token, which `tunesmith dashboard` printed when it started.")

    def _is_token(self, given: str | None) -> bool:
        return given is not None and hmac.compare_digest(given.encode(), self._access.token.encode())

    def _to_cookie(self, scope: Scope, name: str) -> Response:
        rest = [(k, v) for k, v in QueryParams(scope["query_string"]).multi_items() if k != "token"]
        # The path alone, and as it is written in an address: a backslash in it is a slash to browsers, and they skip
        # tabs and line ends, so that what looks like a path could name another server.
        path = "/" + quote(scope["path"].lstrip("/\\")) + (f"?{urlencode(rest)}" if rest else "")
        # A page that goes on by itself, and no redirection: that would not send a strict cookie if the first link was
        # followed from another site.
        page = f'<!doctype html><meta http-equiv="refresh" content="0;url={escape(path)}"><title>tunesmith</title>'
        answer = HTMLResponse(page)
        answer.set_cookie(
            name,
            self._access.token,
            path=scope.get("root_path") or "/",
            secure=scope["scheme"] == "https",
            httponly=True,
            samesite="strict",
        )
        return answer


def cookie_name(scope: Scope) -> str:
    """Return the name of the cookie: browsers share cookies among the ports of a machine."""
    server = scope.get("server")
    return f"tunesmith-{server[1] if server else 0}"


def _is_own_page(headers: Headers, scheme: str) -> bool:
    """Tell whether a request was sent by a page of this server."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return headers.get("origin") == f"{scheme}://{headers.get('host')}"


def _no(status: int, text: str) -> Response:
    return PlainTextResponse(text + "\n", status)
