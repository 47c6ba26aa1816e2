"""What alembic runs: the migrations, on the connection and in the transaction it was given."""

from alembic import context  # noqa: TID253 - alembic runs this file

if hasattr(context, "config"):  # else the file is only imported, to be looked at
    context.configure(connection=context.config.attributes["connection"], version_table="tunesmith_schema")
    with context.begin_transaction():
        context.run_migrations()
