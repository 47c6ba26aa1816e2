"""Progress displays: `ProgressLine` counts anything, `Progress` the trials of a study; `Table` shows the running ones.

A thread draws them, a few times a second at most, and only where somebody looks (`audience`): a trial is not slower for
it, and a fork of an objective waits until nothing is being written.
"""

from tunesmith.study.progress.line import Part, ProgressLine
from tunesmith.study.progress.table import Table
from tunesmith.study.progress.trials import Progress

__all__ = ["Part", "Progress", "ProgressLine", "Table"]
