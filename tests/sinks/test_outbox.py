"""What a batch publishes: one row a lane."""

import polars as pl

from schemas.packed import Packed
from sinks.batch import LaneState
from sinks.messages import unpack
from sinks.publish import Mail, outbox

AFTER = {lane: LaneState(lane, 1, seq, None, None, None) for lane, seq in ((3, 8), (1, 5))}


def test_a_lane_with_nothing_to_say_has_a_row_too() -> None:
    mail = Mail()
    heads = pl.DataFrame({"lane": [3, 3], "key": [b"a", b""]}, schema_overrides={"lane": pl.Int16})
    mail.add(heads, pl.lit(2, pl.UInt8).alias("topic"), Packed.of([b"one", b"two"]))
    found = outbox(mail, AFTER)
    assert found["lane"].to_list() == [1, 3] and found["batch_seq"].to_list() == [5, 8]
    assert found["message_count"].to_list() == [0, 2]
    nothing, messages = found["messages"].to_list()
    assert nothing == b"" and list(unpack(messages)) == [(2, b"a", b"one"), (2, b"", b"two")]


def test_no_lanes_no_rows() -> None:
    found = outbox(Mail(), {})
    assert len(found) == 0 and found.schema == outbox(Mail(), AFTER).schema
