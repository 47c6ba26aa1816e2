"""Progress displays: `ProgressLine` counts anything, `Progress` the trials of a study; `Table` shows the running ones.

A terminal and a notebook renew the line; elsewhere it is printed now and then. No thread is started, so that nothing
can go wrong between the display and an objective that forks.
"""

from tunesmith.study.progress.line import ProgressLine
from tunesmith.study.progress.table import Table
from tunesmith.study.progress.trials import Progress

__all__ = ["Progress", "ProgressLine", "Table"]
