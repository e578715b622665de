"""What a batch takes of the registry topic: filings with a higher revision than what stands, in the order of offsets."""

from typing import Any

import pytest

from agents.buffers import LaneRecords
from agents.filings import read_filings, take
from agents.records import Records
from loadtest.generate.filings import filings
from schemas.contracts import topic_name
from schemas.filings import Filing, written
from tests.pipeline.memory import BASE_MS, Rec

REGISTRY = topic_name("registry")
FIRST = filings("small")[0]


class Filed:
    """A store where this entry stands at revision 3."""

    async def fetch(self, _name: str, keys: Any) -> list[dict[str, Any]]:
        return [{"key": key, "revision": 3} for key in keys if key == FIRST.key]


async def taken(*revisions: int, filing: Filing = FIRST, partition: int = 0) -> tuple[list[tuple[int, int]], list[str]]:
    """(offset, revision) of what changes the registry, and codes of what does not."""
    events = [Filing(filing.part, revision, filing.content) for revision in revisions]
    records = [Rec(REGISTRY, partition, n, BASE_MS, e.key.encode(), written(e)) for n, e in enumerate(events)]
    came = read_filings({partition: LaneRecords({REGISTRY: Records.of(records)}, {}, {}, BASE_MS)})
    found = await take(came, 8, Filed())  # type: ignore[arg-type]
    assert found.rows["version"].to_list() == [8] * len(found.rows)
    return found.rows.select("kafka_offset", "revision").rows(), [letter.code for letter in found.dead]


@pytest.mark.parametrize(("revision", "holds"), [(2, False), (3, False), (4, True)])
async def test_only_a_higher_revision_changes_an_entry(revision: int, holds: bool) -> None:
    assert await taken(revision) == (([(0, revision)], []) if holds else ([], ["DL-06"]))


async def test_within_a_batch_too() -> None:
    assert await taken(5, 4, 5, 6) == ([(0, 5), (3, 6)], ["DL-06", "DL-06"])


async def test_an_entry_that_is_new_begins_at_any_revision() -> None:
    assert await taken(0, filing=filings("small")[1]) == ([(0, 0)], [])


async def test_events_elsewhere_are_in_no_order() -> None:
    assert await taken(9, partition=1) == ([], ["DL-05"])
