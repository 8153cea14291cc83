"""Secrets by name, for the template function of that name."""

from __future__ import annotations

from dataflow_runner.errors import InputError, Refused
from dataflow_runner.fabrics.emr.session import AwsSession
from dataflow_runner.fabrics.emr.translate import translate_read
from dataflow_runner.kit.secret import Secret


class SecretsManagerSecrets:
    """AWS Secrets Manager. Which names may be asked for is the caller's policy."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    async def read_secret(self, name: str) -> Secret:
        """A secret's present text; raises InputError for one that isn't there or may not be read, else Unavailable.

        A secret that holds bytes is refused: there is no place for those in a text.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            await self._session.freshen()
            client = await self._session.reader("secretsmanager")
            answer = await client.call("GetSecretValue", {"SecretId": name})
        except (BotoCoreError, ClientError) as error:
            failure = translate_read(error, "GetSecretValue", about=repr(name))
            if isinstance(failure, Refused):
                raise InputError(f"the secret {name!r} can't be read: {failure}") from error
            raise failure from error
        if "SecretString" not in answer:
            raise InputError(f"the secret {name!r} holds bytes, not text; store it as text to use it in a template")
        return Secret(answer["SecretString"])

    async def close(self) -> None:
        """Let go of connections. Safe to call twice."""
        await self._session.close()
