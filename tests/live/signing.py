"""EMR requests signed by a clock that is wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session
from tests.live.account import Account


class _ShiftedAuth(SigV4Auth):  # type: ignore[misc]  # botocore ships no types
    """Signature version 4 by a clock that is `shift` off. The steps are botocore's own; only the instant is ours."""

    def __init__(self, client: Any, instant: datetime) -> None:
        credentials = client._request_signer._credentials.get_frozen_credentials()
        super().__init__(credentials, "elasticmapreduce", client.meta.region_name)
        self._instant = instant

    def add_auth(self, request: Any) -> None:
        request.context["timestamp"] = f"{self._instant:%Y%m%dT%H%M%SZ}"
        self._modify_request_before_signing(request)
        text = self.string_to_sign(request, self.canonical_request(request))
        self._inject_signature_to_request(request, self.signature(text, request))


def list_clusters(account: Account, *, shift: timedelta) -> tuple[int, str]:
    """Ask for the clusters with a date that is `shift` off AWS's; status, and code of the refusal if it is one."""
    client = account.once
    instant = _now_there(client) + shift
    headers = {"X-Amz-Target": "ElasticMapReduce.ListClusters", "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest(method="POST", url=client.meta.endpoint_url, data="{}", headers=headers)
    _ShiftedAuth(client, instant).add_auth(request)
    answer = URLLib3Session().send(request.prepare())
    code = str(json.loads(answer.content).get("__type", "")).rpartition("#")[2]
    return int(answer.status_code), code


def _now_there(client: Any) -> datetime:
    """AWS's time, so that this machine's clock may be wrong without harm to the test."""
    headers = client.list_clusters(ClusterStates=["STARTING"])["ResponseMetadata"]["HTTPHeaders"]
    return parsedate_to_datetime(headers["date"]).astimezone(UTC)
