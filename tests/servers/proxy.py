"""A TCP proxy that fails in the ways that networks do, when it is told to."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self


class Pair:
    """One connection through the proxy."""

    def __init__(self, client: socket.socket, server: socket.socket, silent: bool) -> None:
        self.client, self.server = client, server
        self.silent = silent  # for good: what was swallowed cannot be sent on later
        self.asked = False  # whether the client has sent something since the last reply

    def cut(self) -> None:
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Proxy:
    """Passes on what clients and a server say, and drops, delays or cuts it.

    Args:
        dial: opens a connection to the server.

    Attributes:
        replies: how many replies of the server were passed on or dropped: what it says after a client has spoken.
        silent: whether it takes everything and passes on nothing; connections stay dumb when this is over.
    """

    def __init__(self, dial: Callable[[], socket.socket]) -> None:
        self.replies = 0
        self.silent = False
        self.port = 0
        self._dial = dial
        self._drop: int | None = None
        self._pairs: set[Pair] = set()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self.up()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.down()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        with self._lock:
            return len(self._pairs)

    def drop(self, n: int | None) -> None:
        """Swallow the n-th reply from now on (1: the next), and cut its connection; None: none."""
        with self._lock:
            self._drop = None if n is None else self.replies + n

    def silence(self) -> None:
        """Take what clients send, and pass on nothing, for connections that are open and for new ones."""
        with self._lock:
            self.silent = True
            for pair in self._pairs:
                pair.silent = True

    def speak(self) -> None:
        """Pass on what new connections say."""
        self.silent = False

    def cut(self) -> int:
        """Cut all connections; return how many there were."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            pair.cut()
        return len(pairs)

    def down(self) -> None:
        """Be away: refuse connections, and cut those that are open."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            listener.close()
        self.cut()

    def up(self) -> None:
        """Take connections again, at the same port."""
        listener = self._listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
        self.port = listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = self._dial()
            except OSError:  # the server is away
                client.close()
                continue
            with self._lock:
                pair = Pair(client, server, self.silent)
                self._pairs.add(pair)
            threading.Thread(target=self._serve, args=(pair,), daemon=True).start()

    def _serve(self, pair: Pair) -> None:
        try:
            with selectors.DefaultSelector() as selector:  # select() takes no descriptor beyond 1,023
                for end in (pair.client, pair.server):
                    selector.register(end, selectors.EVENT_READ)
                while True:
                    for key, _ in selector.select():
                        if not self._pass_on(pair, from_client=key.fileobj is pair.client):
                            return
        except OSError:
            return
        finally:
            with self._lock:
                self._pairs.discard(pair)
            pair.cut()
            pair.client.close()
            pair.server.close()

    def _pass_on(self, pair: Pair, *, from_client: bool) -> bool:
        """Read from one end and send to the other; return whether the connection goes on."""
        data = (pair.client if from_client else pair.server).recv(1 << 16)
        if not data:
            return False
        if pair.silent:
            return True
        if from_client:
            pair.asked = True
            pair.server.sendall(data)
        elif self._passes(pair):
            pair.client.sendall(data)
        else:
            return False
        return True

    def _passes(self, pair: Pair) -> bool:
        """Count a reply; return whether it may be passed on."""
        with self._lock:
            if pair.asked:
                pair.asked = False
                self.replies += 1
                if self._drop is not None and self.replies >= self._drop:
                    self._drop = None
                    return False
        return True


def dial_unix(path: str) -> Callable[[], socket.socket]:
    """Return what opens a connection to a UNIX socket."""

    def dial() -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(path)
        except OSError:
            connection.close()
            raise
        return connection

    return dial
