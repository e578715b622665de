"""A rule that raises must not stop the stream: bisect to the one order number and hold that (SYS-02)."""

import logging

from agents.metrics import METRICS
from pipeline import flow
from pipeline.registry import Registry
from pipeline.sampling import Seeds

LOG = logging.getLogger("tidegate.quarantine")


def open_or_quarantine(
    gathered: flow.Gathered, law_on: flow.LawOn, registry: Registry, seeds: Seeds | None = None
) -> flow.Opened:
    """flow.open_batch; on any error halves the manifests until the guilty one stands alone."""
    try:
        return flow.open_batch(gathered, law_on, registry, quarantined=False, seeds=seeds)
    except Exception as e:  # a rule or a value nobody thought of; the type is logged, values are not
        count = len(gathered.manifests.heads)
        LOG.error("opening a batch failed", extra={"orders": count}, exc_info=e)
        METRICS.quarantine_bisections.inc()
        if count <= 1:
            METRICS.quarantined.inc()
            return flow.open_batch(gathered, law_on, registry, quarantined=True, seeds=seeds)
        return flow.merge([open_or_quarantine(half, law_on, registry, seeds) for half in gathered.halves()])
