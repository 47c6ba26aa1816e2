"""Names that a package imports where they are first used, and errors for those that it does not have."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def lazy(
    module: str, homes: Mapping[str, str], install: str | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the ``__getattr__`` and the ``__dir__`` of a package whose names are imported where they are first used.

    Args:
        module: the package, ``__name__``.
        homes: where its names are: "package.module", "package.module:another_name", or "package.module:" for the
            module itself.
        install: how to install what its names need; None: nothing of others.

    Returns:
        both functions. A name that the package does not have is an error that suggests one, see `missing`.
    """
    namespace = sys.modules[module].__dict__

    def find(name: str) -> Any:
        if name not in homes:
            raise missing_name(name, homes, module)
        home, is_named, attribute = homes[name].partition(":")
        try:
            found = importlib.import_module(home)
        except ModuleNotFoundError as error:
            if install is None or (error.name or "tunesmith").partition(".")[0] == "tunesmith":
                raise
            from tunesmith.errors import MissingDependencyError

            raise MissingDependencyError(f"{module}.{name} needs {error.name}: {install}") from error
        if not is_named or attribute:
            found = getattr(found, attribute or name)
        namespace[name] = found
        return found

    return find, lambda: sorted({*namespace, *homes})


def missing_name(name: str, known: Iterable[str], module: str) -> AttributeError | ImportError:
    """Return the error for a name that a module's ``__getattr__``, which calls this, does not know.

    Args:
        known: the names that the module has.
    """
    text = f"module {module!r} has no attribute {name!r}"
    if sys._getframe(2).f_code.co_name == "_handle_fromlist":  # Python looks for a module of that name next
        return AttributeError(text)
    from tunesmith.foundation.registry import where_name_is  # these are needed for errors only
    from tunesmith.foundation.text import did_you_mean

    where = None if name.startswith("_") else where_name_is(name)  # inspect and others look for such names everywhere
    for ending, kind in (("Sampler", "sampler"), ("Pruner", "pruner")):
        if where is None and name.endswith(ending) and module == "tunesmith":
            where = f"the {kind}s are in tunesmith.{kind}s, and create_study({kind}=...) takes their names"
    if where is None:
        where = did_you_mean(name, known).removeprefix("; ") or None
    if where is not None:
        text = f"{text}: {where}"
    return name_error(text, module, depth=3)


def name_error(text: str, module: str, depth: int = 2) -> AttributeError | ImportError:
    """Return the error of a module's ``__getattr__``, which calls this: an ImportError in ``from module import name``.

    That statement replaces an AttributeError by an ImportError without its message, so it gets one at once.

    Args:
        text: the message.
        depth: how many frames below this one the name is asked for.
    """
    import dis  # slow to import

    asking = sys._getframe(depth)
    imports = asking.f_code.co_code[asking.f_lasti] == dis.opmap["IMPORT_FROM"]
    return ImportError(text, name=module) if imports else AttributeError(text)
