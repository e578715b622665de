"""A real worker process that never fetches orders of one partition, and whose watchdogs have little patience."""

from faust.types import TP

from agents import worker
from agents.transport import ClaimingConsumer
from schemas.contracts import topic_name

PARTITION = 3
held = ClaimingConsumer.held


def held_and_one_more(consumer: ClaimingConsumer) -> set[TP]:
    return held(consumer) | {TP(topic_name("order"), PARTITION)}


if __name__ == "__main__":
    ClaimingConsumer.held = held_and_one_more  # type: ignore[method-assign]
    worker.STUCK_SECONDS = worker.MOVING_SECONDS = 4.0
    worker.main()
