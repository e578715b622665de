"""Settings of the baseline's Faust app; why they are so: __init__.py. A run prints them beside its figures."""

from typing import Any

from schemas.contracts import PARTITIONS

SETTINGS: dict[str, Any] = {
    "store": "memory://",
    "cython_optimizations": True,
    "processing_guarantee": "at_least_once",
    "consumer_auto_offset_reset": "earliest",
    "topic_partitions": PARTITIONS,
    "topic_disable_leader": True,
    "topic_allow_declare": False,
    "table_standby_replicas": 0,
    "stream_buffer_maxsize": 65536,
    "broker_max_poll_records": 2000,
    "broker_commit_every": 20_000,
    "broker_commit_interval": 1.0,
    "broker_session_timeout": 15.0,
    "broker_rebalance_timeout": 30.0,
    "producer_acks": -1,
    "producer_linger": 0.01,
    "producer_max_batch_size": 1 << 18,
    "producer_request_timeout": 60.0,
}
