"""A PostgreSQL server to throw away, and PgBouncer before it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.servers.server import Server, program, user_for

if TYPE_CHECKING:
    import psycopg


class PostgresServer(Server):
    name = "PostgreSQL"

    def __init__(self) -> None:
        pytest.importorskip("psycopg", reason="PostgreSQL tests need psycopg: pip install 'psycopg[binary]'")
        # Debian keeps its programs outside of PATH, a folder for each version.
        found = program("initdb", "/usr/lib/postgresql/*/bin")
        if found is None or not (found.resolve().parent / "postgres").is_file():
            pytest.skip("PostgreSQL tests need its server programs (initdb, postgres): apt install postgresql")
        self._programs = found.resolve().parent
        super().__init__(user_for(["postgres"]))
        data = self.home / "data"
        self.prepare(
            self._programs / "initdb", "-D", data, "-U", "tunesmith", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"
        )  # fmt: skip

    def command(self) -> list[object]:
        # No fsync, since nothing of this outlives the run; a killed server loses nothing that it gave to the kernel.
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={self.home}", "-c", "fsync=off"]
        return [self._programs / "postgres", "-D", self.home / "data", *options]

    def answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(host=str(self.home), user="tunesmith", dbname="postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    @property
    def socket(self) -> Path:
        return self.home / ".s.PGSQL.5432"

    def url(self, database: str, port: int | None = None) -> str:
        if port is None:
            return f"postgresql+psycopg://tunesmith@/{database}?host={self.home}"
        # Without encryption, one message of the server is one reply.
        return f"postgresql+psycopg://tunesmith@127.0.0.1:{port}/{database}?sslmode=disable&gssencmode=disable"

    def sql(self, database: str, *statements: str) -> list[tuple[Any, ...]]:
        with self.admin(database) as admin:
            cursor = admin.cursor()
            for statement in statements:
                cursor.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def admin(self, database: str = "postgres") -> psycopg.Connection:
        """A connection past all proxies."""
        import psycopg

        return psycopg.connect(host=str(self.home), user="tunesmith", dbname=database, autocommit=True)


class PgBouncer(Server):
    """PgBouncer in transaction mode: each transaction may get another session of the server."""

    name = "PgBouncer"

    def __init__(self, server: PostgresServer, sessions: int = 4) -> None:
        found = program("pgbouncer")
        if found is None:
            pytest.skip("these tests need PgBouncer: apt install pgbouncer")
        self._program = found
        super().__init__(user_for(["postgres"]))
        (self.home / "users").write_text('"tunesmith" ""\n')
        (self.home / "pgbouncer.ini").write_text(
            f"""
[databases]
* = host={server.home}
[pgbouncer]
listen_addr =
unix_socket_dir = {self.home}
auth_type = trust
auth_file = {self.home}/users
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 500
max_prepared_statements = 0
server_login_retry = 1
"""
        )
        self._server = server

    def command(self) -> list[object]:
        return [self._program, self.home / "pgbouncer.ini"]

    def answers(self) -> bool:
        return self.socket.exists()

    @property
    def socket(self) -> Path:
        return self.home / ".s.PGSQL.6432"

    def sql(self, database: str, *statements: str) -> list[tuple[Any, ...]]:
        return self._server.sql(database, *statements)

    def url(self, database: str, port: int | None = None) -> str:
        if port is not None:
            return self._server.url(database, port)
        return f"postgresql+psycopg://tunesmith@/{database}?host={self.home}&port=6432"
