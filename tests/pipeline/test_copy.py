"""COPY streams: what is encoded in steps is what would be encoded at once."""

import polars as pl
import pytest

from sinks import copy


@pytest.mark.parametrize("rows", [0, 1, 2, 5, 6])
def test_a_stream_in_steps_is_the_stream_at_once(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pl.DataFrame(
        {"number": range(rows), "value": [b"v" * n for n in range(rows)], "text": [None if n % 2 else "t" for n in range(rows)]},
        schema={"number": pl.Int64, "value": pl.Binary, "text": pl.String},
    )
    monkeypatch.setattr(copy, "SLICE_ROWS", 100)
    at_once = list(copy.binary(frame))
    monkeypatch.setattr(copy, "SLICE_ROWS", 2)
    in_steps = list(copy.binary(frame))
    assert b"".join(in_steps) == b"".join(at_once)
    assert len(in_steps) == 2 + (rows + 1) // 2
