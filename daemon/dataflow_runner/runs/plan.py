"""What a run is to do: a job's expanded specs and choices as one frozen value."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dataflow_runner.errors import InputError
from dataflow_runner.fabrics.base import LaunchRequest, StepRequest
from dataflow_runner.jobs.ids import ClusterId, RunId
from dataflow_runner.jobs.record import Job, JobKind, LockRequest
from dataflow_runner.runs import tags
from dataflow_runner.specs.model import (
    ActionOnFailure,
    ClusterConfig,
    FailureAction,
    LockKind,
    OnFailure,
    PlaybookConfig,
    Precondition,
    Step,
    WhenHeld,
)
from dataflow_runner.specs.release import parse_release

_IDLE_DEFAULT = timedelta(hours=6)
"""Idle time of a transient cluster: a long step that is no YARN application looks idle to EMR."""

_IDLE_LEAST = timedelta(hours=1)
"""The least idle time beside a retry's delay: an answer that was lost is looked for while the cluster idles."""

_IDLE_MOST = timedelta(days=7)
"""EMR's own limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a run waits, and for what. Tests set these small; users may set the first few."""

    poll: timedelta = timedelta(seconds=15)
    """Between two looks at a cluster."""
    backoff_cap: timedelta = timedelta(minutes=5)
    """The longest wait after calls that failed in a row."""
    second_look: timedelta = timedelta(seconds=60)
    """Between the first and the second look for a create that went unanswered."""
    create_settle: timedelta = timedelta(minutes=15)
    """How late an unanswered create may still show: EMR's limit for a late request."""
    unseen: timedelta = timedelta(minutes=15)
    """How long a cluster may be unknown to the API before it counts as lost from sight."""
    rechecks: tuple[timedelta, ...] = (timedelta(seconds=2), timedelta(seconds=5), timedelta(seconds=15))
    """Waits before a decision where the API lags behind the world."""
    cancel_grace: timedelta = timedelta(minutes=5)
    """How long a cancelled step may take to end."""
    natural_end: timedelta = timedelta(minutes=5)
    """How long a cluster that ends by itself may take before it is helped."""
    lock_poll: timedelta = timedelta(seconds=15)
    """Between two tries for a lock that is waited for."""
    log_deadline: timedelta = timedelta(minutes=7)
    """How long logs of failed steps are waited for: EMR ships them every five minutes, and when a cluster ends."""
    cluster_every: int = 8
    """Every so many looks at the steps, the cluster itself is looked at too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that decisions about a run rest on and that never changes while it runs."""

    run_id: RunId
    name: str
    kind: JobKind
    journal_id: str
    owner: str
    started_at: datetime
    """The job's instant: the run's time limit counts from here, whoever drives it."""
    cluster: ClusterConfig | None = None
    cluster_id: ClusterId | None = None
    steps: tuple[Step, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    preconditions: tuple[Precondition, ...] = ()
    locks: tuple[LockRequest, ...] = ()
    timeout: timedelta | None = None
    pending_timeout: timedelta = timedelta(hours=1)
    durable_intermediates: bool = False
    on_failure: OnFailure = field(default_factory=OnFailure)
    overlay: Mapping[str, object] = field(default_factory=dict)
    detach: bool = False
    share_cluster: bool = False
    log_failed_steps: bool = False
    patience: Patience = field(default_factory=Patience)

    @property
    def owns_cluster(self) -> bool:
        """Whether the run makes its cluster, and so answers for its end."""
        return self.kind is not JobKind.NAMED

    @property
    def keeps_on_failure(self) -> bool:
        """Whether a cluster of the run's own outlives a failure."""
        return self.on_failure.action is FailureAction.KEEP

    @property
    def steps_go_with_launch(self) -> bool:
        """Whether the steps are part of the launch: always, unless the playbook overlays the call that adds steps."""
        return self.kind is JobKind.TRANSIENT and not self.overlay

    @property
    def keep_alive(self) -> bool:
        """Whether the cluster outlives its steps until the runner ends it; otherwise EMR does, whoever is left."""
        has_retries = any(tries_of(step) > 1 for step in self.steps)
        return self.kind is JobKind.UP or has_retries or self.keeps_on_failure or not self.steps_go_with_launch

    @property
    def log_uri(self) -> str | None:
        """Where a cluster of the run's own puts its logs."""
        return self.cluster.fabric.log_uri if self.cluster else None


def tries_of(step: Step) -> int:
    """How often a step is tried at most."""
    return step.retry.max_attempts if step.retry else 1


def make_plan(
    job: Job,
    *,
    journal_id: str,
    owner: str,
    cluster: ClusterConfig | None,
    playbook: PlaybookConfig | None,
    patience: Patience,
) -> Plan:
    """Join a job with its expanded specs; InputError for what the two can't mean together."""
    playbook = playbook or PlaybookConfig(steps=())
    _refuse_contradictions(job, playbook)
    plan = Plan(
        run_id=job.run_id,
        name=job.name,
        kind=job.kind,
        journal_id=journal_id,
        owner=owner,
        started_at=job.instant,
        cluster=cluster,
        cluster_id=job.cluster_id,
        steps=playbook.steps,
        tags={tag.key: tag.value for tag in playbook.tags},
        preconditions=playbook.preconditions,
        locks=_locks(job, playbook),
        timeout=playbook.timeout,
        pending_timeout=playbook.pending_timeout,
        durable_intermediates=playbook.durable_intermediates,
        on_failure=playbook.on_failure,
        overlay=playbook.overlay,
        detach=job.detach,
        share_cluster=job.share_cluster,
        log_failed_steps=job.log_failed_steps,
        patience=patience,
    )
    if plan.detach and plan.kind is not JobKind.UP and (unmet := _needs_driver(plan)):
        raise InputError(f"--async leaves nobody behind for {unmet}: take that away, or run without --async")
    return plan


def _needs_driver(plan: Plan) -> str:
    """What a run asks for that somebody must be there to do; empty when EMR can do it all."""
    if any(tries_of(step) > 1 for step in plan.steps):
        return "a step's 'retry'"
    if plan.timeout or any(step.timeout for step in plan.steps):
        return "a 'timeout'"
    if plan.owns_cluster and plan.keeps_on_failure:
        return "'onFailure: KEEP'"
    if plan.owns_cluster and plan.overlay:
        return "the 'overlay', whose steps are added to a cluster that runs"
    return "--share-cluster, which sends one step at a time" if plan.share_cluster else ""


def _refuse_contradictions(job: Job, playbook: PlaybookConfig) -> None:
    if job.kind is JobKind.NAMED:
        enders = [step.name for step in playbook.steps if step.action_on_failure is ActionOnFailure.TERMINATE_CLUSTER]
        if enders:
            raise InputError(
                f"step {enders[0]!r} asks for TERMINATE_CLUSTER on a cluster that this run didn't make; "
                "use CANCEL_AND_WAIT, or let the run make its own cluster with --cluster-spec"
            )
    if job.detach and (playbook.lock or job.lock):
        raise InputError("a lock can't be held by a run that is left alone with --async: drop one of the two")


def _locks(job: Job, playbook: PlaybookConfig) -> tuple[LockRequest, ...]:
    """The locks of a run in the order in which they are taken: its own first, then the implied one on its cluster."""
    locks = [job.lock] if job.lock else []
    if playbook.lock:
        spec = playbook.lock
        hard, wait = spec.kind is LockKind.HARD, spec.when_held is WhenHeld.WAIT
        locks.append(LockRequest(name=spec.name, hard=hard, wait=wait))
    if job.kind is JobKind.NAMED and job.cluster_id and not job.share_cluster:
        locks.append(LockRequest(name=f"cluster:{job.cluster_id}", hard=False))
    return tuple(locks)


def launch_request(plan: Plan, attempt: int, indexes: tuple[int, ...]) -> LaunchRequest:
    """The cluster that the run asks for, with the steps that are still to be done."""
    config = plan.cluster
    if config is None:
        raise InputError("a cluster spec is needed to make a cluster")
    purpose = tags.UP if plan.kind is JobKind.UP else tags.TRANSIENT
    concurrency = config.fabric.step_concurrency
    own_tags = tags.launch_tags(
        journal=plan.journal_id, run_id=plan.run_id, attempt=attempt, purpose=purpose, owner=plan.owner
    )
    with_launch = indexes if plan.steps_go_with_launch else ()
    return LaunchRequest(
        config=config,
        steps=tuple(step_request(plan, index, concurrency) for index in with_launch),
        keep_alive=plan.keep_alive,
        auto_termination=_idle_time(plan, config),
        tags={**plan.tags, **own_tags},
    )


def _idle_time(plan: Plan, config: ClusterConfig) -> timedelta | None:
    """Idle time after which the fabric ends the cluster: a transient one has it where the release knows it."""
    if config.fabric.auto_termination or plan.kind is JobKind.UP:
        return config.fabric.auto_termination
    release = parse_release(config.fabric.release_label)
    if release is None or not release.has_auto_termination:
        return None
    longest = max((step.timeout for step in plan.steps if step.timeout), default=_IDLE_DEFAULT)
    pause = max((step.retry.delay for step in plan.steps if step.retry), default=timedelta(0))
    return min(max(longest, pause + _IDLE_LEAST), _IDLE_MOST)


def step_request(plan: Plan, index: int, concurrency: int) -> StepRequest:
    """A step as it is sent, with the failure action that leaves the rest of the decision to the runner."""
    step = plan.steps[index]
    return StepRequest(
        name=step.name,
        jar=step.jar,
        main_class=step.main_class,
        arguments=step.arguments,
        properties=step.properties,
        action_on_failure=_action(plan, step, concurrency),
        overlay=step.overlay,
    )


def _action(plan: Plan, step: Step, concurrency: int) -> ActionOnFailure:
    if concurrency > 1 or plan.share_cluster:
        return ActionOnFailure.CONTINUE
    runner_decides = tries_of(step) > 1 or plan.keeps_on_failure
    if runner_decides and step.action_on_failure is not ActionOnFailure.CONTINUE:
        return ActionOnFailure.CANCEL_AND_WAIT
    return step.action_on_failure


def relaunch_delay(plan: Plan, attempt: int) -> timedelta:
    """The wait before another cluster, drawn below the spec's limit: the same for everyone who resumes the run."""
    if plan.cluster is None:
        return timedelta(0)
    draw = hashlib.sha256(f"{plan.run_id}/{attempt}".encode()).digest()
    return plan.cluster.launch.backoff * (int.from_bytes(draw[:4], "big") / 2**32)
