"""Studies: ask, tell, optimize, best.

`Study` is in ``study.py``. The work is done in `tunesmith.study.engine` and in a module for each method.
"""

from tunesmith.foundation.states import StudyDirection
from tunesmith.study.create import (
    copy_study,
    create_study,
    delete_study,
    get_all_study_names,
    load_study,
    rename_study,
)
from tunesmith.study.study import Study

__all__ = [
    "Study",
    "StudyDirection",
    "copy_study",
    "create_study",
    "delete_study",
    "get_all_study_names",
    "load_study",
    "rename_study",
]
