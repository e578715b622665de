"""A rule that raises must not stop the stream: bisect to the one order number and hold that (SYS-02)."""

import logging

from agents.metrics import METRICS
from pipeline import flow
from pipeline.attempts import Past
from pipeline.documents import Documents
from pipeline.personal import Pseudonyms
from pipeline.registry import Registry
from pipeline.sampling import Seeds

LOG = logging.getLogger("tidegate.quarantine")


def open_or_quarantine(
    documents: Documents, past: Past, law_on: flow.LawOn, registry: Registry, pseudonyms: Pseudonyms,
    seeds: Seeds | None = None,
) -> flow.Opened:  # fmt: skip
    """flow.open_batch; on any error halves the order numbers until the guilty one stands alone."""
    try:
        return flow.open_batch(documents, past, law_on, registry, pseudonyms, seeds=seeds)
    except Exception as e:  # a rule or a value nobody thought of; the type is logged, values are not
        hashes = documents.hashes().sort()
        LOG.error("opening a batch failed", extra={"orders": len(hashes)}, exc_info=e)
        METRICS.quarantine_bisections.inc()
        if len(hashes) <= 1:
            METRICS.quarantined.inc()
            return flow.open_batch(documents, past, law_on, registry, pseudonyms, quarantined=True, seeds=seeds)
        middle = len(hashes) // 2
        halves = (hashes[:middle], hashes[middle:])
        return flow.merge(
            [open_or_quarantine(documents.only(half), past.only(half), law_on, registry, pseudonyms, seeds) for half in halves]
        )
