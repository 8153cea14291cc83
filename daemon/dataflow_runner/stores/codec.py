"""Jobs, specs and instants as bytes, for journals that write to a disk.

A job's two specs are its bulk, and many runs share them: they are taken out of the job and kept once each under
the SHA-256 of their text.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec

from dataflow_runner.errors import InputError
from dataflow_runner.jobs.record import Job, SpecText


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedSpec:
    """A spec's text, compressed, and the address that its content gives it."""

    address: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedJob:
    """A job as it is kept: JSON without the texts of its specs, and these beside it."""

    body: bytes
    playbook: PackedSpec | None
    cluster: PackedSpec | None


def pack_job(job: Job) -> PackedJob:
    """Make a job ready to be kept. Takes a fifth of a second for a spec of 5 MB: call it off the event loop."""
    bare = replace(job, playbook=_without_text(job.playbook), cluster=_without_text(job.cluster))
    try:
        return PackedJob(
            body=msgspec.json.encode(bare), playbook=_pack_spec(job.playbook), cluster=_pack_spec(job.cluster)
        )
    except UnicodeEncodeError as error:
        raise InputError(
            f"the job of run {job.run_id} holds {error.object[error.start : error.end]!r}, which is not text; "
            f"give its specs and variables in UTF-8"
        ) from error


def unpack_job(body: bytes, playbook: bytes | None, cluster: bytes | None) -> Job:
    """The job that was packed, from its JSON and the compressed texts of its specs.

    A field that a newer version added is ignored; one that is missing takes its default. ValueError when the bytes
    are no job, or mean something that this version doesn't know.
    """
    bare = msgspec.json.decode(body, type=Job)
    return replace(bare, playbook=_with_text(bare.playbook, playbook), cluster=_with_text(bare.cluster, cluster))


def encode_instant(at: datetime) -> str:
    """An instant as text that sorts by time: '2026-01-02T03:04:05.000006+00:00'."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def decode_instant(text: str) -> datetime:
    """The instant that encode_instant wrote."""
    return datetime.fromisoformat(text)


def clean_text(text: str) -> str:
    """Text that can be kept as UTF-8: halves of surrogate pairs, which logs and error messages may hold, become '?'."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _without_text(spec: SpecText | None) -> SpecText | None:
    return spec and replace(spec, text="")


def _pack_spec(spec: SpecText | None) -> PackedSpec | None:
    if spec is None:
        return None
    text = spec.text.encode("utf-8")
    return PackedSpec(address=hashlib.sha256(text).hexdigest(), body=zlib.compress(text))


def _with_text(spec: SpecText | None, body: bytes | None) -> SpecText | None:
    if spec is None:
        return None
    if body is None:
        raise ValueError(f"the text of the spec {spec.name} is missing")
    try:
        return replace(spec, text=zlib.decompress(body).decode("utf-8"))
    except zlib.error as error:
        raise ValueError(f"the text of the spec {spec.name} can't be decompressed") from error
