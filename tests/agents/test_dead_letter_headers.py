"""A header of a record that is no document may have no value: that must not end whoever writes the dead letter."""

import json

from agents.poison import dead_letter_rows
from agents.reading import DeadLetter
from loadtest.verify.messages import DEAD_LETTER, decode
from schemas.contracts import topic_name
from tests.pipeline.memory import Rec


def test_a_header_without_a_value() -> None:
    record = Rec(topic_name("order"), 0, 7, 1, None, b"x", [("empty", None), ("full", b"\x01")])  # type: ignore[list-item]
    row = dead_letter_rows([DeadLetter(record, "DL-01", "why")]).row(0, named=True)  # type: ignore[arg-type]
    assert json.loads(row["headers"]) == [["empty", None], ["full", "01"]]
    message = decode(DEAD_LETTER, row["message"])
    assert message is not None
    assert message["headers"] == [{"name": "empty", "value": None}, {"name": "full", "value": b"\x01"}]
