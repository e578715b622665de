"""We lean on private parts of Faust: refuse to start when they are not the ones we know."""
# pyright: reportPrivateUsage=false

from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver

from sinks.pinned import check_parts

FAUST = "0.15.3"
METHODS = {
    Consumer.getmany: ["self", "timeout"],
    Consumer.perform_seek: ["self"],
    Consumer.commit: ["self", "topics", "start_new_transaction"],
    Consumer.ack: ["self", "message"],
    Consumer._get_active_partitions: ["self"],
    driver.Consumer._getmany: ["self", "active_partitions", "timeout"],
    driver.Consumer._to_message: ["self", "tp", "record"],
    driver.Consumer._new_consumer_thread: ["self"],
    driver.AIOKafkaConsumerThread._fetch_records: ["self", "consumer", "active_partitions", "timeout", "max_records"],
    driver.AIOKafkaConsumerThread._create_worker_consumer: ["self", "transport"],
}


class UnknownFaust(RuntimeError):
    """The installed Faust is not the one this transport was written for."""


def check(installed: str | None = None) -> None:
    """UnknownFaust with what differs."""
    check_parts("faust-streaming", FAUST, METHODS, UnknownFaust, installed)
