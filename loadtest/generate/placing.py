"""Where Kafka puts a record by its key."""

from functools import lru_cache

from aiokafka.partitioner import murmur2

from schemas.contracts import PARTITIONS


@lru_cache(maxsize=16)
def partition_of(key: bytes) -> int:
    """Where Kafka's default partitioner puts a key."""
    return (murmur2(key) & 0x7FFFFFFF) % PARTITIONS
