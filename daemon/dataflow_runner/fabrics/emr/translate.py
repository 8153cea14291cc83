"""botocore's errors as this program's, by what the caller does next."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from dataflow_runner.errors import FabricError, NotSent, Refused, Unanswered, Unavailable


class Fate(StrEnum):
    """What is known about a call that gave no good answer."""

    NEVER_LEFT = "NEVER_LEFT"
    """No byte of the request reached the other side."""
    THROTTLED = "THROTTLED"
    """Answered: too many calls. EMR has answered so where a cluster was made."""
    FAILED_THERE = "FAILED_THERE"
    """Answered: an error on the other side, which may have come after the deed."""
    LOST = "LOST"
    """No answer, or half of one."""
    REFUSED = "REFUSED"
    """Answered: not like this, or not by you."""


THROTTLE_CODES = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "TooManyRequests",
        "SlowDown",
        "BandwidthLimitExceeded",
    }
)
_FAILURE_CODES = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Unavailable",
    }
)
_SIGNATURE_CODES = frozenset(
    {
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "RequestExpired",
        "RequestTimeTooSkewed",
    }
)
"""Their messages quote the signed headers, a session token among them: only the first sentence is repeated."""

_SET_UP_WRONG = frozenset(
    {
        "ConfigNotFound",
        "ConfigParseError",
        "InfiniteLoopConfigError",
        "InvalidConfigError",
        "InvalidRegionError",
        "LoginError",
        "LoginRefreshRequired",
        "LoginTokenLoadError",
        "NoCredentialsError",
        "NoRegionError",
        "ParamValidationError",
        "PartialCredentialsError",
        "ProfileNotFound",
        "RefreshWithMFAUnsupportedError",
        "SSOTokenLoadError",
        "TokenRetrievalError",
        "UnauthorizedSSOTokenError",
        "UnknownCredentialError",
    }
)
"""botocore's errors of this machine's set-up, by name: asking again won't mend them, and nothing was sent."""

_CLOCK = "check this machine's clock and the secret access key"
_RENEW = "renew the credentials (or log in again) and run once more"
_PERMIT = "give the credentials' role or user the permission that the message names"
_HINTS: Mapping[str, str] = {
    **dict.fromkeys(_SIGNATURE_CODES, _CLOCK),
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException"), _RENEW),
    **dict.fromkeys(
        ("UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "MissingAuthenticationToken"),
        "check the access key id and that it belongs to this partition and region",
    ),
    **dict.fromkeys(("AccessDenied", "AccessDeniedException", "403", "UnauthorizedOperation"), _PERMIT),
}


def translate_read(error: Exception, call: str, *, about: str = "") -> FabricError:
    """The error of a call that may be repeated: Unavailable or Refused. `about` names what the call was made for."""
    fate = fate_of(error, call)
    message, code = describe(error, call, about=about), code_of(error)
    if fate is Fate.REFUSED:
        return Refused(message, call=call, code=code)
    return Unavailable(message, call=call, code=code, throttled=fate is Fate.THROTTLED)


def translate_create(error: Exception, call: str) -> FabricError:
    """The error of a call that must not be repeated blindly: NotSent, Refused or Unanswered."""
    message, code = describe(error, call), code_of(error)
    match fate_of(error, call):
        case Fate.NEVER_LEFT:
            return NotSent(message, call=call, code=code)
        case Fate.REFUSED:
            return Refused(message, call=call, code=code)
        case Fate.THROTTLED | Fate.FAILED_THERE | Fate.LOST:
            return Unanswered(message, call=call, code=code)


def translate_before_create(error: Exception, call: str) -> FabricError:
    """The error of what a create needs first, credentials say: the create itself was never sent."""
    message, code = describe(error, call), code_of(error)
    if fate_of(error, call) is Fate.REFUSED:
        return Refused(message, call=call, code=code)
    return NotSent(message, call=call, code=code)


def fate_of(error: Exception, call: str) -> Fate:
    """What an error of botocore says about the call that raised it."""
    from botocore import exceptions as sdk

    if isinstance(error, sdk.ClientError):
        fate = _fate_of_answer(error)
        # Signing may call STS for a role first. Its refusal is ours; its other troubles kept our call from leaving.
        other = error.operation_name != call
        return Fate.NEVER_LEFT if other and fate is not Fate.REFUSED else fate
    if type(error).__name__ in _SET_UP_WRONG:
        return Fate.REFUSED
    if isinstance(error, sdk.CredentialRetrievalError | sdk.MetadataRetrievalError):
        return Fate.NEVER_LEFT
    if isinstance(error, sdk.ConnectTimeoutError | sdk.SSLError | sdk.ProxyConnectionError):
        return Fate.NEVER_LEFT
    if isinstance(error, sdk.EndpointConnectionError):
        # aiobotocore raises it for a refused connection and for one reset after the request was written alike.
        return Fate.NEVER_LEFT if _never_connected(error) else Fate.LOST
    return Fate.LOST


def code_of(error: Exception) -> str:
    """AWS's code for an error, empty where there was no answer."""
    return str(_answered(error).get("Code", ""))


def describe(error: Exception, call: str, *, about: str = "") -> str:
    """One line: the API, the code, what AWS said, what to do. Never a secret."""
    code = code_of(error)
    call = f"{call} of {about}" if about else call
    if not code:
        return f"{call}: {error}"
    text = str(_answered(error).get("Message") or "no message")
    if code in _SIGNATURE_CODES:
        text = text.partition(". ")[0].splitlines()[0]
    hint = _HINTS.get(code)
    return f"{call}: {code}: {text}" + (f" ({hint})" if hint else "")


def _answered(error: Exception) -> Mapping[str, Any]:
    answer = getattr(error, "response", None)
    found = answer.get("Error", {}) if isinstance(answer, dict) else {}
    return found if isinstance(found, dict) else {}


def _fate_of_answer(error: Any) -> Fate:
    code = code_of(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in THROTTLE_CODES or status == 429:
        return Fate.THROTTLED
    if code in _FAILURE_CODES or status >= 500 or status == 408:
        return Fate.FAILED_THERE
    return Fate.REFUSED if 400 <= status < 500 else Fate.LOST


def _never_connected(error: Any) -> bool:
    from aiohttp import ClientConnectorError

    cause = error.kwargs.get("error")
    # ClientConnectorError covers name resolution, refused connections and TLS; ClientOSError alone comes later.
    return isinstance(cause, ClientConnectorError)
