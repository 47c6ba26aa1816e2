"""Imports of optional libraries that fail where they are used; other libraries import these names from here."""

from __future__ import annotations

import importlib
from types import ModuleType, TracebackType
from typing import Any


class _DeferredImport:
    """A block whose ImportError is kept; ``check`` raises it, where the library is needed."""

    def __init__(self) -> None:
        self._error: Exception | None = None

    def __enter__(self) -> _DeferredImport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if isinstance(error, ImportError | SyntaxError):
            self._error = error
        return self._error is not None

    def is_successful(self) -> bool:
        """Tell whether all imports of the block went well."""
        return self._error is None

    def check(self) -> None:
        """Raise ImportError if they did not."""
        if self._error is not None:
            raise ImportError(f"this needs a library that cannot be imported: {self._error}") from self._error


def try_import() -> _DeferredImport:
    """Return a block for ``with``, in which imports may fail."""
    return _DeferredImport()


class _LazyImport(ModuleType):
    """A module that is imported when one of its names is first asked for."""

    def __getattr__(self, item: str) -> Any:
        module = importlib.import_module(self.__name__)
        self.__dict__.update(module.__dict__)
        return getattr(module, item)
