"""The worker program, ``python -m tunesmith.worker``: runs trials of a study that many processes share.

`options.py` says what can be asked for, `target.py` finds the objective, and `command.py` compares its code with that
of other workers, runs the trials and says how it ended.
"""
