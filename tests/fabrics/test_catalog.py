"""Opening fabrics, and what that costs."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from tests.fabrics import samples
from tests.fabrics.clocks import LeapingClock

from dataflow_runner.errors import InputError
from dataflow_runner.fabrics.catalog import open_fabric
from dataflow_runner.fabrics.emr.session import AwsIdentity
from dataflow_runner.kit.secret import Secret
from dataflow_runner.specs.model import Credentials


@dataclass(frozen=True)
class Abacus:
    """A fabric of the future."""

    beads: int = 10


async def test_a_cluster_spec_opens_the_fabric_that_it_names(clock: LeapingClock) -> None:
    fabric = await open_fabric(samples.config(region="us-west-2"), clock=clock)
    assert fabric.name == "emr:us-west-2"
    await fabric.close()


async def test_an_identity_opens_emr_for_a_cluster_that_is_named(clock: LeapingClock) -> None:
    static = Credentials(access_key_id="AKID", secret_access_key=Secret("hush-hush"))
    fabric = await open_fabric(AwsIdentity(region="eu-west-1", credentials=static), clock=clock)
    assert fabric.name == "emr:eu-west-1"
    await fabric.close()


async def test_no_credentials_are_an_input_error_before_anything_is_done(clock: LeapingClock) -> None:
    with pytest.raises(InputError, match="no AWS credentials were found"):
        await open_fabric(AwsIdentity(region="eu-west-1"), clock=clock)


async def test_previews_need_neither_credentials_nor_a_connection(clock: LeapingClock) -> None:
    fabric = await open_fabric(samples.config(credentials=Credentials()), clock=clock, connect=False)
    [call] = fabric.preview_launch(samples.smallest())
    assert (call.service, call.operation) == ("emr", "RunJobFlow")
    await fabric.close()


async def test_an_unknown_fabric_is_an_input_error(clock: LeapingClock) -> None:
    abacus: Any = Abacus()
    with pytest.raises(InputError, match="'Abacus' is not a fabric of this program; it has Emr"):
        await open_fabric(dataclasses.replace(samples.config(), fabric=abacus), clock=clock)


def test_the_catalog_imports_nothing_heavy() -> None:
    program = (
        "import sys; import dataflow_runner.fabrics.catalog, dataflow_runner.fabrics.emr.client;"
        "print(*{name.partition('.')[0] for name in sys.modules} & {'botocore', 'aiobotocore', 'aiohttp', 'fastavro'})"
    )
    path = {"PYTHONPATH": ":".join(sys.path)}
    answer = subprocess.run([sys.executable, "-c", program], env=path, check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == ""
