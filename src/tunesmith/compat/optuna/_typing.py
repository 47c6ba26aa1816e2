"""Optuna's names of types that other libraries import from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Union  # "|" takes no name in quotes

JSONSerializable = Union[Mapping[str, "JSONSerializable"], Sequence["JSONSerializable"], str, int, float, bool, None]  # noqa: UP007 - see above
