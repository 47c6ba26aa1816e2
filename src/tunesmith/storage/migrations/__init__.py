"""Alembic's folder: one file in ``versions`` for each schema, run when an older database is opened.

A migration never imports ``tunesmith.storage.sql.schema``, which goes on changing: it says in full what it does.
To change the schema: change schema.py and raise HEAD there, add the next file here, and add a golden file of the
old schema to tests/storage/golden.
"""
