"""The only place of the live tests where clusters are made, and where they are ended again."""

from __future__ import annotations

import atexit
import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from tests.live.account import ENDED, FOLDER, IDLE, TAG, Account, Document, new_session, states, wait_until
from tests.live.settings import Settings

T = TypeVar("T")
Observe = Callable[[str, object], None]


class Workshop:
    """One session of the live tests in an account."""

    def __init__(self, settings: Settings, observe: Observe) -> None:
        self.settings = settings
        self.session = new_session()
        self.account = Account(region=settings.region, endpoint=settings.endpoint)
        self.observe = observe
        self._is_closed = False

    @property
    def prefix(self) -> str:
        """The keys of this session's objects begin with it."""
        return f"{FOLDER}/{self.session}/"

    @property
    def log_uri(self) -> str:
        """Where this session's clusters put their logs."""
        return f"s3://{self.settings.bucket}/{self.prefix}logs/"

    def request(self, name: str, *, keep_alive: bool = False, **more: Any) -> dict[str, Any]:
        """RunJobFlow's parameters for a cluster of one machine that bears our tag and ends by itself."""
        settings = self.settings
        group = {"InstanceRole": "MASTER", "InstanceType": settings.instance_type, "InstanceCount": 1}
        request: dict[str, Any] = {
            "Name": f"{FOLDER} {name}",
            "ReleaseLabel": settings.release,
            "Applications": [{"Name": "Hadoop"}],
            "ServiceRole": settings.service_role,
            "JobFlowRole": settings.jobflow_role,
            "LogUri": self.log_uri,
            "Instances": {
                "InstanceGroups": [group],
                "Ec2SubnetId": settings.subnet,
                "KeepJobFlowAliveWhenNoSteps": keep_alive,
                "TerminationProtected": False,
            },
            "Tags": [{"Key": TAG, "Value": self.session}],
        }
        if keep_alive:
            request["AutoTerminationPolicy"] = {"IdleTimeout": IDLE}
        elif "Steps" not in more:
            request["Steps"] = [{"Name": "nothing", "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["true"]}}]
        return request | more

    def launch(self, name: str, *, keep_alive: bool = False, **more: Any) -> str:
        """Make a cluster, and wait until EMR shows it, which can take a moment; its id."""
        request = self.request(name, keep_alive=keep_alive, **more)
        cluster_id = str(self.account.once.run_job_flow(**request)["JobFlowId"])
        began = time.monotonic()
        self.wait_until(lambda: self.account.shown(cluster_id), f"{cluster_id} to be shown")
        self.observe(f"{name!r} was shown after", f"{time.monotonic() - began:.1f} s")
        return cluster_id

    def ended(self, cluster_id: str) -> Document:
        """Wait for a cluster's end; what DescribeCluster says then."""
        self.wait_until(lambda: self.account.state(cluster_id) in ENDED or None, f"the end of {cluster_id}")
        return self.account.cluster(cluster_id)

    def step_states(self, cluster_id: str, *wanted: str) -> dict[str, str]:
        """Wait until each of a cluster's steps is in one of these states; the states by name."""

        def look() -> dict[str, str] | None:
            found = states(self.account.steps(cluster_id))
            return found if set(found.values()) <= set(wanted) else None

        return self.wait_until(look, f"the steps of {cluster_id}")

    def wait_until(self, look: Callable[[], T | None], what: str) -> T:
        """Wait for what AWS does, looking no more often than its quotas bear."""
        return wait_until(look, what, poll=self.settings.poll, patience=self.settings.patience)

    def close(self) -> None:
        """End every cluster of this session, by tag, and see that none is left; safe to call twice."""
        if self._is_closed:
            return
        self.wait_until(lambda: self.account.is_clear(self.session) or None, "the end of this session's clusters")
        self.account.delete_objects(self.settings.bucket, self.prefix)
        self._is_closed = True


@contextmanager
def open_workshop(settings: Settings, observe: Observe) -> Iterator[Workshop]:
    """A session whose clusters end with the block, with the process, with SIGTERM, or at last by themselves."""
    workshop = Workshop(settings, observe)

    def leave(*_: object) -> None:
        raise KeyboardInterrupt("SIGTERM")

    before = signal.signal(signal.SIGTERM, leave)
    atexit.register(workshop.close)
    try:
        yield workshop
    finally:
        try:
            workshop.close()
        except BaseException:
            # The one that may just be on its way to us, or a second Ctrl-C, stops the wait but not the ending.
            with contextlib.suppress(Exception):
                workshop.account.end_all(workshop.session)
            raise
        finally:
            signal.signal(signal.SIGTERM, before)
        atexit.unregister(workshop.close)
