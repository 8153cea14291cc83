"""The AWS account and region that a command about clusters works in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from dataflow_runner.cli.context import Context
from dataflow_runner.cli.foreground import identity_of, warn
from dataflow_runner.cli.specs_in import expand_specs, read_specs
from dataflow_runner.errors import InputError
from dataflow_runner.fabrics.base import Fabric
from dataflow_runner.fabrics.catalog import open_fabric
from dataflow_runner.fabrics.emr.session import AwsIdentity
from dataflow_runner.kit.clock import SystemClock


@asynccontextmanager
async def open_account(
    context: Context, spec: str | None, region: str | None, variables: Mapping[str, str]
) -> AsyncIterator[Fabric]:
    """The fabric of a cluster spec's account, or of the SDK's own credentials in a region."""
    clock = SystemClock()
    fabric = await open_fabric(await _identity(context, spec, region, variables), clock=clock)
    try:
        yield fabric
    finally:
        await fabric.close()


async def _identity(
    context: Context, spec: str | None, region: str | None, variables: Mapping[str, str]
) -> AwsIdentity:
    if spec is None:
        if region is None:
            raise InputError("which region? Give --region, set AWS_REGION, or name a cluster spec with --emr-config")
        return AwsIdentity(region=region)
    cluster, _ = read_specs(spec, None)
    expanded = await expand_specs(cluster, None, variables, SystemClock().now())
    warn(context, expanded)
    return identity_of(expanded)
