"""The exception of artifacts, by this library's own: an ``except`` clause for the one catches the other."""

from __future__ import annotations

from tunesmith.errors import ArtifactNotFoundError as ArtifactNotFound

__all__ = ["ArtifactNotFound"]
