"""The reasons that EMR gives for a cluster's state, in its own words.

``Steps completed with errors`` comes with STEP_FAILURE and a plain TERMINATED: a cluster that worked through all its
steps has ended as it was meant to, whatever became of them.
"""

from emr_emulator.states import ReasonCode
from emr_emulator.values import Reason

PROVISIONING = Reason(message="Provisioning Amazon EC2 capacity")
BOOTSTRAPPING = Reason(message="Running bootstrap actions")
RUNNING_STEP = Reason(message="Running step")
READY_FOR_STEPS = Reason(message="Cluster ready to run steps.")
READY_AFTER_STEP = Reason(message="Cluster ready after last step completed.")
READY_AFTER_FAILURE = Reason(message="Cluster ready after last step failed.")
READY_AFTER_CANCEL = Reason(message="Cluster ready after last step cancelled.")
STEPS_COMPLETED = Reason(code=ReasonCode.ALL_STEPS_COMPLETED, message="Steps completed")
STEPS_COMPLETED_WITH_ERRORS = Reason(code=ReasonCode.STEP_FAILURE, message="Steps completed with errors")
STEP_FAILED = Reason(code=ReasonCode.STEP_FAILURE, message="Shut down as step failed")
BY_USER = Reason(code=ReasonCode.USER_REQUEST, message="Terminated by user request")
IDLE = Reason(code=ReasonCode.USER_REQUEST, message="Auto-terminated after the cluster was idle")


def bootstrap_failed(instance_id: str, number: int, message: str = "") -> Reason:
    """Return the reason of a bootstrap failure: what whoever ran the action says of it, else EMR's usual sentence."""
    usual = f"On the master instance ({instance_id}), bootstrap action {number} returned a non-zero return code"
    return Reason(code=ReasonCode.BOOTSTRAP_FAILURE, message=message or usual)
