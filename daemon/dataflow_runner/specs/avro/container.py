"""Avro object container files of one record, with the Iglu URI of its schema in the metadata.

Layout: 'Obj' and the byte 1; a map of metadata; a sync marker; blocks of a count, a size, the records and the marker.
"""

from __future__ import annotations

import hashlib
import io
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from dataflow_runner.specs.avro.decode import Cursor, Undecodable
from dataflow_runner.specs.bounds import MAX_BYTES

MAGIC = b"Obj\x01"
URI_KEY = "iglu.schema"
"""Metadata: the Iglu URI of the record's schema, as a self-describing JSON file has under "schema"."""
EXPLICIT_KEY = "iglu.explicit"
"""Metadata: a JSON array of the pointers of values that the JSON file spelled out though they equal their default, so
that a conversion back writes what was there."""

MAX_METADATA = 100
_SYNC = 16


@dataclass(frozen=True, slots=True)
class Container:
    """The parts of a file, its record still encoded."""

    metadata: Mapping[str, bytes]
    record: bytes

    def text(self, key: str) -> str:
        """An entry of the metadata as text; '' when it is absent or no text."""
        try:
            return self.metadata.get(key, b"").decode("utf-8")
        except UnicodeDecodeError:
            return ""


def read_container(content: bytes) -> Container:
    """Take a file apart; raises Undecodable when it is foreign, damaged, or holds other than one record."""
    cursor = Cursor(content, len(MAGIC))
    metadata = _metadata(cursor)
    marker = cursor.take(_SYNC)
    record, total = b"", 0
    while cursor.at < len(content):
        count = cursor.long()
        block = cursor.take(cursor.long())
        if cursor.take(_SYNC) != marker:
            raise Undecodable("a block doesn't end where it should: the file is damaged")
        record, total = (block if count else record), total + count
    if total != 1:
        raise Undecodable(f"it holds {total} records, expected one")
    return Container(metadata, _unpacked(record, metadata.get("avro.codec", b"null")))


def write_container(schema: str, record: object, metadata: Mapping[str, str]) -> bytes:
    """A file with one record, which fits the schema; the same input always gives the same bytes.

    A branch of a union of records is (full name, value).
    """
    import fastavro

    body = io.BytesIO()
    parsed = fastavro.parse_schema(json.loads(schema))
    fastavro.schemaless_writer(body, parsed, record)
    marker = hashlib.sha256(body.getvalue()).digest()[:_SYNC]
    output = io.BytesIO()
    fastavro.writer(output, parsed, [record], codec="deflate", metadata=dict(metadata), sync_marker=marker)
    return output.getvalue()


def _metadata(cursor: Cursor) -> dict[str, bytes]:
    metadata: dict[str, bytes] = {}
    while count := cursor.long():
        if count < 0:
            cursor.long()
        for _ in range(abs(count)):
            name = cursor.string()
            metadata[name] = cursor.take(cursor.long())
            if len(metadata) > MAX_METADATA:
                raise Undecodable("its metadata is none of ours")
    return metadata


def _unpacked(data: bytes, codec: bytes) -> bytes:
    match codec:
        case b"null":
            return data
        case b"deflate":
            return _inflated(data)
    raise Undecodable(f"its codec is {codec[:40]!r}; write it with 'deflate' or 'null'")


def _inflated(data: bytes) -> bytes:
    """Undo 'deflate', never into more than a spec can be: a few bytes may stand for gigabytes."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        record = inflater.decompress(data, MAX_BYTES)
    except zlib.error:
        raise Undecodable("its compressed data is damaged") from None
    if inflater.unconsumed_tail:
        raise Undecodable(f"its record is larger than {MAX_BYTES >> 20} MiB")
    if not inflater.eof:
        raise Undecodable("its compressed data ends early: the file is truncated")
    return record
