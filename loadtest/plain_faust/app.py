"""The Faust app: one agent over the three document topics, five Tables, one send for each decision."""

import logging
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import faust

from loadtest.plain_faust.decide import KINDS, Place, decide, encode
from loadtest.plain_faust.ledgers import Ledgers
from loadtest.plain_faust.reading import Document, read
from loadtest.plain_faust.registry import Registry
from loadtest.plain_faust.settings import SETTINGS
from schemas.codec import DecodeError
from schemas.contracts import PARTITIONS, topic_name

OUTCOMES = {"RELEASE": "release", "HOLD": "hold", "REJECT": "reject"}
# Document, partition, offset, log time in ms; a list when it comes from a changelog.
Slot = tuple[Document, int, int, int]
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """What became of the records of this process; `decided` by outcome."""

    records: int = 0
    duplicates: int = 0
    undecodable: int = 0
    strays: int = 0
    failed: int = 0
    decided: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def build_app(kafka: str, group: str, datadir: Path, counts: Counts, registry: Registry) -> faust.App:
    """An app whose consumer group is `group`; `kafka`: bootstrap servers. Starts nothing."""
    brokers = ";".join(f"kafka://{server.strip()}" for server in kafka.split(","))
    app = faust.App(
        group,
        broker=brokers,
        datadir=str(datadir),
        autodiscover=False,
        web_enabled=False,
        worker_redirect_stdouts=False,
        **SETTINGS,
    )
    _join(app, counts, registry)
    return app


def _join(app: Any, counts: Counts, registry: Registry) -> None:
    """Tables, topics and the agent."""
    raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
    kinds = {topic_name(kind): kind for kind in KINDS}
    documents = app.topic(*kinds, **raw)
    outputs = {outcome: app.topic(topic_name(short), **raw) for outcome, short in OUTCOMES.items()}
    # Document key → what has come of it, by kind; {} once it is decided, so that later documents are known as late.
    orders = app.Table("orders", partitions=PARTITIONS, key_type=str)
    accounts = app.Table("accounts", partitions=PARTITIONS, key_type=str)
    weights = app.Table("weights", partitions=PARTITIONS, key_type=str)
    uses = app.Table("uses", partitions=PARTITIONS, key_type=str)
    frozen = app.Table("frozen", partitions=PARTITIONS, key_type=str)
    seen = app.Table("seen", partitions=PARTITIONS, key_type=str)
    stock = app.Table("stock", partitions=PARTITIONS, key_type=str)
    # A pseudonym that only has to be equal in all workers of a group: the persons of a load test are made up.
    ledgers = Ledgers(accounts, weights, uses, frozen, seen, blake2b(app.conf.id.encode(), digest_size=32).digest(), stock)

    async def take(event: Any) -> None:
        message = event.message
        kind = kinds[message.topic]
        document = read(kind, event.key, event.value)
        if not document["ebpCode"]:
            counts.strays += 1
            return
        key = event.key.decode()
        come: dict[str, Slot] | None = orders.get(key)
        if come is not None and (not come or kind in come):
            counts.duplicates += 1
            return
        come = {**(come or {}), kind: (document, message.partition, message.offset, round(message.timestamp * 1000))}
        if len(come) < len(KINDS):
            orders[key] = come
            return
        order, payment, waybill = (come[k] for k in KINDS)
        decision = decide(order[0], payment[0], waybill[0], max(order[3], payment[3], waybill[3]), ledgers, registry)
        places = [Place(name, come[k][1], come[k][2]) for name, k in kinds.items()]
        await outputs[decision.outcome].send(key=event.key, value=encode(decision, places), partition=message.partition)
        orders[key] = {}
        counts.decided[decision.outcome] += 1

    @app.agent(documents, name="documents")
    async def consume(stream: Any) -> None:
        async for event in stream.events():
            counts.records += 1
            try:
                await take(event)
            except DecodeError:
                counts.undecodable += 1
            except Exception:
                # One that left the loop would restart the agent, and the record would be lost without a trace.
                counts.failed += 1
                _log.exception("a record failed: %s offset %s", event.message.tp, event.message.offset)
