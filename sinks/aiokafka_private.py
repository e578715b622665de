"""We hand aiokafka batches of our own (sinks/record_batches.py): refuse to start when it asks something else of a batch
than the aiokafka we know."""

import inspect
from importlib.metadata import version

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder, MessageAccumulator, MessageBatch

AIOKAFKA = "0.14.0"
METHODS = {
    AIOKafkaProducer.send_batch: ["self", "batch", "topic", "partition"],
    MessageAccumulator.add_batch: ["self", "builder", "tp", "timeout"],
    MessageAccumulator._append_batch: ["self", "builder", "tp"],
    MessageBatch.__init__: ["self", "tp", "builder", "ttl", "linger_time"],
    MessageBatch.set_producer_state: ["self", "producer_id", "producer_epoch", "base_sequence"],
    MessageBatch.get_data_buffer: ["self"],
    BatchBuilder._set_producer_state: ["self", "producer_id", "producer_epoch", "base_sequence"],
    BatchBuilder._build: ["self"],
    BatchBuilder.record_count: ["self"],
    BatchBuilder.size: ["self"],
    BatchBuilder.close: ["self"],
    BatchBuilder.closed: ["self"],
}


class UnknownAiokafka(RuntimeError):
    """The installed aiokafka is not the one these batches were written for."""


def check(installed: str | None = None) -> None:
    """UnknownAiokafka with what differs."""
    found = installed or version("aiokafka")
    if found != AIOKAFKA:
        raise UnknownAiokafka(f"aiokafka {found} is installed; Tidegate needs exactly {AIOKAFKA}: `make venv`")
    for method, expected in METHODS.items():
        if (now := list(inspect.signature(method).parameters)) != expected:
            raise UnknownAiokafka(f"{method.__qualname__} takes {now}, expected {expected}")
