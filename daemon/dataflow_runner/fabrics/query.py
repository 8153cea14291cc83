"""Whether a cluster answers to a query. Pure; one rule for every fabric."""

from __future__ import annotations

from dataflow_runner.fabrics.base import ClusterQuery, ClusterView


def matches(view: ClusterView, query: ClusterQuery) -> bool:
    """Whether every condition of a query holds; a cluster without a creation time is never new enough."""
    return (
        query.name in (None, view.name)
        and view.state in query.states
        and (query.created_since is None or (view.created_at is not None and view.created_at >= query.created_since))
        and all(key in view.tags and value in ("", view.tags[key]) for key, value in query.tags.items())
    )
