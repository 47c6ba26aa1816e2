"""Commands of satellites: each stands on the command line's own modules, and on public names of its satellite.

The command line knows them by its table of commands alone, and imports none.
"""
