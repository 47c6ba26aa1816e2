"""Optuna's logging: loggers by the names of its modules, below one that has the handler."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from logging import CRITICAL, DEBUG, ERROR, FATAL, INFO, WARN, WARNING

from tunesmith.compat.optuna.names import refuser

__all__ = [
    "CRITICAL",
    "DEBUG",
    "ERROR",
    "FATAL",
    "INFO",
    "WARN",
    "WARNING",
    "create_default_formatter",
    "disable_default_handler",
    "disable_propagation",
    "enable_default_handler",
    "enable_propagation",
    "get_logger",
    "get_verbosity",
    "set_verbosity",
]

OPTUNA_LOGGER = "optuna"  # what programs that want the lines in their own log ask the logging module for
STUDY_LOGGER = "optuna.study.study"  # of the lines on trials; others have the names of other modules of Optuna
_lock = threading.Lock()
_handlers: list[logging.Handler] = []  # the default one, once it is made


def root_logger() -> logging.Logger:
    """Return the logger of this package, with its default handler if nobody has set it up."""
    logger = logging.getLogger(OPTUNA_LOGGER)
    if not _handlers:
        with _lock:
            if not _handlers:
                _handlers.append(_default_handler(logger))
    return logger


def _default_handler(logger: logging.Logger) -> logging.Handler:
    """Return the handler that the real Optuna has set, where it is imported; else set one."""
    real = sys.modules.get("optuna.logging")
    if real is not None and real.__name__ == "optuna.logging" and logger.handlers:
        return logger.handlers[0]
    handler = logging.StreamHandler()
    handler.setFormatter(create_default_formatter())
    logger.addHandler(handler)
    logger.setLevel(INFO)
    logger.propagate = False
    return handler


@contextmanager
def kept() -> Iterator[None]:
    """Keep the handlers and the level, which an import of the real Optuna sets anew: each line would come twice."""
    logger = root_logger()
    handlers, level, propagate = list(logger.handlers), logger.level, logger.propagate
    try:
        yield
    finally:
        for handler in [one for one in logger.handlers if one not in handlers]:
            logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate


def create_default_formatter() -> logging.Formatter:
    """Return the format of the lines: ``[I 2026-01-31 12:00:00,000] text``."""
    return logging.Formatter("[%(levelname)1.1s %(asctime)s] %(message)s")


def get_logger(name: str) -> logging.Logger:
    """Return a logger by its name; "optuna" is the one that all lines go through, as those of modules are below it."""
    root_logger()
    return logging.getLogger(name)


def get_verbosity() -> int:
    """Return the level from which on lines are shown."""
    return root_logger().getEffectiveLevel()


def set_verbosity(verbosity: int) -> None:
    """Set the level from which on lines are shown, such as ``logging.WARNING``."""
    root_logger().setLevel(verbosity)


def disable_default_handler() -> None:
    """Stop to write lines to stderr."""
    root_logger().removeHandler(_handlers[0])


def enable_default_handler() -> None:
    """Write lines to stderr, as at first."""
    root_logger().addHandler(_handlers[0])


def disable_propagation() -> None:
    """Keep lines from the handlers of the program's own root logger, as at first."""
    root_logger().propagate = False


def enable_propagation() -> None:
    """Pass lines on to the handlers of the program's own root logger."""
    root_logger().propagate = True


__getattr__ = refuser(__name__, __all__)
