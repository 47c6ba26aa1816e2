"""The record of an artifact: its name, and the content that it points to; and a study's records in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from tunesmith.foundation.text import shown

FOLDER = "inode/directory"  # the media type of a folder, which is kept as one archive
ANY = "application/octet-stream"
LONGEST = 200  # characters of a name


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file or a folder that belongs to a trial or to a study.

    It is a pointer: the content is a blob in a store, which several artifacts of a study may share.

    Attributes:
        name: its name, unique in its trial.
        digest: SHA-256 of the content, as 64 hexadecimal digits; of a folder, of its archive.
        size: bytes of that.
        media_type: what it is, as in "image/png"; "inode/directory" for a folder.
        number: its trial; None: it is the study's own.
        attempt: the attempt of the trial that saved it; 0 for a study's own.
        created: unix time, seconds.
        key: the blob, for tunesmith's own use.
    """

    name: str
    digest: str
    size: int
    media_type: str = ANY
    number: int | None = None
    attempt: int = 0
    created: float = 0.0
    key: str = ""

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.media_type == FOLDER


def checked_name(name: object) -> str:
    """Return the name of an artifact: a relative path with "/", such as "model.pkl" or "plots/loss.png".

    Raises:
        TypeError: it is no text.
        ValueError: it cannot be a name.
    """
    if not isinstance(name, str):
        raise TypeError(f"an artifact's name is a text such as 'model.pkl'; got {shown(name)}")
    wrong = ""
    if not name:
        wrong = "it is empty"
    elif len(name) > LONGEST:
        wrong = f"it has {len(name)} characters, and {LONGEST} are the most"
    elif not name.isprintable():  # NUL, line ends, halves of surrogate pairs
        wrong = "it holds characters that cannot be printed"
    elif any(c in name for c in '\\:*?"<>|'):
        wrong = "it holds one of \\ : * ? \" < > |, which not every system takes in a file's name"
    elif name.startswith("/"):
        wrong = "it is an absolute path"
    elif any(part in ("", ".", "..") or part != part.strip() for part in name.split("/")):
        wrong = "a part between its slashes is empty, '.', '..', or begins or ends with a space"
    if wrong:
        raise ValueError(f"an artifact's name is a relative path such as 'model.pkl'; got {shown(name)}: {wrong}")
    return name


def media_type_of(name: str) -> str:
    """Return the media type that the ending of a name stands for; the same on every machine."""
    import mimetypes

    # Without the tables of the system, which differ.
    return mimetypes.MimeTypes().guess_type(PurePosixPath(name).name)[0] or ANY


# ----------------------------------------------------------------------------------------------------------------------
# The pointers of one study as a dict: the rules of publishing and removing, in memory.


class PointerTable:
    """Which blob each artifact of a study points to. Not for several threads: who uses it has a lock."""

    def __init__(self) -> None:
        self._by_place: dict[tuple[int, str], Artifact] = {}

    def put(self, artifact: Artifact) -> tuple[Artifact, list[str]] | None:
        """Publish an artifact; see `tunesmith.storage.Storage.put_artifact`."""
        same = (a.key for a in self._by_place.values() if a.digest == artifact.digest)
        key = next(same, artifact.key)
        if not key:
            return None
        at = _place(artifact.number, artifact.name)
        old = self._by_place.get(at)
        done = self._by_place[at] = replace(artifact, key=key)
        return done, self._loose(old)

    def remove(self, number: int | None, name: str) -> list[str]:
        """Remove an artifact; return its blob if no other one points to that.

        Args:
            name: its name.
        """
        return self._loose(self._by_place.pop(_place(number, name), None))

    def all(self) -> list[Artifact]:
        """Return all artifacts, the study's own first, then by trial and name."""
        return [self._by_place[at] for at in sorted(self._by_place)]

    def of(self, number: int | None) -> list[Artifact]:
        """Return the artifacts of one trial, or of the study, by name."""
        return [artifact for artifact in self.all() if artifact.number == number]

    def _loose(self, old: Artifact | None) -> list[str]:
        if old is None or any(a.key == old.key for a in self._by_place.values()):
            return []
        return [old.key]


def _place(number: int | None, name: str) -> tuple[int, str]:
    return (-1 if number is None else number, name)
