"""S3 (the one behind the emulator's endpoint) as a store."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from typing import IO, Any

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.exceptions import BotoCoreError, ClientError

from emr_emulator.locations import Location, NotFoundError, Scheme, StorageError
from emr_emulator.storage import ANY_KEY, CHUNK, DEFAULT_OPTIONS, Entry, WriteOptions

_DELETE_BATCH = 1000  # DeleteObjects' own limit
_COPY_LIMIT = 5 * 1024**3  # CopyObject and PutObject take at most 5 GiB
_NOT_FOUND = frozenset({"NoSuchKey", "NoSuchBucket", "404", "NotFound"})


@cache
def isolated_session() -> AioSession:
    """Make the session of this process, for which no profile, config file or key of the user counts.

    One for all clients, because a session's first client costs ten times what the next ones do.
    """
    nothing = (None, None, None, None)  # (name in the config file, environment variable, default, conversion)
    return AioSession(
        session_vars={
            "profile": nothing,
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )


def open_client(*, endpoint: str, region: str, access_key: str) -> AbstractAsyncContextManager[Any]:
    """Make an S3 client that talks to this endpoint and to nothing else.

    Typed Any: botocore makes its clients' methods at run time and ships no types for them.
    """
    client: AbstractAsyncContextManager[Any] = isolated_session().create_client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=access_key,
        aws_secret_access_key=ANY_KEY,  # nobody checks signatures here
        config=AioConfig(
            s3={"addressing_style": "path"},
            proxies={},
            max_pool_connections=50,
            connect_timeout=10,
            retries={"mode": "standard", "total_max_attempts": 3},
            # Checksums would turn every upload into a chunked one with a trailer, for a link on loopback.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
    return client


class S3Store:
    """Objects of any bucket that the endpoint has."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def files(self, prefix: Location) -> AsyncIterator[Entry]:
        """List keys by prefix; keys that end with a slash stand for folders and are left out."""
        with _translated(prefix):
            async for page in self._pages(prefix):
                for item in page.get("Contents", ()):
                    if not item["Key"].endswith("/"):
                        yield _entry(prefix, item)

    async def stat(self, location: Location) -> Entry | None:
        """Describe the object with this key, or the folder that some key begins with."""
        with _translated(location):
            if location.path and not location.path.endswith("/"):
                with contextlib.suppress(NotFoundError), _translated(location):
                    found = await self._client.head_object(Bucket=location.authority, Key=location.path)
                    return Entry(
                        location=location,
                        size=found["ContentLength"],
                        modified=found["LastModified"].timestamp(),
                        storage_class=found.get("StorageClass"),
                    )
            folder = _folder_key(location)
            found = await self._client.list_objects_v2(Bucket=location.authority, Prefix=folder, MaxKeys=1)
            if not found.get("KeyCount") and folder:
                return None
            return Entry(location=location, size=0, modified=0.0, is_folder=True)

    async def children(self, folder: Location) -> list[Entry]:
        """List one level, by key."""
        prefix = _at(folder, _folder_key(folder))
        found: list[Entry] = []
        with _translated(folder):
            async for page in self._pages(prefix, Delimiter="/"):
                found += [_entry(prefix, item) for item in page.get("Contents", ()) if item["Key"] != prefix.path]
                found += [
                    Entry(location=_at(folder, item["Prefix"].rstrip("/")), size=0, modified=0.0, is_folder=True)
                    for item in page.get("CommonPrefixes", ())
                ]
        return sorted(found, key=lambda entry: entry.location.path)

    async def read(self, location: Location) -> AsyncIterator[bytes]:
        """Stream an object; a body that breaks off is an error, never a short object."""
        with _translated(location):
            answer = await self._client.get_object(Bucket=location.authority, Key=location.path)
            async with answer["Body"] as body:
                async for chunk in body.iter_chunks(CHUNK):
                    yield chunk

    @asynccontextmanager
    async def write(
        self, location: Location, options: WriteOptions = DEFAULT_OPTIONS
    ) -> AsyncIterator[_MultipartUpload | _SingleUpload]:
        """Upload: small objects with one PutObject, large ones in parts, which are aborted after an exception."""
        kind = _MultipartUpload if options.multipart else _SingleUpload
        upload = kind(self._client, location, options)
        try:
            yield upload
            with _translated(location):
                await upload.finish()
        except BaseException:
            await asyncio.shield(upload.abandon())
            raise

    async def copy(self, source: Entry, target: Location, options: WriteOptions = DEFAULT_OPTIONS) -> bool:
        """Copy on the server; an object over 5 GiB, or onto itself, has to be read and written."""
        place = source.location
        if place.scheme is not Scheme.S3 or source.size > _COPY_LIMIT or place.same_place(target):
            return False
        with _translated(place):
            await self._client.copy_object(
                Bucket=target.authority,
                Key=target.path,
                CopySource={"Bucket": place.authority, "Key": place.path},
                **_headers(options),
            )
        return True

    async def delete(self, locations: Sequence[Location]) -> None:
        """Delete objects, a thousand in a call."""
        buckets: dict[str, list[Location]] = {}
        for location in locations:
            buckets.setdefault(location.authority, []).append(location)
        for bucket, places in buckets.items():
            for start in range(0, len(places), _DELETE_BATCH):
                await self._delete_batch(bucket, places[start : start + _DELETE_BATCH])

    async def make_folder(self, folder: Location) -> None:
        """Leave an empty object whose key ends with a slash, as S3's own console does."""
        with _translated(folder):
            await self._client.put_object(Bucket=folder.authority, Key=_folder_key(folder), Body=b"")

    async def delete_folder(self, folder: Location) -> None:
        """Delete every key below, the folder's own marker included."""
        prefix = _at(folder, _folder_key(folder))
        with _translated(folder):
            async for page in self._pages(prefix):
                await self.delete([_at(folder, item["Key"]) for item in page.get("Contents", ())])

    async def _pages(self, prefix: Location, **more: str) -> AsyncIterator[dict[str, Any]]:
        paginator = self._client.get_paginator("list_objects_v2")
        async for page in paginator.paginate(Bucket=prefix.authority, Prefix=prefix.path, **more):
            yield page

    async def _delete_batch(self, bucket: str, places: list[Location]) -> None:
        with _translated(places[0]):
            answer = await self._client.delete_objects(
                Bucket=bucket, Delete={"Objects": [{"Key": place.path} for place in places], "Quiet": True}
            )
        if failed := answer.get("Errors"):
            first = failed[0]
            raise StorageError(
                f"s3://{bucket}/{first.get('Key')}: not deleted ({first.get('Code')}), nor {len(failed) - 1} others"
            )


