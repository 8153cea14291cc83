"""An S3 on this machine for the tests of the emulator's tools, and short ways to fill and read it."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from emr_emulator.storage import Storage, parse_location, read_all
from emr_emulator.storage_s3 import open_client


@contextmanager
def s3_server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def make_bucket(endpoint: str, name: str) -> None:
    request = urllib.request.Request(f"{endpoint}/{name}", method="PUT")
    urllib.request.urlopen(request, timeout=10).close()


async def put(storage: Storage, files: Mapping[str, bytes]) -> None:
    for text, content in files.items():
        place = parse_location(text)
        async with (await storage.at(place)).write(place) as writer:
            await writer.write(content)


async def get(storage: Storage, text: str) -> bytes:
    return await read_all(storage, parse_location(text))


async def head(endpoint: str, text: str) -> dict[str, Any]:
    """Give what S3 says of an object."""
    place = parse_location(text)
    async with open_client(endpoint=endpoint, region="us-east-1", access_key="tester") as client:
        answer: dict[str, Any] = await client.head_object(Bucket=place.authority, Key=place.path)
        return answer


async def tree(storage: Storage, text: str) -> dict[str, bytes]:
    """Read all files below a place: path below it to content."""
    folder = parse_location(text)
    found: dict[str, bytes] = {}
    async for entry in (await storage.at(folder)).files(folder.child("")):
        relative = entry.location.relative_to(folder)
        assert relative is not None
        found[relative] = await read_all(storage, entry.location)
    return found
