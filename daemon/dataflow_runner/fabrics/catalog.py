"""The fabrics by name, each imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dataflow_runner.errors import InputError
from dataflow_runner.fabrics.base import Fabric
from dataflow_runner.fabrics.emr.quota import QuotaSettings
from dataflow_runner.fabrics.emr.session import AwsIdentity
from dataflow_runner.kit.clock import Clock
from dataflow_runner.specs.model import ClusterConfig, Emr


async def open_fabric(
    target: ClusterConfig | AwsIdentity,
    *,
    clock: Clock,
    quota: QuotaSettings | None = None,
    connect: bool = True,
) -> Fabric:
    """The fabric that a cluster spec names, or EMR for an identity; close() it after use.

    Connecting reads credentials and raises InputError when there are none, or Unavailable. Without it nothing is
    read and asked before the first call: enough for previews. Raises InputError for a fabric that isn't known.
    """
    if isinstance(target, ClusterConfig):
        identify = _IDENTITIES.get(type(target.fabric))
        if identify is None:
            known = ", ".join(sorted(kind.__name__ for kind in _IDENTITIES))
            raise InputError(f"{type(target.fabric).__name__!r} is not a fabric of this program; it has {known}")
        target = identify(target)
    return await _open_emr(target, clock=clock, quota=quota, connect=connect)


_IDENTITIES: Mapping[type, Callable[[ClusterConfig], AwsIdentity]] = {Emr: AwsIdentity.of_cluster}
"""By the branch of the spec's fabric union: whose fabric it is, and where."""


async def _open_emr(identity: AwsIdentity, *, clock: Clock, quota: QuotaSettings | None, connect: bool) -> Fabric:
    from dataflow_runner.fabrics.emr.client import EmrFabric
    from dataflow_runner.fabrics.emr.session import AwsSession

    fabric = EmrFabric(AwsSession(identity), clock=clock, quota=quota)
    if connect:
        try:
            await fabric.connect()
        except BaseException:
            await fabric.close()
            raise
    return fabric
