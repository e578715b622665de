"""Records and buffers for tests of the intake: no Kafka, no waiting; log times are given by hand."""

from collections.abc import Iterable, Mapping

from agents.buffers import Buffer
from tests.pipeline.memory import Rec

ORDER, PAYMENT, WAYBILL = "order", "payment", "waybill"


def rec(topic: str, offset: int, at: int, lane: int = 0) -> Rec:
    """A record without content."""
    return Rec(topic, lane, offset, at, None, None)


def run(topic: str, first: int, times: Iterable[int], lane: int = 0) -> list[Rec]:
    """Records at offsets from `first` on, one a log time."""
    return [rec(topic, first + n, at, lane) for n, at in enumerate(times)]


def buffer(times: Iterable[int] = (), lag: int = 0, first: int = 0, topic: str = ORDER) -> Buffer:
    """A buffer that holds records of these log times, with `lag` more on the broker."""
    made = Buffer.at(first)
    if records := run(topic, first, times):
        made.add(records, len(records))
    made.end = made.position + lag
    return made


def offsets(records: Mapping[str, Iterable[Rec]]) -> dict[str, list[int]]:
    """topic → offsets."""
    return {topic: [r.offset for r in of_topic] for topic, of_topic in records.items()}
