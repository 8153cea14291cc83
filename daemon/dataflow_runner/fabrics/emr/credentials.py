"""The words of a spec's credentials, in terms of the SDK's own providers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dataflow_runner.errors import InputError
from dataflow_runner.specs.model import Credentials

_PROVIDERS: Mapping[str, frozenset[str]] = {
    "env": frozenset({"env"}),
    "iam": frozenset({"container-role", "iam-role"}),
}
"""Which of the SDK's credential providers a word stands for, by botocore's names."""

_WHERE_FROM: Mapping[str, str] = {
    "default": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or run where a role is attached",
    "env": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN, where they came with one)",
    "iam": "run on an instance or in a container that has a role, or write 'default' instead of 'iam'",
}


def credential_resolver(session: Any, *, credentials: Credentials, region: str, assume_role_arn: str | None) -> Any:
    """What an aiobotocore session is to ask for credentials, as its 'credential_provider' component.

    Raises InputError when the two fields are different words, or one of them is a word and the other isn't.
    """
    source = _source(session, credentials, region)
    return _AssumedRole(session, source, region=region, role_arn=assume_role_arn) if assume_role_arn else source


def no_credentials(credentials: Credentials) -> str:
    """The message for a word that led to nothing."""
    word = credentials.access_key_id
    return f"no AWS credentials were found ('{word}' in the spec's credentials); {_WHERE_FROM[word]}"


def _source(session: Any, credentials: Credentials, region: str) -> Any:
    from aiobotocore.credentials import create_credential_resolver

    word, secret = credentials.access_key_id, credentials.secret_access_key.reveal()
    if (word in _WHERE_FROM or secret in _WHERE_FROM) and word != secret:
        raise InputError(
            "credentials: accessKeyId and secretAccessKey must be the same word ('default', 'env' or 'iam'), "
            "or the two parts of a static key"
        )
    if word not in _WHERE_FROM:
        return _StaticKey(word, secret)
    chain = create_credential_resolver(session, region_name=region)
    if word in _PROVIDERS:
        chain.providers = [provider for provider in chain.providers if provider.METHOD in _PROVIDERS[word]]
    return chain


class _StaticKey:
    """A key that the spec holds itself."""

    def __init__(self, access_key_id: str, secret_access_key: str) -> None:
        self._key = (access_key_id, secret_access_key)

    async def load_credentials(self) -> Any:
        """The key, as aiobotocore's credentials."""
        from aiobotocore.credentials import AioCredentials

        return AioCredentials(*self._key, method="explicit")


class _AssumedRole:
    """A role assumed with the credentials of another source; aiobotocore renews it before it expires."""

    def __init__(self, session: Any, source: Any, *, region: str, role_arn: str) -> None:
        self._session = session
        self._source = source
        self._region = region
        self._role_arn = role_arn

    async def load_credentials(self) -> Any:
        """The role's credentials, had from STS when they are first needed; None when the source has none."""
        from aiobotocore.credentials import AioAssumeRoleCredentialFetcher, AioDeferredRefreshableCredentials

        source = await self._source.load_credentials()
        if source is None:
            return None
        fetcher = AioAssumeRoleCredentialFetcher(
            self._make_sts,
            source,
            self._role_arn,
            extra_args={"RoleSessionName": "dataflow-runner"},
        )
        return AioDeferredRefreshableCredentials(refresh_using=fetcher.fetch_credentials, method="assume-role")

    def _make_sts(self, service: str, **keys: str) -> Any:
        return self._session.create_client(service, region_name=self._region, **keys)
