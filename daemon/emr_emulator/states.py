"""EMR's own states and reasons, with the sets that the rules speak of.

The names and their meaning are those of the EMR API (version 2009-03-31).
"""

from enum import StrEnum


class ClusterState(StrEnum):
    """Where a cluster is in its life."""

    STARTING = "STARTING"  # instances are being provisioned
    BOOTSTRAPPING = "BOOTSTRAPPING"  # bootstrap actions run, applications are installed
    RUNNING = "RUNNING"  # at least one step runs
    WAITING = "WAITING"  # ready, with nothing to do
    TERMINATING = "TERMINATING"  # shutting down; no step can be added any more
    TERMINATED = "TERMINATED"  # ended as it was meant to, or by a user
    TERMINATED_WITH_ERRORS = "TERMINATED_WITH_ERRORS"  # ended by a failure


class StepState(StrEnum):
    """Where a step is in its life."""

    PENDING = "PENDING"  # waits for its turn
    CANCEL_PENDING = "CANCEL_PENDING"  # runs, and is asked to stop
    RUNNING = "RUNNING"  # its process runs
    COMPLETED = "COMPLETED"  # its process left with 0
    CANCELLED = "CANCELLED"  # called off, before or while it ran
    FAILED = "FAILED"  # its process left with another code, or couldn't start
    INTERRUPTED = "INTERRUPTED"  # its cluster was lost while it ran


class ReasonCode(StrEnum):
    """Why a cluster changed its state (ClusterStateChangeReasonCode)."""

    INTERNAL_ERROR = "INTERNAL_ERROR"  # EMR itself failed
    VALIDATION_ERROR = "VALIDATION_ERROR"  # the request turned out to be unusable after it was accepted
    INSTANCE_FAILURE = "INSTANCE_FAILURE"  # an instance was lost (spot reclaim, hardware)
    INSTANCE_FLEET_TIMEOUT = "INSTANCE_FLEET_TIMEOUT"  # a fleet's capacity did not come in time
    BOOTSTRAP_FAILURE = "BOOTSTRAP_FAILURE"  # a bootstrap action failed
    USER_REQUEST = "USER_REQUEST"  # TerminateJobFlows, or the idle time-out
    STEP_FAILURE = "STEP_FAILURE"  # a step failed
    ALL_STEPS_COMPLETED = "ALL_STEPS_COMPLETED"  # nothing left to do and keep-alive is off


class ActionOnFailure(StrEnum):
    """What a step's failure does to its cluster."""

    TERMINATE_JOB_FLOW = "TERMINATE_JOB_FLOW"  # the old name of TERMINATE_CLUSTER
    TERMINATE_CLUSTER = "TERMINATE_CLUSTER"  # the cluster ends
    CANCEL_AND_WAIT = "CANCEL_AND_WAIT"  # every pending step is cancelled, the cluster waits
    CONTINUE = "CONTINUE"  # the next step starts


READY = frozenset({ClusterState.RUNNING, ClusterState.WAITING})
ENDED = frozenset({ClusterState.TERMINATED, ClusterState.TERMINATED_WITH_ERRORS})
ENDING = ENDED | {ClusterState.TERMINATING}
ALIVE = frozenset(ClusterState) - ENDING

STEP_ACTIVE = frozenset({StepState.RUNNING, StepState.CANCEL_PENDING})
STEP_OPEN = STEP_ACTIVE | {StepState.PENDING}
STEP_UNSUCCESSFUL = frozenset({StepState.FAILED, StepState.INTERRUPTED})
TERMINATING_ACTIONS = frozenset({ActionOnFailure.TERMINATE_CLUSTER, ActionOnFailure.TERMINATE_JOB_FLOW})
