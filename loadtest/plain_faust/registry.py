"""The registry: read from its topic when a worker starts, and from then on as it was."""

import io
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import fastavro
from aiokafka import AIOKafkaConsumer, TopicPartition

from loadtest.plain_faust.law import SHANGHAI, Good, content_units
from schemas.contracts import parsed, topic_name
from schemas.framing import FramingError, split

USUAL = ("active", "suspended", "revoked")
STATUSES: dict[str, tuple[str, ...]] = {"enterprise": USUAL, "relation": USUAL, "guarantee": USUAL, "stock": USUAL, "count": USUAL, "goods": (*USUAL, "recalled")}
PARTITION = 0  # all changes come in one order
UNKNOWN = ("", "general")
EMPTY: dict[str, Any] = {}
NAMES = {
    "enterprise": ("role", "code"), "goods": ("ebcCode", "itemNo"), "relation": ("ebpCode", "ebcCode"),
    "guarantee": ("guarantorCode", "instrumentNo"), "stock": ("accountBook", "bookItem"), "count": ("accountBook", "bookItem"),
}  # fmt: skip


@dataclass(slots=True)
class Registry:
    """`firms`: (role, code) → (status, class); `goods`: (ebcCode, itemNo) → item; `relations`: (ebpCode, ebcCode) → filing;
    `instruments`: guarantor → number → filing; `stock`: book item → filing; `differences`: what was counted of one less what had
    been entered, before anything was sold."""

    firms: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    goods: dict[tuple[str, str], Good] = field(default_factory=dict)
    relations: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    instruments: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    stock: dict[str, dict[str, Any]] = field(default_factory=dict)
    differences: dict[str, int] = field(default_factory=dict)
    _guaranteed: dict[tuple[str, str], int] = field(default_factory=dict)
    _revisions: dict[bytes, int] = field(default_factory=dict)

    def apply(self, key: bytes, value: bytes) -> None:
        """Take an event, unless it is damaged or not newer; a status that nobody knows makes it void."""
        event = _decoded(value)
        if event is None or event["revision"] <= self._revisions.get(key, -1):
            return
        part = next((p for p in NAMES if event[p] is not None), None)
        if part is None:
            return  # of no document: an inspection that failed
        entry = event[part]
        names = NAMES[part]
        of = (entry[names[0]], entry[names[1]])
        if key != f"{part}|{of[0]}|{of[1]}".encode() or entry["status"] not in STATUSES[part]:
            return
        self._revisions[key] = event["revision"]
        if part == "enterprise":
            self.firms[of] = (entry["status"], entry["class"])
        elif part == "relation":
            self.relations[of] = entry
        elif part == "guarantee":
            self.instruments.setdefault(of[0], {})[of[1]] = entry
        elif part == "stock":
            self.stock["-".join(of)] = entry
        elif part == "count":
            if entry["status"] == "active":
                self.differences["-".join(of)] = entry["countedE5"] - self.stock.get("-".join(of), {"enteredE5": 0})["enteredE5"]
        else:
            measure, size = content_units().get(entry["contentUnit"], ("", 0))
            self.goods[of] = Good(
                entry["hsCode"], entry["accountBookItem"], entry["unit"], entry["content"] * size, measure, entry["status"],
                entry["priceLowFen"], entry["priceHighFen"], entry["country"], entry["brand"],
            )  # fmt: skip

    def status(self, role: str, code: str) -> str:
        """Status of a firm; empty when it is not registered."""
        return self.firms.get((role, code), UNKNOWN)[0]

    def firm_class(self, role: str, code: str) -> str:
        """Class of a firm; general when it is not registered."""
        return self.firms.get((role, code), UNKNOWN)[1]

    def stocked(self, book_item: str, unit: str, accepted_ms: int) -> int | None:
        """What there was of an item in all, in 10⁻⁵ of the unit; None when nothing counts on the day in Shanghai."""
        day = datetime.fromtimestamp(accepted_ms / 1000, SHANGHAI).date().isoformat()
        filed = self.stock.get(book_item)
        if filed is None or filed["status"] != "active" or filed["unit"] != unit or not filed["validFrom"] <= day <= filed["validTo"]:
            return None
        return filed["enteredE5"] + self.differences.get(book_item, 0)

    def guaranteed(self, guarantor: str, accepted_ms: int) -> int:
        """Fen that its instruments valid on the day in Shanghai add up to."""
        day = datetime.fromtimestamp(accepted_ms / 1000, SHANGHAI).date().isoformat()
        if (known := self._guaranteed.get((guarantor, day))) is None:
            found = self.instruments.get(guarantor, EMPTY).values()
            valid = [x["amountFen"] for x in found if x["status"] == "active" and x["validFrom"] <= day <= x["validTo"]]
            known = self._guaranteed[guarantor, day] = sum(valid)
        return known

    def relation(self, ebp_code: str, ebc_code: str) -> dict[str, Any]:
        """What the two firms filed together; empty when nothing."""
        return self.relations.get((ebp_code, ebc_code), EMPTY)


def _decoded(value: bytes) -> dict[str, Any] | None:
    try:
        _, start = split("filing", value)
        record: Any = fastavro.schemaless_reader(io.BytesIO(value[start:]), parsed("filing-1"), None)
    except FramingError:
        return None
    except Exception:  # fastavro raises whatever the bytes lead it to
        return None
    return record


async def read_registry(kafka: str) -> Registry:
    """Everything that the topic holds now."""
    registry = Registry()
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        place = TopicPartition(topic_name("registry"), PARTITION)
        consumer.assign([place])
        end = (await consumer.end_offsets([place]))[place]
        while await consumer.position(place) < end:
            for record in (await consumer.getmany(place, timeout_ms=500)).get(place, []):
                registry.apply(record.key or b"", record.value or b"")
    finally:
        await consumer.stop()
    return registry