class _MultipartUpload:
    """Sends a part whenever one is full; an object smaller than a part goes with one PutObject."""

    def __init__(self, client: Any, location: Location, options: WriteOptions) -> None:
        self._client = client
        self._where = {"Bucket": location.authority, "Key": location.path}
        self._location = location
        self._options = options
        self._buffer = bytearray()
        self._upload: str | None = None
        self._parts: list[dict[str, Any]] = []

    async def write(self, data: bytes) -> None:
        self._buffer += data
        size = self._options.part_size
        while len(self._buffer) >= size:
            with memoryview(self._buffer) as view, view[:size] as first:
                part = first.tobytes()
            del self._buffer[:size]
            await self._send(part)

    async def finish(self) -> None:
        if self._upload is None:
            await self._client.put_object(**self._where, Body=bytes(self._buffer), **_headers(self._options))
            return
        if self._buffer:
            await self._send(bytes(self._buffer))
        await self._client.complete_multipart_upload(
            **self._where, UploadId=self._upload, MultipartUpload={"Parts": self._parts}
        )

    async def abandon(self) -> None:
        if self._upload is not None:
            with contextlib.suppress(BotoCoreError, ClientError, aiohttp.ClientError, OSError):
                await self._client.abort_multipart_upload(**self._where, UploadId=self._upload)

    async def _send(self, part: bytes) -> None:
        with _translated(self._location):
            if self._upload is None:
                answer = await self._client.create_multipart_upload(**self._where, **_headers(self._options))
                self._upload = answer["UploadId"]
            number = len(self._parts) + 1
            sent = await self._client.upload_part(**self._where, UploadId=self._upload, PartNumber=number, Body=part)
            self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})


class _SingleUpload:
    """Collects the object on disk, since PutObject must know its length, and sends it in one piece."""

    def __init__(self, client: Any, location: Location, options: WriteOptions) -> None:
        self._client = client
        self._where = {"Bucket": location.authority, "Key": location.path}
        self._options = options
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=options.part_size)  # noqa: SIM115 (finish and abandon close it)

    async def write(self, data: bytes) -> None:
        await asyncio.to_thread(self._file.write, data)

    async def finish(self) -> None:
        self._file.seek(0)
        await self._client.put_object(**self._where, Body=self._file, **_headers(self._options))
        self._file.close()

    async def abandon(self) -> None:
        self._file.close()


def _headers(options: WriteOptions) -> dict[str, str]:
    wanted: dict[str, str] = {}
    if options.encrypted:
        wanted["ServerSideEncryption"] = "AES256"
    if options.storage_class is not None:
        wanted["StorageClass"] = options.storage_class
    return wanted


def _entry(near: Location, item: dict[str, Any]) -> Entry:
    return Entry(
        location=_at(near, item["Key"]),
        size=item["Size"],
        modified=item["LastModified"].timestamp(),
        storage_class=item.get("StorageClass"),
    )


def _at(near: Location, key: str) -> Location:
    return Location(scheme=near.scheme, written_scheme=near.written_scheme, authority=near.authority, path=key)


def _folder_key(location: Location) -> str:
    key = location.path.rstrip("/")
    return f"{key}/" if key else ""


@contextlib.contextmanager
def _translated(location: Location) -> Iterator[None]:
    """Turn what the client raises into an error that names the location and S3's own code."""
    try:
        yield
    except ClientError as error:
        details = error.response.get("Error", {})
        code = details.get("Code", "unknown")
        kind = NotFoundError if code in _NOT_FOUND else StorageError
        raise kind(f"{location}: {details.get('Message') or 'refused'} ({code})") from error
    except (BotoCoreError, aiohttp.ClientError, TimeoutError, OSError) as error:
        raise StorageError(f"{location}: {error}") from error
