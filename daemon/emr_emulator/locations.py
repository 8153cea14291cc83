"""Places named by URIs: `s3://`, `s3n://`, `s3a://`, `hdfs://`, `file://` and bare paths."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Scheme(StrEnum):
    """The kinds of storage that a location can be on."""

    S3 = "s3"  # an object store: no folders, only keys
    HDFS = "hdfs"  # the cluster's own file system: a folder of this machine
    FILE = "file"  # the file system of this machine


_SCHEMES = {"s3": Scheme.S3, "s3n": Scheme.S3, "s3a": Scheme.S3, "hdfs": Scheme.HDFS, "file": Scheme.FILE}


class StorageError(Exception):
    """An operation on a location failed; the text says which one and why."""


class NotFoundError(StorageError):
    """There is nothing at the location (or no such bucket)."""


class LocationError(StorageError):
    """A text names no place that exists here: an unknown scheme, no bucket, a way out of the folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place, printed as it was written, because users match patterns against that text.

    `path` is the key without a leading slash on S3 and an absolute path elsewhere; `authority` is the bucket on S3,
    a name node's address (which is ignored) on HDFS.
    """

    scheme: Scheme
    written_scheme: str
    authority: str
    path: str

    def __str__(self) -> str:
        slash = "/" if self.scheme is Scheme.S3 else ""
        return f"{self.written_scheme}://{self.authority}{slash}{self.path}"

    @property
    def name(self) -> str:
        """The last component of the path."""
        return self.path.rstrip("/").rsplit("/", 1)[-1]

    def child(self, relative: str) -> Location:
        """Name a place below this one; raises LocationError for a way out of a folder."""
        base = self.path.rstrip("/")
        path = f"{base}/{relative}" if base or self.scheme is not Scheme.S3 else relative
        if self.scheme is not Scheme.S3:
            path = _absolute(path, f"{self}/{relative}")
        return replace(self, path=path)

    def relative_to(self, folder: Location) -> str | None:
        """Say how this place is called inside a folder, or None when it isn't inside."""
        base = folder.path.rstrip("/")
        lead = f"{base}/" if base or self.scheme is not Scheme.S3 else ""
        inside = (self.scheme, self._volume) == (folder.scheme, folder._volume) and self.path.startswith(lead)
        return self.path[len(lead) :] if inside else None

    def same_place(self, other: Location) -> bool:
        """Tell whether two texts name one place (`s3n://b/k` and `s3://b/k` do)."""
        return (self.scheme, self._volume, self.path) == (other.scheme, other._volume, other.path)

    @property
    def _volume(self) -> str:
        return self.authority if self.scheme is Scheme.S3 else ""


def parse_location(text: str, *, bare: Scheme = Scheme.FILE) -> Location:
    """Parse a URI or a path; a path without a scheme is taken to be on `bare`.

    Raises LocationError with the text and what was expected.
    """
    written, separator, rest = text.partition("://")
    if not separator:
        written, rest = _without_authority(text, bare)
    scheme = _SCHEMES.get(written.lower())
    if scheme is None:
        expected = ", ".join(f"{known}://" for known in _SCHEMES)
        raise LocationError(f"{text!r}: unknown scheme {written!r}; expected one of {expected}")
    authority, slash, path = rest.partition("/")
    if scheme is Scheme.S3:
        if not authority:
            raise LocationError(f"{text!r}: no bucket; expected {written}://bucket/key")
        return Location(scheme=scheme, written_scheme=written, authority=authority, path=path)
    return Location(scheme=scheme, written_scheme=written, authority=authority, path=_absolute(slash + path, text))


def _without_authority(text: str, bare: Scheme) -> tuple[str, str]:
    """Read `hdfs:/path`, `file:/path` and plain paths: Hadoop takes one slash as well as three."""
    written, colon, rest = text.partition(":")
    if colon and written.lower() in _SCHEMES and rest.startswith("/"):
        return written, rest
    if not text.startswith("/"):
        raise LocationError(f"{text!r}: the path must be absolute")
    return bare.value, text


def _absolute(path: str, text: str) -> str:
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise LocationError(f"{text!r}: a path may not hold '..'")
    if any("\0" in part for part in parts):
        raise LocationError(f"{text!r}: a path may not hold a NUL character")
    tail = "/" if path.endswith("/") and parts else ""
    return "/" + "/".join(parts) + tail
