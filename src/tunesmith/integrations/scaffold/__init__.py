"""``tunesmith init``: writes a first tune.toml for a program.

`helps.py` reads the options that a program's help lists, `options.py` those in its source or configuration and which
ranges to begin with; `command.py` is the command, and the file that it writes.
"""
