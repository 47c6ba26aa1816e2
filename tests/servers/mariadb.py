"""A MariaDB server to throw away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.servers.server import Server, program, user_for

# The kernel lends only so much asynchronous input and output to all servers of a machine.
_PLAIN = ("--innodb-use-native-aio=0",)


class MariaDBServer(Server):
    name = "MariaDB"

    def __init__(self) -> None:
        pytest.importorskip("pymysql", reason="MariaDB tests need PyMySQL: pip install PyMySQL")
        install, found = program("mariadb-install-db"), program("mariadbd")
        if install is None or found is None:
            pytest.skip("MariaDB tests need its server programs (mariadbd): apt install mariadb-server")
        self._program = found
        super().__init__(user_for(["mysql"]))
        self.prepare(
            install, "--no-defaults", f"--datadir={self.home}/data", "--auth-root-authentication-method=normal",
            "--skip-test-db", *_PLAIN,
        )  # fmt: skip

    def command(self) -> list[object]:
        # Flushed to the kernel and not to the disk, since nothing of this outlives the run.
        return [
            self._program, "--no-defaults", f"--datadir={self.home}/data", f"--socket={self.socket}",
            "--skip-networking", f"--pid-file={self.home}/pid", "--innodb-flush-log-at-trx-commit=2",
            "--innodb-buffer-pool-size=64M", *_PLAIN,
        ]  # fmt: skip

    def answers(self) -> bool:
        import pymysql

        if not self.socket.exists():
            return False
        try:
            self.admin().close()
        except pymysql.err.OperationalError:
            return False
        return True

    @property
    def socket(self) -> Path:
        return self.home / "socket"

    def url(self, database: str, port: int | None = None) -> str:
        if port is None:
            return f"mysql+pymysql://root@localhost/{database}?unix_socket={self.socket}"
        return f"mysql+pymysql://root@127.0.0.1:{port}/{database}"

    def sql(self, database: str, *statements: str) -> list[tuple[Any, ...]]:
        admin = self.admin()
        try:
            admin.select_db(database)
            cursor = admin.cursor()
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())
        finally:
            admin.close()

    def admin(self) -> Any:
        """A connection past all proxies."""
        import pymysql

        return pymysql.connect(unix_socket=str(self.socket), user="root", autocommit=True)
