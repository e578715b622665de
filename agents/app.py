"""The Faust app: one agent over the document topics, which hands batches to the intake and does nothing else."""

from collections.abc import Callable
from typing import Any

import faust

from agents import faust_private
from agents.intake import Intake
from agents.transport import LaneHooks, RecordsSchema
from schemas.contracts import PARTITIONS, topic_name
from schemas.endpoints import Endpoints

INTAKE = ("order", "payment", "waybill", "clock")


def intake_topics() -> list[str]:
    """Full names of the topics a lane reads."""
    return [topic_name(kind) for kind in INTAKE]


def build_app(endpoints: Endpoints, group: str, intake: Intake, hooks: LaneHooks, highwater: Callable[..., int] | None = None) -> faust.App:
    """An app that is started inside a running loop; the worker owns the process and its exit."""
    faust_private.check()
    app: Any = faust.App(
        group,
        broker=f"tidegate://{endpoints.kafka}",
        store="memory://",
        autodiscover=False,
        datadir="/tmp",
        consumer_auto_offset_reset="earliest",
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=PARTITIONS,
        web_enabled=False,
        broker_max_poll_records=8000,
        broker_session_timeout=6.0,
        broker_heartbeat_interval=2.0,
        broker_rebalance_timeout=20.0,
        broker_check_crcs=True,
        consumer_max_fetch_size=1 << 20,
        stream_buffer_maxsize=65536,  # Faust sleeps a second when it fills; our own bound is the intake's
        stream_wait_empty=False,
        table_standby_replicas=1,  # 0 would silently replace the co-partitioning assignor
        producer_request_timeout=30.0,
    )
    app.lane_hooks = hooks
    schema = faust.Schema(value_serializer="raw", key_serializer="raw", value_type=bytes, key_type=bytes)
    schema.__class__ = RecordsSchema
    channel = app.topic(*intake_topics(), schema=schema)

    @app.agent(channel, name="intake")
    async def take(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            intake.offer((message.topic, message.partition), message.value, app.consumer.highwater(message.tp) or 0)

    return app
