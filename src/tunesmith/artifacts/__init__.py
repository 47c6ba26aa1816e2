"""Artifacts: files and folders that belong to trials and studies, kept by content in a folder or behind a URL.

`base.py` is the contract of a store of blobs; `open_store` returns the one that a user named; `collection.py` is what
users call. The names of artifacts, which point to blobs, are kept by the study's storage.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from tunesmith.artifacts.base import BlobStore
from tunesmith.artifacts.record import Artifact
from tunesmith.foundation import registry
from tunesmith.foundation.lazy import lazy
from tunesmith.foundation.text import shown

if TYPE_CHECKING:
    from tunesmith.artifacts.collection import Artifacts

__all__ = ["Artifact", "Artifacts", "BlobStore", "open_store"]


def open_store(spec: str | os.PathLike[str] | BlobStore) -> BlobStore:
    """Return the store of blobs that a user named.

    Args:
        spec: a path: that folder. A URL such as "s3://bucket/folder": what is registered under its scheme, or else
            what fsspec knows by it. A store: itself.

    Returns:
        The store.

    Raises:
        MissingDependencyError: what the URL needs is not installed.
        ValueError: it is not the URL of a store, or holds credentials.
        TypeError: it is none of these.

    Example:
        ```python
        from tunesmith.artifacts import open_store

        print(open_store("results/artifacts"))
        ```
    """
    if isinstance(spec, BlobStore):
        return spec
    if not isinstance(spec, str | os.PathLike):
        raise TypeError(f"artifact_store takes a folder, a URL or a BlobStore; got {shown(spec)}")
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", spec) if isinstance(spec, str) else None
    if scheme is None and isinstance(spec, str) and "://" in spec:
        raise ValueError("an artifact store is a folder or one URL such as 's3://bucket/folder', and no chain of them")
    kind = "file" if scheme is None else scheme.group(1).lower()
    if kind not in registry.ARTIFACTS and kind not in registry.names("artifacts"):
        kind = "fsspec"
    made: Any = registry.load_registered("artifacts", kind)
    return made(spec)  # type: ignore[no-any-return]  # a class of the registry


# What a study without artifacts need not load.
__getattr__, __dir__ = lazy(__name__, {"Artifacts": "tunesmith.artifacts.collection"})
