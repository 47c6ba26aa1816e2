"""The worker program, ``python -m tunesmith.worker``: runs trials of a study that many processes share.

`options.py` says what can be asked for, `target.py` finds the objective, `first_worker.py` compares its code with that
of other workers, and `command.py` runs the trials and says how it ended.
"""
