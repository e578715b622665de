"""Every metric of a worker, declared once. Label sets are closed, or some guarantors of the registry; no label ever holds a
value of a document."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from prometheus_client import Counter, Gauge, Histogram


@dataclass(frozen=True)
class Metrics:
    """Counters end in _total, durations are in seconds, sizes in bytes."""

    manifests: Counter = field(default=Counter("tidegate_manifests_total", "Manifests decided", ["outcome"]))
    documents: Counter = field(default=Counter("tidegate_documents_total", "Documents taken in", ["kind"]))
    revisions: Counter = field(default=Counter("tidegate_revisions_total", "Manifests that were held and decided later", ["outcome"]))
    findings: Counter = field(default=Counter("tidegate_findings_total", "Findings made", ["code"]))
    fates: Counter = field(default=Counter("tidegate_document_fates_total", "Documents not used", ["fate"]))
    guarantee_events: Counter = field(default=Counter("tidegate_guarantee_events_total", "Events of guarantees exhausted or not valid", ["code"]))
    dead_letters: Counter = field(default=Counter("tidegate_dead_letters_total", "Dead letters", ["code"]))
    decoded_alone: Counter = field(default=Counter("tidegate_decoded_alone_total", "Records that a block is not for, decoded one by one"))
    quarantine_bisections: Counter = field(default=Counter("tidegate_quarantine_bisections_total", "Batches split because a rule raised"))
    quarantined: Counter = field(default=Counter("tidegate_quarantined_total", "Order numbers held because a rule raised"))
    batch_seconds: Histogram = field(default=Histogram("tidegate_batch_seconds", "One batch, from records to commit", buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)))
    batch_documents: Histogram = field(default=Histogram("tidegate_batch_documents", "Documents in a batch", buckets=(1, 10, 100, 500, 1000, 2500, 5000, 10000)))
    batch_repeats: Counter = field(default=Counter("tidegate_batch_repeats_total", "Batches repeated", ["reason"]))
    slow_path_batches: Counter = field(default=Counter("tidegate_slow_path_batches_total", "Batches whose claims were decided again under locks"))
    store_unavailable: Counter = field(default=Counter("tidegate_store_unavailable_total", "Waits for PostgreSQL"))
    latency_seconds: Histogram = field(default=Histogram("tidegate_decision_seconds", "Log time of the completing document to commit", buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60)))
    lag_records: Gauge = field(default=Gauge("tidegate_lag_records", "Records not yet consumed", ["topic"]))
    lag_seconds: Gauge = field(default=Gauge("tidegate_lag_seconds", "Age of the newest record taken in, while there is lag"))
    lanes: Gauge = field(default=Gauge("tidegate_lanes", "Lanes this worker owns"))
    buffered_records: Gauge = field(default=Gauge("tidegate_buffered_records", "Records fetched, not yet in a batch"))
    buffered_bytes: Gauge = field(default=Gauge("tidegate_buffered_bytes", "Bytes fetched, not yet in a batch"))
    paused_partitions: Gauge = field(default=Gauge("tidegate_paused_partitions", "Topic-partitions that are paused"))
    rebalances: Counter = field(default=Counter("tidegate_rebalances_total", "Assignments received"))
    relay_messages: Counter = field(default=Counter("tidegate_relay_messages_total", "Messages published"))
    relay_rounds: Counter = field(default=Counter("tidegate_relay_rounds_total", "Kafka transactions of the relay", ["result"]))
    relay_seconds: Histogram = field(default=Histogram("tidegate_relay_round_seconds", "One Kafka transaction", buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)))
    unpublished_batches: Gauge = field(default=Gauge("tidegate_unpublished_batches", "Committed batches not yet published"))
    registry_version: Gauge = field(default=Gauge("tidegate_registry_version", "Version of registry and rules that batches are decided by"))
    guarantee_free_share: Gauge = field(default=Gauge("tidegate_guarantee_free_share", "Free share of a guarantor's account, told by one worker; of the 50 least free", ["guarantor"]))
    shadow_failures: Counter = field(default=Counter("tidegate_shadow_failures_total", "Batches on which the rule set that is tried failed"))
    upkeep_failures: Counter = field(default=Counter("tidegate_upkeep_failures_total", "Times that partitions could not be made or dropped"))
    oldest_transaction_seconds: Gauge = field(default=Gauge("tidegate_oldest_transaction_seconds", "Age of the oldest transaction that PostgreSQL cannot vacuum behind"))
    ready: Gauge = field(default=Gauge("tidegate_ready", "1 when the worker owns lanes and its stores answer"))


METRICS = Metrics()


def observe_all(histogram: Any, values: Sequence[float]) -> None:
    """`observe` of each value, in one go: the client takes a lock and a Python loop for each."""
    places, counts = np.unique(np.searchsorted(histogram._upper_bounds, values), return_counts=True)
    for place, count in zip(places.tolist(), counts.tolist(), strict=True):
        histogram._buckets[place].inc(count)
    histogram._sum.inc(sum(values))
