"""The Faust app: one agent over the document topics, which hands what was fetched to the intake and does nothing else."""

from collections.abc import Mapping
from typing import Any, Protocol

import faust
from faust.types import TP

from agents import faust_private, fetched_batches
from agents.intake import Intake, Place
from agents.transport import Fetched, LaneHooks, RecordsSchema
from schemas.contracts import PARTITIONS, topic_name
from schemas.endpoints import Endpoints
from sinks import aiokafka_private

INTAKE = ("order", "payment", "waybill", "clock", "registry", "rules")
SCHEMES = {"batch": "tidegate", "stock": "tidegate-stock"}  # transports registered in pyproject.toml


def intake_topics() -> list[str]:
    """Full names of the topics a lane reads."""
    return [topic_name(kind) for kind in INTAKE]


class Owner(LaneHooks, Protocol):
    """What the transport asks besides its hooks."""

    def durable(self) -> Mapping[Place, int]:
        """Committed positions, published for lag dashboards."""
        ...

    async def on_lost(self, places: Mapping[TP, int]) -> None:
        """These positions lie outside the log."""
        ...

    async def on_unreadable(self, places: Mapping[TP, str]) -> None:
        """Behind what was handed out of these comes a batch that cannot be unpacked, for this reason; told with each fetch of it."""
        ...


def build_app(endpoints: Endpoints, group: str, intake: Intake, owner: Owner, transport: str = "batch") -> faust.App:
    """An app that is started inside a running loop; the worker owns the process and its exit."""
    faust_private.check()
    aiokafka_private.check()
    fetched_batches.allow()
    app: Any = faust.App(
        group,
        broker=f"{SCHEMES[transport]}://{endpoints.kafka}",
        store="memory://",
        autodiscover=False,
        datadir="/tmp",
        consumer_auto_offset_reset="earliest",
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=PARTITIONS,
        web_enabled=False,
        broker_max_poll_records=8000,  # whole Kafka batches with the batch transport; fetch sizes bound their bytes
        broker_session_timeout=6.0,
        broker_heartbeat_interval=2.0,
        broker_rebalance_timeout=20.0,
        broker_check_crcs=True,
        consumer_max_fetch_size=512 << 10,  # of one partition: what was fetched stays whole until its last record is in a batch
        stream_buffer_maxsize=65536,  # Faust sleeps a second when it fills; our own bound is the intake's
        stream_wait_empty=False,
        table_standby_replicas=1,  # 0 would silently replace the co-partitioning assignor
        producer_request_timeout=30.0,
    )
    app.kafka_options = endpoints.kafka_options()
    app.intake = intake
    app.hooks = owner
    app.durable = owner.durable
    app.on_lost = owner.on_lost
    app.on_unreadable = owner.on_unreadable
    schema = faust.Schema(value_serializer="raw", key_serializer="raw", value_type=bytes, key_type=bytes)
    schema.__class__ = RecordsSchema
    channel = app.topic(*intake_topics(), schema=schema)

    @app.agent(channel, name="intake")
    async def agent(stream: Any) -> None:
        async for event in stream.events():
            await _take(intake, event.message)

    return app


async def _take(intake: Intake, message: Any) -> None:
    value: Fetched = message.value
    await intake.offer(
        (message.topic, message.partition), value.records, value.generation,
        start=value.start, position=value.position, end=value.end, size=value.size,
    )  # fmt: skip
