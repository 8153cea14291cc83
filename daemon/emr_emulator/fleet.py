"""All clusters, and the order in which time reaches them.

A heap of due times makes the cost of time depend on what happens, not on how many clusters there are.
"""

import bisect
import heapq
from collections.abc import Iterator
from contextlib import contextmanager

from emr_emulator.cluster import Cluster
from emr_emulator.faults import FaultBook, FaultKind
from emr_emulator.ids import IdMaker
from emr_emulator.records import ClusterRecord, Director
from emr_emulator.values import ClusterRequest, Effect, StopAll


class Fleet:
    """The clusters of one emulator. What has changed is in ``changed`` until somebody has kept it."""

    def __init__(self, director: Director, ids: IdMaker, book: FaultBook, *, speed: float = 1.0) -> None:
        self._director = director
        self._ids = ids
        self._book = book
        self._speed = speed
        self._clusters: dict[str, Cluster] = {}
        self._sorted_ids: list[str] = []
        self._due: list[tuple[float, int, str]] = []
        self._scheduled: dict[str, float | None] = {}
        self._effects: list[Effect] = []
        self.changed: set[str] = set()

    def __iter__(self) -> Iterator[Cluster]:
        """Go through all clusters, oldest first."""
        return iter(self._clusters.values())

    def __len__(self) -> int:
        """Count all clusters."""
        return len(self._clusters)

    def find(self, cluster_id: str) -> Cluster | None:
        """Return a cluster by its id."""
        return self._clusters.get(cluster_id)

    def after(self, marker: str) -> Iterator[Cluster]:
        """Go through the clusters whose id comes after a marker.

        That order says nothing about their age: EMR promises none either, and a client that relies on one fails here.
        """
        for place in range(bisect.bisect_right(self._sorted_ids, marker), len(self._sorted_ids)):
            yield self._clusters[self._sorted_ids[place]]

    def launch(self, now: float, request: ClusterRequest, region: str) -> Cluster:
        """Begin a cluster with its steps; the caller has checked the request."""
        record = ClusterRecord(
            id=self._ids.make("j", self._clusters.__contains__),
            number=len(self._clusters) + 1,
            request=request,
            created=now,
            region=region,
            speed=self._speed,
        )
        late = self._book.strike(
            (FaultKind.EVENTUAL_LIST,), lambda fault: fault.fits_cluster(request.name, record.number)
        )
        record.visible_from = now if late is None else now + late.seconds
        cluster = Cluster.launch(record, self._director)
        self._take(cluster)
        with self.changing(now, cluster):
            cluster.add_steps(now, request.steps, lambda: self.make_step_id(cluster))
        return cluster

    def restore(self, now: float, record: ClusterRecord) -> Cluster:
        """Take a cluster back as it was kept; time has passed for it meanwhile, and its processes are gone."""
        cluster = Cluster(record, self._director)
        self._take(cluster)
        with self.changing(now, cluster):
            cluster.lose_processes(now)
        return cluster

    def make_step_id(self, cluster: Cluster) -> str:
        """Return a new step id."""
        return self._ids.make("s", lambda made: cluster.find_step(made) is not None)

    @contextmanager
    def changing(self, now: float, cluster: Cluster) -> Iterator[Cluster]:
        """Change one cluster; its schedule, effects and need to be kept follow."""
        cluster.advance(now)
        yield cluster
        cluster.advance(now)
        self._gather(cluster)

    def advance(self, now: float) -> None:
        """Pass everything that is due, instant by instant over all clusters, and the oldest cluster first.

        That order decides whom a fault with a count strikes.
        """
        while self._due and self._due[0][0] <= now:
            due, _, cluster_id = heapq.heappop(self._due)
            if self._scheduled.get(cluster_id) != due:
                continue
            self._scheduled[cluster_id] = None
            cluster = self._clusters[cluster_id]
            cluster.advance(due)
            self._gather(cluster)

    def next_due(self) -> float | None:
        """Return the next instant at which something happens by itself."""
        while self._due and self._scheduled.get(self._due[0][2]) != self._due[0][0]:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def take_effects(self) -> list[Effect]:
        """Return what has to happen outside, once."""
        effects, self._effects = self._effects, []
        return effects

    def meet_faults(self, now: float) -> None:
        """Let deaths among newly set faults befall the clusters that are alive already."""
        for cluster in list(self):
            if cluster.is_alive:
                with self.changing(now, cluster):
                    cluster.meet_death(now, self._director.find_death(cluster.record, None))

    def clear(self) -> list[Effect]:
        """Forget every cluster; returns the effects that end what still runs."""
        stops: list[Effect] = [StopAll(cluster_id=cluster_id) for cluster_id in self._clusters]
        for kept in (self._clusters, self._sorted_ids, self._due, self._scheduled, self._effects, self.changed):
            kept.clear()
        return stops

    def _take(self, cluster: Cluster) -> None:
        self._clusters[cluster.id] = cluster
        bisect.insort(self._sorted_ids, cluster.id)

    def _gather(self, cluster: Cluster) -> None:
        self._effects += cluster.effects
        cluster.effects.clear()
        self.changed.add(cluster.id)
        self._schedule(cluster)

    def _schedule(self, cluster: Cluster) -> None:
        due = cluster.next_due()
        if self._scheduled.get(cluster.id) == due:
            return
        self._scheduled[cluster.id] = due
        if due is not None:
            heapq.heappush(self._due, (due, cluster.record.number, cluster.id))
