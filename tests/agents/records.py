"""Records and buffers for tests of the intake: no Kafka, no waiting; log times are given by hand."""

from collections.abc import Iterable, Mapping

from agents.buffers import Buffer
from agents.records import Records
from tests.pipeline.memory import Rec

ORDER, PAYMENT, WAYBILL = "order", "payment", "waybill"


def run(topic: str, first: int, times: Iterable[int], lane: int = 0) -> Records:
    """Records without content at offsets from `first` on, one a log time."""
    return Records.of([Rec(topic, lane, first + n, at, None, None) for n, at in enumerate(times)])


def buffer(times: Iterable[int] = (), lag: int = 0, first: int = 0, topic: str = ORDER) -> Buffer:
    """A buffer that holds records of these log times, with `lag` more on the broker."""
    made = Buffer.at(first)
    records = run(topic, first, times)
    made.add(records, len(records))
    made.end = made.position + lag
    return made


def offsets(records: Mapping[str, Records]) -> dict[str, list[int]]:
    """topic → offsets."""
    return {topic: [r.offset for r in of_topic] for topic, of_topic in records.items()}
