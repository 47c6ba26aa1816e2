"""Hides passwords and tokens in what is shown of a database's URL.

A part is shown only if it is known to be harmless. So a password in the wrong place, or in a mistyped URL, is hidden
too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from tunesmith.foundation.text import close_matches, printable

HIDDEN = "***"

# Options of URLs whose values are harmless.
_HARMLESS = {
    "application_name", "cache", "charset", "check_same_thread", "connect_timeout", "gssencmode", "host", "hostaddr",
    "immutable", "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "mode", "nolock", "port",
    "read_timeout", "sslmode", "target_session_attrs", "tcp_user_timeout", "timeout", "unix_socket", "uri", "vfs",
    "write_timeout",
}  # fmt: skip
_SECRET = {
    "auth", "key", "passphrase", "passwd", "password", "pw", "pwd", "secret", "sslpassword", "token", "user",
    "username",
}  # fmt: skip
# A user's name may be a token, and so is shown only if it looks like a name.
_WORDS = ("passphrase", "passwd", "password", "pwd", "secret", "token")
_SUSPECT = re.compile(rf"(?i):.*@|[A-Za-z][\w+.-]+:/|{'|'.join(_WORDS)}")
FILES = (".db", ".sqlite", ".sqlite3")  # how a text ends that names a file
_NAME = re.compile(r"[a-z_]{1,12}[0-9]{0,2}")
_PLAIN = re.compile(r"[\w.$-]*")
_HOST = re.compile(r"[\w.:%-]*")
_SCHEME = re.compile(r"[A-Za-z][\w+.-]{0,30}:/+")
# Within another program's message, which may be long: each place is looked at a bounded number of times.
_URL = re.compile(r"[A-Za-z][\w+.-]{0,30}://[^\s'\"]+")
_NAMED_SECRET = re.compile(rf"(?i)(\b(?=\w*(?:{'|'.join(_WORDS)}))\w++['\"]?\s*+[=:]\s*+)\S+")
_OPTION = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


def redact(text: str) -> str:
    """Return what may be shown of a text that was given as the name of a database."""
    text = text.strip()
    if "%" in text and (plain := unquote(text)) != text and set(plain) & set("@=:"):
        text = plain
    scheme = _SCHEME.match(text)
    head = scheme.group() if scheme else ""
    rest = text[len(head) :]
    if "@" in rest and (head or ":" in rest or "=" in rest or not rest.lower().endswith(FILES)):
        head, rest = head + HIDDEN + "@", rest.rpartition("@")[2]
    place, separator, options = _split(rest)
    if separator and not head and (option := _OPTION.fullmatch(place)):
        place = _option(option)
    elif head:
        place = _address(place, HIDDEN in head)
    elif ":" in place and not re.match(r"[A-Za-z]:[\\/]", place):
        place = place.partition(":")[0] + ":" + HIDDEN
    return printable((head + place + separator + "&".join(map(_any_option, _parts(options)))).strip())


def shown_spec(spec: Any) -> str:
    """Return what may be shown of the argument `storage=`: a path, a URL or a storage."""
    if not isinstance(spec, str | os.PathLike):
        return repr(spec)
    text = os.fsdecode(spec)
    is_file = not isinstance(spec, str) or text.lower().endswith(FILES)
    return printable(text) if is_file and not _SUSPECT.search(text) else redact(text)


def redact_within(text: str) -> str:
    """Return another program's message without the users and passwords of URLs, and without values named password."""
    text = _URL.sub(lambda url: redact(url.group()), text)
    return _NAMED_SECRET.sub(rf"\1{HIDDEN}", text)


def _split(rest: str) -> tuple[str, str, str]:
    """Split an address from its options, as in `host/db?sslmode=require` or `host=db user=me`."""
    found = re.search(r"[?;&#]|\s(?=\S*=)", rest)
    if found is None:
        return ("", " ", rest) if "=" in rest else (rest, "", "")
    if "=" in rest[: found.start()]:
        return "", " ", rest
    return rest[: found.start()], found.group(), rest[found.end() :]


def _parts(options: str) -> list[str]:
    return [part for part in re.split(r"[?&;\s]+", options) if part]


def _any_option(part: str) -> str:
    option = _OPTION.fullmatch(part)
    return _option(option) if option else HIDDEN


def _option(option: re.Match[str]) -> str:
    return shown_option(option.group(1), option.group(2))


def shown_option(name: str, value: Any) -> str:
    """Return what may be shown of an option of a URL."""
    known = name.lower() in _HARMLESS
    if known and isinstance(value, str) and re.fullmatch(r"[\w.:/-]*", value):
        return f"{name}={value}"
    is_name = close_matches(name.lower(), _HARMLESS | _SECRET, cutoff=0.75)  # of an option, misspelt
    return f"{name}={HIDDEN}" if is_name else HIDDEN


def _address(place: str, after_user: bool) -> str:
    """Return `host:port/database`, each part if it may be shown; "port" may be a password, and "host" a user."""
    host, slash, database = place.partition("/")
    name, colon, port = host.rpartition(":")
    if colon and not (port.isdecimal() and int(port) < 2**16):
        host = f"{name}:{HIDDEN}" if after_user and _PLAIN.fullmatch(name) else HIDDEN
    else:
        host = shown_host(host)
    return host + slash + (database if re.fullmatch(r"[\w.$/ -]*", database) else HIDDEN)


def shown_user(user: str | None) -> str:
    """Return a user's name if it surely is one."""
    return user if user and _NAME.fullmatch(user) else HIDDEN


def shown_host(host: str) -> str:
    """Return a host's name or address if it can be one."""
    return host if _HOST.fullmatch(host) else HIDDEN


def shown_database(name: str) -> str:
    """Return the name of a server's database if it is a plain name."""
    return name if _PLAIN.fullmatch(name) else HIDDEN


class Secrets:
    """Hides secret texts in the messages of drivers.

    Args:
        secrets: the texts; the way a URL writes them is hidden too.
    """

    def __init__(self, secrets: Iterable[str | None]) -> None:
        forms = {
            form
            for secret in secrets
            if secret
            for form in (secret, quote(secret, safe=""), quote(secret), quote_plus(secret), unquote_plus(secret))
            if form
        }
        # A short one is a part of many words, and is hidden where it stands by itself.
        longest_first = sorted(forms, key=len, reverse=True)
        patterns = [re.escape(f) if len(f) > 3 else rf"(?<!\w){re.escape(f)}(?!\w)" for f in longest_first]
        self._pattern = re.compile("|".join(patterns)) if patterns else None

    def hide(self, text: str) -> str:
        """Return a text without them."""
        return text if self._pattern is None else self._pattern.sub(HIDDEN, text)
