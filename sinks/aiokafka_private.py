"""We hand aiokafka batches of our own (sinks/record_batches.py): refuse to start when it asks something else of a batch
than the aiokafka we know."""
# pyright: reportPrivateUsage=false

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder, MessageAccumulator, MessageBatch

from sinks.pinned import check_parts

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
    check_parts("aiokafka", AIOKAFKA, METHODS, UnknownAiokafka, installed)
