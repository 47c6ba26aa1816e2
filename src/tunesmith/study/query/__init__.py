"""Which trials? Expressions such as ``value < 0.1 and opt in ("adam", "sgd")``, for dashboard and command line.

`TrialTable` has all trials of a study as columns; its ``where`` says which rows an expression holds for, its ``order``
sorts them. Expressions are parsed here and never evaluated by Python.
"""

from tunesmith.study.query.table import TrialTable

__all__ = ["TrialTable"]
