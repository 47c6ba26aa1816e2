from __future__ import annotations

import pytest
import sqlalchemy

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_gets_an_empty_database_of_its_own(postgres_url: str, turn: int) -> None:
    engine = sqlalchemy.create_engine(postgres_url)
    with engine.begin() as connection:
        assert sqlalchemy.inspect(connection).get_table_names() == []
        connection.execute(sqlalchemy.text("CREATE TABLE mine (turn integer)"))
        connection.execute(sqlalchemy.text("INSERT INTO mine VALUES (:turn)"), {"turn": turn})
        assert connection.execute(sqlalchemy.text("SELECT turn FROM mine")).scalars().all() == [turn]
    engine.dispose()
