"""Keys belong where Kafka's default partitioner puts them."""

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.packed import Packed
from schemas.partitioning import home_partitions


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.binary(max_size=70), max_size=20), st.integers(1, 64))
def test_as_the_client_does(keys: list[bytes], partitions: int) -> None:
    every = list(range(partitions))
    choose = DefaultPartitioner()
    assert home_partitions(Packed.of(keys), partitions).tolist() == [choose(key, every, every) for key in keys]
