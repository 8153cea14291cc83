"""Rules for a cluster's machines: groups, fleets and volumes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal, InvalidOperation

from dataflow_runner.specs.findings import Problem, quoted
from dataflow_runner.specs.lint import common
from dataflow_runner.specs.lint.common import error, warning
from dataflow_runner.specs.model import Ebs, Fleet, Fleets, FleetType, Group, Groups, Market, Volume

_VOLUME_TYPES = ("gp2", "gp3", "io1", "io2", "st1", "sc1", "standard")
_NEED_IOPS = ("io1", "io2")
_MAX_TASK_GROUPS = 48
_MASTERS = (1, 3)
"""One primary node, or three for one that survives the loss of a machine."""
_MAX_TYPES = 30
_MAX_TYPES_WITHOUT_STRATEGY = 5
_SPOT_TIMEOUT = (timedelta(minutes=5), timedelta(minutes=1440))


def lint_instances(instances: Groups | Fleets, pointer: str) -> Iterator[Problem]:
    """Everything wrong with the machines; ``pointer`` names the union that holds them."""
    if isinstance(instances, Groups):
        yield from _groups(instances, f"{pointer}/groups")
    else:
        yield from _fleets(instances, f"{pointer}/fleets")


def _groups(groups: Groups, pointer: str) -> Iterator[Problem]:
    yield from _group(groups.master, f"{pointer}/master")
    if groups.master.count not in _MASTERS:
        message = f"a cluster has one primary node, or three, not {groups.master.count}"
        yield error(f"{pointer}/master/count", "out-of-range", message)
    if groups.core:
        yield from _group(groups.core, f"{pointer}/core")
    if len(groups.task) > _MAX_TASK_GROUPS:
        yield error(f"{pointer}/task", "too-many", f"{len(groups.task)} task groups; EMR takes {_MAX_TASK_GROUPS}")
    for at, group in enumerate(groups.task):
        yield from _group(group, f"{pointer}/task/{at}")


def _group(group: Group, pointer: str) -> Iterator[Problem]:
    yield from common.filled(f"{pointer}/type", group.type, what="the instance type")
    yield from common.at_least(f"{pointer}/count", group.count, 0, what="the number of machines")
    yield from _bid(group.bid, f"{pointer}/bid")
    if group.bid is not None and group.market is Market.ON_DEMAND:
        yield error(f"{pointer}/bid", "bid", 'a bid without \'"market": "SPOT"\' does nothing; add it, or drop the bid')
    yield from common.filled(f"{pointer}/customAmiId", group.custom_ami_id, what="the AMI")
    yield from _ebs(group.ebs, f"{pointer}/ebs")


def _bid(bid: str | None, pointer: str) -> Iterator[Problem]:
    if bid is None:
        return
    try:
        price = Decimal(bid)
        usable = price.is_finite() and price > 0
    except InvalidOperation:
        usable = False
    if not usable:
        yield error(pointer, "bid", f"expected a price in USD an hour such as '0.25', found {quoted(bid)}")


def _ebs(ebs: Ebs | None, pointer: str) -> Iterator[Problem]:
    for at, volume in enumerate(ebs.volumes if ebs else ()):
        yield from _volume(volume, f"{pointer}/volumes/{at}")


def _volume(volume: Volume, pointer: str) -> Iterator[Problem]:
    yield from common.filled(f"{pointer}/type", volume.type, what="the volume type")
    yield from common.at_least(f"{pointer}/sizeInGB", volume.size_in_gb, 1, what="the size")
    yield from common.at_least(f"{pointer}/count", volume.count, 1, what="the number of volumes")
    yield from common.at_least(f"{pointer}/iops", volume.iops, 1, what="iops")
    if volume.type and volume.type not in _VOLUME_TYPES:
        message = f"{quoted(volume.type)} is none of {', '.join(_VOLUME_TYPES)}; whether EMR knows it is unknown"
        yield warning(f"{pointer}/type", "volume", message)
    elif volume.type in _NEED_IOPS and volume.iops is None:
        yield error(f"{pointer}/iops", "volume", f"an {volume.type} volume needs iops")
    elif volume.type not in (*_NEED_IOPS, "gp3") and volume.iops is not None:
        yield error(f"{pointer}/iops", "volume", f"a {volume.type} volume takes no iops")
    if volume.throughput is not None and volume.type != "gp3":
        yield error(f"{pointer}/throughput", "volume", "only a gp3 volume takes a throughput")


def _fleets(fleets: Fleets, pointer: str) -> Iterator[Problem]:
    yield from _fleet(fleets.master, f"{pointer}/master")
    if fleets.master.on_demand + fleets.master.spot != 1:
        yield error(f"{pointer}/master", "fleet", 'the primary node\'s fleet has one unit: "onDemand": 1 or "spot": 1')
    for key, fleet in (("core", fleets.core), ("task", fleets.task)):
        if fleet is None:
            continue
        yield from _fleet(fleet, f"{pointer}/{key}")
        if fleet.on_demand + fleet.spot == 0:
            yield error(f"{pointer}/{key}", "fleet", 'it wants no unit: set "onDemand" or "spot", or leave it out')


def _fleet(fleet: Fleet, pointer: str) -> Iterator[Problem]:
    yield from common.at_least(f"{pointer}/onDemand", fleet.on_demand, 0, what="the number of units")
    yield from common.at_least(f"{pointer}/spot", fleet.spot, 0, what="the number of units")
    count = len(fleet.types)
    if not 1 <= count <= _MAX_TYPES:
        yield error(f"{pointer}/types", "fleet", f"a fleet has 1 to {_MAX_TYPES} instance types, not {count}")
    elif count > _MAX_TYPES_WITHOUT_STRATEGY and not (fleet.spot_strategy or fleet.on_demand_strategy):
        message = f"EMR takes more than {_MAX_TYPES_WITHOUT_STRATEGY} types only with an allocation strategy"
        yield warning(f"{pointer}/types", "fleet", message)
    for at, kind in enumerate(fleet.types):
        yield from _fleet_type(kind, f"{pointer}/types/{at}")
    least, most = _SPOT_TIMEOUT
    if not least <= fleet.spot_timeout <= most or fleet.spot_timeout % timedelta(minutes=1):
        yield error(f"{pointer}/spotTimeout", "out-of-range", "expected whole minutes, from 5m to 1440m")
    yield from common.filled(f"{pointer}/spotStrategy", fleet.spot_strategy, what="the strategy")
    yield from common.filled(f"{pointer}/onDemandStrategy", fleet.on_demand_strategy, what="the strategy")


def _fleet_type(kind: FleetType, pointer: str) -> Iterator[Problem]:
    yield from common.filled(f"{pointer}/type", kind.type, what="the instance type")
    yield from common.at_least(f"{pointer}/weight", kind.weight, 1, what="the weight")
    yield from _bid(kind.bid, f"{pointer}/bid")
    if kind.bid is not None and kind.bid_percent is not None:
        yield error(f"{pointer}/bidPercent", "bid", "bid and bidPercent exclude each other; keep one")
    if kind.bid_percent is not None and kind.bid_percent <= 0:
        yield error(f"{pointer}/bidPercent", "bid", "expected a percentage above 0, such as 100")
    yield from common.filled(f"{pointer}/customAmiId", kind.custom_ami_id, what="the AMI")
    yield from _ebs(kind.ebs, f"{pointer}/ebs")
