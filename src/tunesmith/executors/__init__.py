"""Where objectives run; see :mod:`tunesmith.executors.base`."""
