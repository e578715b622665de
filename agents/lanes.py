"""Lanes of an assignment: partition i of every document topic and of the clock topic belong to lane i."""

from collections.abc import Iterable

from faust.types import TP


class NotCoPartitioned(RuntimeError):
    """A partition of one topic was assigned without its siblings: documents of one order would be torn apart."""


def lanes_of(assigned: Iterable[TP], topics: Iterable[str]) -> set[int]:
    """Lanes of an assignment; NotCoPartitioned when a lane lacks one of `topics`."""
    by_topic: dict[str, set[int]] = {topic: set() for topic in topics}
    for tp in assigned:
        if tp.topic in by_topic:
            by_topic[tp.topic].add(tp.partition)
    lanes = set[int]().union(*by_topic.values())
    for topic, partitions in by_topic.items():
        if partitions != lanes:
            raise NotCoPartitioned(f"{topic} lacks partitions {sorted(lanes - partitions)} of the assignment")
    return lanes
