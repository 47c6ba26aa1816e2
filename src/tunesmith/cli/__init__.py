"""The command line: each command is a module, imported when it is called.

``main.COMMANDS`` lists them with what ``--help`` says of them, so that help imports none.
"""
