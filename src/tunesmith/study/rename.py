"""Give a study another name."""

from __future__ import annotations

from tunesmith.storage import open_storage
from tunesmith.study.create import StorageLike


def rename_study(*, study_name: str, new_study_name: str, storage: StorageLike) -> None:
    """Give a study another name. Trials that run go on; a program that opens it later has to use the new name.

    Args:
        study_name: its name.
        new_study_name: the new one, unique in the storage.
        storage: as for `create_study`.

    Raises:
        StudyNotFoundError: there is no such study.
        DuplicatedStudyError: another study has the new name.

    Example:
        ```python
        import tunesmith

        tunesmith.create_study(storage="tune.db", study_name="mine")
        tunesmith.rename_study(study_name="mine", new_study_name="ours", storage="tune.db")
        assert tunesmith.get_all_study_names("tune.db") == ["ours"]
        ```
    """
    opened = open_storage(storage)
    opened.rename_study(opened.load_study(study_name).id, new_study_name)
