"""The file in which a program finds its parameters, and the one in which it leaves its results."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tunesmith.foundation.formats import size_text

PARAMETER_FORMATS = ("json", "yaml", "yml", "toml")
RESULTS_BYTES = 64_000_000  # of a results file, at most
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def params_text(params: Mapping[str, Any], suffix: str) -> str:
    """Return parameters as the text of a file.

    Args:
        suffix: "json", "yaml", "yml" or "toml". TOML has no null: a parameter that is None is left out of it.
    """
    if suffix == "toml":
        return "".join(f"{_toml_key(k)} = {_toml(v)}\n" for k, v in params.items() if v is not None)
    if suffix in ("yaml", "yml"):
        return "".join(f"{_in_quotes(k)}: {_yaml(v)}\n" for k, v in params.items()) or "{}\n"
    return json.dumps(dict(params), indent=2, ensure_ascii=False) + "\n"


def _yaml(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_in_quotes(k)}: {_yaml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, str):
        return _in_quotes(value)
    if isinstance(value, float):
        text = repr(value)
        if not math.isfinite(value):
            return text.replace("inf", ".inf").replace("nan", ".nan")
        # YAML 1.1, which most programs read, takes 1e-05 as a text, and 1.0e-05 as a number.
        return text if "." in text else text.replace("e", ".0e")
    return json.dumps(value)


def _toml_key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _in_quotes(name)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(_toml(item) for item in value if item is not None)}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_toml_key(k)} = {_toml(v)}" for k, v in value.items() if v is not None) + "}"
    return _in_quotes(value) if isinstance(value, str) else repr(value)


def _in_quotes(text: str) -> str:
    """Return a text in double quotes, as YAML and TOML read it: JSON's way, without pairs of surrogates."""
    inner = json.dumps(text, ensure_ascii=False)
    return "".join(
        c if c.isprintable() else f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}" for c in inner
    )


def read_results(path: Path) -> list[Mapping[str, Any]]:
    """Return the objects of a results file: one object, or one a line.

    Returns:
        the objects in order; none if there is no file.

    Raises:
        ValueError: it has something else than JSON objects, or too much, or is not a file.
    """
    try:
        data = read_written(path, RESULTS_BYTES + 1)
        if len(data) > RESULTS_BYTES:
            raise ValueError(
                f"the results file {path} is larger than {size_text(RESULTS_BYTES)}; write what is to be read alone"
            )
        text = data.decode("utf-8-sig")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the results file {path} cannot be read: {error}") from error
    try:
        found = [json.loads(text)]
    except (ValueError, RecursionError):
        try:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
        except (ValueError, RecursionError) as error:
            raise ValueError(f"the results file {path} holds no JSON: {error}") from error
    if not all(isinstance(one, dict) for one in found):
        raise ValueError(f'the results file {path} must hold a JSON object such as {{"val_loss": 0.31}}')
    return found


def read_written(path: Path, most: int) -> bytes:
    """Return the beginning of a file that a program was to write, at most so many bytes.

    Raises:
        OSError: the file is missing, or something else is in its place, such as a pipe that would be waited for.
    """
    if path.exists() and not path.is_file():
        raise OSError(f"{path.name} is no plain file")
    with path.open("rb") as file:
        return file.read(most)
