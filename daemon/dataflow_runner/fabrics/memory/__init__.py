"""A fabric that lives in memory and runs on any clock: for tests and simulations of the real core.

Its clusters and steps go through EMR's states by EMR's rules; a Script says how long things take, what fails, and
which calls get lost. Its ledger tells what really happened, whatever the calls said.
"""

from dataflow_runner.fabrics.memory.fabric import MemoryFabric
from dataflow_runner.fabrics.memory.ledger import Deed, Ledger, Record
from dataflow_runner.fabrics.memory.script import (
    ClusterScript,
    Death,
    Script,
    StepScript,
    WireFault,
    WireTrouble,
    bootstrap_failure,
)
from dataflow_runner.fabrics.memory.world import World

__all__ = [
    "ClusterScript",
    "Death",
    "Deed",
    "Ledger",
    "MemoryFabric",
    "Record",
    "Script",
    "StepScript",
    "WireFault",
    "WireTrouble",
    "World",
    "bootstrap_failure",
]
