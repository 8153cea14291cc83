"""AWS sessions: whose credentials, where, and the clients made on them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from dataflow_runner import __version__
from dataflow_runner.errors import InputError
from dataflow_runner.fabrics.emr import api_model
from dataflow_runner.fabrics.emr.credentials import credential_resolver, no_credentials
from dataflow_runner.specs.model import ClusterConfig, Credentials, PlaybookConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long a call may take, in seconds."""

    connect: float = 10
    """Until there is a connection, TLS included."""
    read: float = 60
    """Between two pieces of the answer. A create that takes longer counts as unanswered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsIdentity:
    """Whose AWS account is used, and in which region."""

    region: str
    credentials: Credentials = field(default_factory=Credentials)
    assume_role_arn: str | None = None

    @classmethod
    def of_cluster(cls, config: ClusterConfig) -> AwsIdentity:
        """The identity that a cluster spec names."""
        emr = config.fabric
        return cls(region=emr.region, credentials=emr.credentials, assume_role_arn=emr.assume_role_arn)

    @classmethod
    def of_playbook(cls, playbook: PlaybookConfig) -> AwsIdentity:
        """The identity that a playbook names; raises InputError when it names no region."""
        if not playbook.region:
            raise InputError("the playbook names no region; add 'region', or give a cluster spec beside it")
        credentials = playbook.credentials or Credentials()
        return cls(region=playbook.region, credentials=credentials, assume_role_arn=playbook.assume_role_arn)


class AwsClient:
    """One service's client, called by the API's own names."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    async def call(self, operation: str, parameters: Mapping[str, object]) -> Mapping[str, Any]:
        """Make a call once; raises botocore's errors, which translate.py turns into this program's."""
        from botocore import xform_name

        answer: Mapping[str, Any] = await getattr(self._raw, xform_name(operation))(**parameters)
        return answer


class AwsSession:
    """One aiobotocore session and the clients on it, each made when it is first asked for and kept.

    The first client blocks the event loop for about a tenth of a second (it reads the endpoint tables), so whoever
    cares makes the clients at the start. AWS_PROFILE, AWS_ENDPOINT_URL and the rest of the SDK's environment count.
    """

    def __init__(self, identity: AwsIdentity, timeouts: Timeouts | None = None) -> None:
        self.identity = identity
        self._timeouts = timeouts or Timeouts()
        self._session: Any = None
        self._clients: dict[str, AwsClient] = {}
        self._open = AsyncExitStack()

    async def freshen(self) -> None:
        """Have credentials that are good for the next call, so that a create fails for them before it is sent.

        Raises InputError when there are none, and botocore's errors when a role or an endpoint doesn't give them.
        """
        credentials = await self._sdk().get_credentials()
        if credentials is None:
            raise InputError(no_credentials(self.identity.credentials))
        await credentials.get_frozen_credentials()

    async def reader(self, service: str) -> AwsClient:
        """A client for calls that may be repeated: EMR's by us, in step with the quotas, others by botocore."""
        attempts = 1 if service == "emr" else 4
        return await self._client(f"{service}/read", service, attempts=attempts, connector={})

    async def creator(self) -> AwsClient:
        """EMR's client for RunJobFlow and AddJobFlowSteps, which have no token that makes a repeat harmless.

        It never sends twice, and every call has a connection of its own: one taken from the pool may have been
        closed by the other side meanwhile, and that can't be told from a lost answer.
        """
        return await self._client(
            "emr/create", "emr", attempts=1, connector={"force_close": True, "keepalive_timeout": None}
        )

    async def close(self) -> None:
        """Close every client. Safe to call twice."""
        self._clients.clear()
        await self._open.aclose()

    async def _client(self, key: str, service: str, *, attempts: int, connector: dict[str, object]) -> AwsClient:
        if key not in self._clients:
            from aiobotocore.config import AioConfig

            config = AioConfig(
                connect_timeout=self._timeouts.connect,
                read_timeout=self._timeouts.read,
                retries={"total_max_attempts": attempts, "mode": "standard"},
                user_agent_extra=f"dataflow-runner/{__version__}",
                parameter_validation=service != "emr",  # ours went before, see request.py
                connector_args=connector,
            )
            made = self._sdk().create_client(service, region_name=self.identity.region, config=config)
            try:
                self._clients[key] = AwsClient(await self._open.enter_async_context(made))
            except ValueError as error:  # botocore's word for an endpoint that is no address
                raise InputError(f"{error}; AWS_ENDPOINT_URL has to begin with http:// or https://") from error
        return self._clients[key]

    def _sdk(self) -> Any:
        if self._session is None:
            self._session = self._make_session()
        return self._session

    def _make_session(self) -> Any:
        from aiobotocore.session import AioSession

        session = AioSession()
        session.register_component("data_loader", api_model.loader())
        resolver = credential_resolver(
            session,
            credentials=self.identity.credentials,
            region=self.identity.region,
            assume_role_arn=self.identity.assume_role_arn,
        )
        session.register_component("credential_provider", resolver)
        return session
