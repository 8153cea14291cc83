"""Errors as EMR answers them.

EMR has two generations of actions, and each has its own way to refuse: the older ones (RunJobFlow, AddJobFlowSteps,
TerminateJobFlows, the Set… family) answer ValidationException, which its service model doesn't even name; the newer
ones answer InvalidRequestException, with an ErrorCode inside. Both come with status 400.
"""

from typing import Any


class EmrError(Exception):
    """A refusal that goes to the client as it is."""

    def __init__(self, code: str, message: str, *, status: int = 400, error_code: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.error_code = error_code

    def body(self) -> dict[str, Any]:
        """Return the answer's body (AWS JSON 1.1)."""
        if self.error_code is not None:
            return {"__type": self.code, "ErrorCode": self.error_code, "Message": self.message}
        if self.code == "SerializationException":
            return {"__type": self.code, "Message": self.message}
        return {"__type": self.code, "message": self.message}


def refuse_value(message: str) -> EmrError:
    """Return the older actions' refusal."""
    return EmrError("ValidationException", message)


def refuse_request(message: str, error_code: str = "ValidationException") -> EmrError:
    """Return the newer actions' refusal."""
    return EmrError("InvalidRequestException", message, error_code=error_code)


def no_such_cluster(cluster_id: str) -> EmrError:
    """Return the newer actions' answer to a cluster id that doesn't exist."""
    return refuse_request(f"Cluster id '{cluster_id}' is not valid.", "NoSuchCluster")


def no_such_step(step_id: str) -> EmrError:
    """Return the answer to a step id that doesn't exist."""
    return refuse_request(f"Step id '{step_id}' is not valid.")


NO_SUCH_JOB_FLOW = "Specified job flow ID does not exist."
NOT_MODIFIABLE = "A job flow that is shutting down, terminated, or finished may not be modified."
THROTTLED = "Rate exceeded"
