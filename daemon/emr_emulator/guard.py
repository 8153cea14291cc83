"""Who may talk to a server that runs what it is sent.

Loopback keeps other machines out, but not the browser on this one: a page anywhere may name 127.0.0.1, or a host name
of its own that resolves to it. So a foreign Host or Origin is refused. On any other address a token is asked for, which
an AWS client presents as its access key id, and anything else as the header ``X-Emr-Emulator-Token``.
"""

import hmac
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from emr_emulator.errors import EmrError

TOKEN_HEADER = "X-Emr-Emulator-Token"  # noqa: S105 (a header's name)
MAX_SKEW = 300.0

_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,128}")
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/(\d+)/([^/,\s]+)/([^/,\s]+)/aws4_request")
_OLD_SIGNATURE = re.compile(r"AWS ([^:\s]+):")
_BEARER = re.compile(r"Bearer (\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """What a request says about who sent it: access key id, and the region and service it was signed for."""

    access_key: str = ""
    region: str = ""
    service: str = ""


def find_caller(headers: Mapping[str, str], query: Mapping[str, str]) -> Caller:
    """Read a caller from a signature of version 4 or 2, in the header or in a presigned address."""
    authorization = headers.get("Authorization", "")
    scope = _CREDENTIAL.search(authorization) or _CREDENTIAL.search(f"Credential={query.get('X-Amz-Credential', '')}")
    if scope is not None:
        return Caller(access_key=scope[1], region=scope[3], service=scope[4])
    old = _OLD_SIGNATURE.match(authorization)
    return Caller(access_key=old[1] if old else query.get("AWSAccessKeyId", ""))


def is_loopback(address: str) -> bool:
    """Tell whether an address to listen on is reached from this machine alone."""
    if address.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def is_local_host(host: str) -> bool:
    """Tell whether a Host header names this machine (``*.localhost`` is how S3 addresses a bucket by host)."""
    name = re.sub(r":\d*\Z", "", host.lower())
    return name in {"127.0.0.1", "localhost", "[::1]"} or name.endswith(".localhost")


def check_token_form(token: str) -> None:
    """Raise ValueError for a token that no AWS client could send as its access key id."""
    if not _TOKEN.fullmatch(token):
        raise ValueError("a token has 8 to 128 characters of A-Z, a-z, 0-9, _ and -")


class Guard:
    """Refuses requests. ``token`` None: none is asked for. ``checks_host``: only names of this machine are served."""

    def __init__(self, *, token: str | None, checks_host: bool) -> None:
        self._token = None if token is None else token.encode()
        self._checks_host = checks_host

    def check(self, headers: Mapping[str, str], query: Mapping[str, str]) -> None:
        """Raise EmrError (403) for a request that isn't to be served."""
        host = headers.get("Host", "")
        if self._checks_host and not is_local_host(host):
            raise _deny(f"Host {host!r} is not served here; use 127.0.0.1, localhost or a name under .localhost.")
        origin = headers.get("Origin")
        is_foreign = origin is not None and origin.lower() != f"http://{host.lower()}"
        if is_foreign or headers.get("Sec-Fetch-Site") == "cross-site":
            raise _deny(f"Origin {origin!r} is not served here; pages of other sites may not use the emulator.")
        if self._token is not None and not self._is_presented(headers, query):
            message = (
                "The security token included in the request is invalid. This emr-emulator asks for its token:"
                f" give it as the access key id, or in the header {TOKEN_HEADER}."
            )
            raise EmrError("UnrecognizedClientException", message, status=403)

    def _is_presented(self, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        bearer = _BEARER.match(headers.get("Authorization", ""))
        offered = (headers.get(TOKEN_HEADER, ""), bearer[1] if bearer else "", find_caller(headers, query).access_key)
        token = self._token or b""
        return any(hmac.compare_digest(value.encode(errors="surrogateescape"), token) for value in offered)


def check_date(headers: Mapping[str, str], now: float) -> None:
    """Refuse what was signed more than five minutes ago, or ahead, as AWS does; an unsigned request has no date."""
    given = headers.get("X-Amz-Date")
    if given is None:
        return
    try:
        signed = datetime.strptime(given, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        message = f"Date must be in ISO-8601 'basic format'. Got '{given}'."
        raise EmrError("IncompleteSignatureException", message) from None
    present = _stamp(now)
    if now - signed.timestamp() > MAX_SKEW:
        limit = _stamp(now - MAX_SKEW)
        message = f"Signature expired: {given} is now earlier than {limit} ({present} - 5 min.)"
        raise EmrError("InvalidSignatureException", message)
    if signed.timestamp() - now > MAX_SKEW:
        limit = _stamp(now + MAX_SKEW)
        message = f"Signature not yet current: {given} is still later than {limit} ({present} + 5 min.)"
        raise EmrError("InvalidSignatureException", message)


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")


def _deny(message: str) -> EmrError:
    return EmrError("AccessDeniedException", message, status=403)
