"""Faults that befall clusters and steps, laid over whatever else decides about them."""

from emr_emulator import reasons
from emr_emulator.faults import Fault, FaultBook, FaultKind
from emr_emulator.records import ClusterRecord, Director
from emr_emulator.states import ClusterState, ReasonCode, StepState
from emr_emulator.steps import Step
from emr_emulator.values import Death, Durations, Ending, Failure, Manner, Reason


class SaboteurDirector:
    """A director that lets faults strike first and leaves the rest to another."""

    def __init__(self, inner: Director, book: FaultBook, *, speed: float = 1.0) -> None:
        self._inner = inner
        self._book = book
        self._speed = speed

    def find_durations(self, cluster: ClusterRecord) -> Durations:
        """Leave it as it is."""
        return self._inner.find_durations(cluster)

    def find_boot_failure(self, cluster: ClusterRecord) -> Reason | None:
        """Let a bootstrap failure strike; a message of the fault's own is told word for word."""
        fault = self._strike(FaultKind.BOOTSTRAP_FAILURE, cluster)
        if fault is None:
            return self._inner.find_boot_failure(cluster)
        if fault.message is not None:
            return Reason(code=ReasonCode.BOOTSTRAP_FAILURE, message=fault.message)
        return reasons.bootstrap_failed(cluster.master_instance, 1)

    def plan_action(self, cluster: ClusterRecord, number: int) -> Ending | None:
        """Leave it as it is."""
        return self._inner.plan_action(cluster, number)

    def plan_step(self, cluster: ClusterRecord, step: Step) -> Ending | None:
        """Let a step fail, or be interrupted, in place of being run."""
        fault = self._book.strike(
            (FaultKind.STEP_FAILS, FaultKind.STEP_INTERRUPTED),
            lambda fault: _fits(fault, cluster) and fault.fits_step(step.request.name),
        )
        if fault is None:
            return self._inner.plan_step(cluster, step)
        fails = fault.do is FaultKind.STEP_FAILS
        return Ending(
            after=fault.after / self._speed,
            state=StepState.FAILED if fails else StepState.INTERRUPTED,
            failure=Failure(
                reason="Unknown Error." if fault.reason is None else fault.reason, message=fault.message or ""
            ),
        )

    def find_death(self, cluster: ClusterRecord, step: Step | None) -> Death | None:
        """Let a cluster die: from its creation on, or from the start of a step that the fault names."""
        fault = self._book.strike(
            (FaultKind.CLUSTER_DIES,),
            lambda fault: (
                _fits(fault, cluster)
                and (
                    fault.step is None
                    if step is None
                    else fault.step is not None and fault.fits_step(step.request.name)
                )
            ),
        )
        if fault is None:
            return self._inner.find_death(cluster, step)
        usual = Death()
        return Death(
            after=fault.after / self._speed,
            state=fault.state or ClusterState.TERMINATED_WITH_ERRORS,
            code=usual.code if fault.code is None else ReasonCode(fault.code),
            message=usual.message if fault.message is None else fault.message,
        )

    def find_manner(self, cluster: ClusterRecord) -> Manner:
        """Let the report of a cluster's end be late, empty or wrong."""
        late = self._strike(FaultKind.LATE_REASON, cluster)
        return Manner(
            plain=self._strike(FaultKind.TERMINATED_PLAIN, cluster) is not None,
            silent=self._strike(FaultKind.MISSING_REASON, cluster) is not None,
            reason_after=0.0 if late is None else late.seconds,
        )

    def _strike(self, kind: FaultKind, cluster: ClusterRecord) -> Fault | None:
        return self._book.strike((kind,), lambda fault: _fits(fault, cluster))


def _fits(fault: Fault, cluster: ClusterRecord) -> bool:
    return fault.fits_cluster(cluster.request.name, cluster.number)
