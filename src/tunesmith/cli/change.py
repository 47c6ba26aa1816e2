"""Commands that change a storage: ``copy``, ``rename``, ``delete``, ``upgrade``."""

from __future__ import annotations

import click

from tunesmith.cli.options import (
    STORAGE,
    existing,
    json_option,
    storage_and,
    storage_argument,
    study_option,
    study_record,
)
from tunesmith.cli.output import say
from tunesmith.foundation.text import printable


@click.command()
@click.argument("storage", envvar=STORAGE, required=False)
@click.argument("target", metavar="TO", required=False)
@study_option
@click.option("--as", "new_name", metavar="NAME", help="The name of the copy; by default the same.")
@json_option
def copy(storage: str | None, target: str | None, name: str | None, new_name: str | None, as_json: bool) -> None:
    """Copy a study, to another storage too. TO is the storage of the copy, which may be the same one."""
    from tunesmith.study import copy_study

    storage, target = storage_and(target, storage, "TO")
    source = existing(storage)
    record = study_record(source, storage, name)
    copied = copy_study(
        from_study_name=record.name,
        from_storage=source,
        to_storage=source if target == storage else target,
        to_study_name=new_name,
    )
    tally = copied.tally
    n = sum(copied.counts.values())
    say(as_json, f"copied {printable(record.name)}: {tally}", study=record.name, copy=copied.study_name, trials=n)


@click.command()
@click.argument("storage", envvar=STORAGE, required=False)
@click.argument("new_name", metavar="NEW_NAME", required=False)
@study_option
@json_option
def rename(storage: str | None, new_name: str | None, name: str | None, as_json: bool) -> None:
    """Give a study another name. Trials that run go on."""
    storage, new_name = storage_and(new_name, storage, "NEW_NAME")
    opened = existing(storage)
    record = study_record(opened, storage, name)
    try:
        opened.rename_study(record.id, new_name)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    text = f"{printable(record.name)} is now {printable(new_name)}"
    say(as_json, text, study=new_name, before=record.name)


@click.command()
@storage_argument
@study_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def delete(storage: str, name: str | None, yes: bool, as_json: bool) -> None:
    """Delete a study, with its trials and artifacts."""
    from tunesmith.study import delete_study

    opened = existing(storage)
    record = study_record(opened, storage, name)
    n = sum(opened.count(record.id).values())
    if not yes:
        click.confirm(f"Delete the study {printable(record.name)} with {n} trials for good?", abort=True, err=True)
    delete_study(study_name=record.name, storage=opened)
    say(as_json, f"deleted {printable(record.name)} with {n} trials", study=record.name, trials=n)


@click.command()
@storage_argument
@json_option
def upgrade(storage: str, as_json: bool) -> None:
    """Bring a storage of an earlier version up to date.

    Each program that opens a storage does so too; this is for a time when no other program has it open.
    """
    opened = existing(storage)
    n = len(opened.list_studies())  # what opens it brings it up to date
    say(as_json, f"up to date: {n} {'study' if n == 1 else 'studies'}", studies=n)
