"""How MariaDB and MySQL keep our values: types of columns that hold all of them, and floats without infinities."""

from __future__ import annotations

import math
import sys
from typing import Any

from sqlalchemy.dialects.mysql.base import MySQLTypeCompiler  # noqa: TID253 - imported only when a database is named

LARGEST = sys.float_info.max


class ColumnTypes(MySQLTypeCompiler):
    """Writes the types of our columns, whatever the defaults of the server and of the database are.

    TEXT and BLOB end at 64 KiB there. Names are compared byte by byte, spaces at their ends included.
    """

    def visit_VARCHAR(self, type_: Any, **kw: Any) -> str:
        """Return the type of names and other short texts."""
        return f"VARCHAR({type_.length}) {self._text()}"

    def visit_TEXT(self, type_: Any, **kw: Any) -> str:
        """Return the type of long texts."""
        return f"LONGTEXT {self._text()}"

    def visit_large_binary(self, type_: Any, **kw: Any) -> str:
        """Return the type of bytes."""
        return "LONGBLOB"

    def _text(self) -> str:
        # Neither knows the other's name for it (MariaDB does since 11.4).
        collation = "utf8mb4_nopad_bin" if getattr(self.dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
        return f"CHARACTER SET utf8mb4 COLLATE {collation}"


def write_float(value: float, mapping: Any = None) -> str:
    """Return a float as SQL. A NaN is NULL, and the infinities are the largest numbers, since DOUBLE has none.

    Args:
        value: the float.
        mapping: what drivers pass along.

    Returns:
        the text.
    """
    if math.isnan(value):
        return "NULL"
    text = repr(float(min(max(value, -LARGEST), LARGEST)))
    return text if "e" in text else f"{text}e0"  # with an exponent it is a DOUBLE, else a DECIMAL


def read_float(text: str | bytes) -> float:
    """Return a float that `write_float` wrote; the largest numbers are the infinities again."""
    value = float(text)
    return math.copysign(math.inf, value) if abs(value) == LARGEST else value


def converters() -> dict[Any, Any]:
    """Return PyMySQL's conversions of values, with ours for floats."""
    from pymysql.constants import FIELD_TYPE
    from pymysql.converters import conversions

    return {**conversions, float: write_float, FIELD_TYPE.DOUBLE: read_float}
