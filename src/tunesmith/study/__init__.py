"""Studies: ask, tell, optimize, best.

`Study` is in ``study.py``. The work is done in `tunesmith.study.engine` and in a module for each method.
"""

from typing import TYPE_CHECKING

from tunesmith.foundation.lazy import lazy
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

if TYPE_CHECKING:
    from tunesmith.study.engine.ask import check_enqueued as check_enqueued
    from tunesmith.study.engine.channel import PAUSE as PAUSE
    from tunesmith.study.engine.channel import STOP as STOP
    from tunesmith.study.engine.channel import ask_programs as ask_programs
    from tunesmith.study.engine.channel import ask_to_stop as ask_to_stop
    from tunesmith.study.engine.channel import is_asked_to_stop as is_asked_to_stop
    from tunesmith.study.engine.channel import wish_of as wish_of
    from tunesmith.study.engine.loop import Policy as Policy
    from tunesmith.study.engine.loop import run_loop as run_loop


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

# What satellites use besides, see docs/satellites.md.
_FOR_SATELLITES = {
    "PAUSE": "tunesmith.study.engine.channel",
    "Policy": "tunesmith.study.engine.loop",
    "STOP": "tunesmith.study.engine.channel",
    "ask_programs": "tunesmith.study.engine.channel",
    "ask_to_stop": "tunesmith.study.engine.channel",
    "check_enqueued": "tunesmith.study.engine.ask",
    "is_asked_to_stop": "tunesmith.study.engine.channel",
    "run_loop": "tunesmith.study.engine.loop",
    "wish_of": "tunesmith.study.engine.channel",
}

__getattr__, __dir__ = lazy(__name__, _FOR_SATELLITES)
