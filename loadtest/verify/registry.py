"""The registry as its topic and the versions in the tables say, and whether they agree (docs/decisions.md section 9)."""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from operator import attrgetter, itemgetter, le
from typing import Any, NamedTuple, TypeVar

import fastavro

from loadtest.verify import law
from loadtest.verify.changes import changes, newer
from loadtest.verify.documents import Document, NoDocument, framed, payload, read_usual
from loadtest.verify.evidence import Evidence, Record, RegistryEntryRow, Tables
from loadtest.verify.proof import Report
from loadtest.verify.rule_sets import NOTHING_RULED, RuleSets
from schemas.contracts import REGISTRY_PARTITION, avro, newest

ROLES = {"platform", "ecommerce", "payment", "carrier", "declarant", "warehouse", "guarantor"}
CLASSES = {"aeo", "general", "dishonest"}
STATUSES = {"active", "suspended", "revoked"}
PARTS = {
    "enterprise": ("role", "code"), "goods": ("ebcCode", "itemNo"), "relation": ("ebpCode", "ebcCode"),
    "guarantee": ("guarantorCode", "instrumentNo"), "inspection": ("decisionId", "itemNo"),
    "stock": ("accountBook", "bookItem"), "count": ("accountBook", "bookItem"),
}  # fmt: skip
INSTRUMENTS = {"cash", "letter", "insurance"}
LONGEST = {
    "code": 18, "ebcCode": 18, "ebpCode": 18, "guarantorCode": 18, "instrumentNo": 60, "itemNo": 30, "name": 100, "itemName": 250, "accountBookItem": 30,
    "orderNo": 200, "accountBook": 20, "bookItem": 9, "warehouseCode": 18,
}  # fmt: skip
MOST_CONTENT = 10**9
HS_CODE = re.compile("[0-9]{10}")
EPOCH = date(1970, 1, 1)
NOT_FILED: Mapping[str, Any] = {}
T = TypeVar("T")


class Event(NamedTuple):
    """One thing an event says: of `part` (one of PARTS) the fields in `content`."""

    part: str
    revision: int
    content: Document
    key: str


class Registry:
    """What held at each version. `rules`: the rule sets, which have the same versions."""

    def __init__(self, records: Mapping[int, Record], entries: list[RegistryEntryRow], rules: RuleSets = NOTHING_RULED) -> None:
        self.rules = rules
        self._values = {offset: record.value or b"" for offset, record in records.items()}
        self._offsets: dict[str, list[tuple[int, int]]] = {}
        for row in sorted(entries):
            self._offsets.setdefault(row.key, []).append((row.version, row.kafka_offset))
        self._events = usual_events([*self._values.values()])
        self._contents: dict[int, Document] = {}
        self._once: dict[tuple[Callable[..., Any], tuple[Any, ...]], Any] = {}
        self._under: dict[tuple[str, str], list[list[str]]] = {}
        for key in sorted(self._offsets):
            part, first, _ = key.split("|")
            if part in ("guarantee", "inspection"):
                self._under.setdefault((part, first), []).append(key.split("|"))
        self._stock = {key[6:].replace("|", "-"): taken for key, taken in self._offsets.items() if key.startswith("stock|")}
        self._counts = sorted((offset, version) for key, taken in self._offsets.items() if key.startswith("count|") for version, offset in taken)

    def entry(self, version: int, *key: str) -> Mapping[str, Any]:
        """The fields of an entry as it stood at a version; none when it was not filed then."""
        return self.at(version, "|".join(key))

    def at(self, version: int, key: str) -> Mapping[str, Any]:
        """`entry` by the whole key."""
        return self._standing(version, self._offsets.get(key, ()))

    def stock(self, version: int, book_item: str) -> Mapping[str, Any]:
        """The entry of an item of an account book by its name, which is that of the book, '-' and its number."""
        return self._standing(version, self._stock.get(book_item, ()))

    def _standing(self, version: int, taken: Sequence[tuple[int, int]]) -> Mapping[str, Any]:
        """`taken`: version and offset of each event of an entry."""
        for since, offset in reversed(taken):
            if since <= version:
                return self._contents.get(offset) or self._content(offset)
        return NOT_FILED

    @property
    def has_inspections(self) -> bool:
        """Whether any inspection has failed, at any version."""
        return any(part == "inspection" for part, _ in self._under)

    def keys(self, part: str, first: str) -> list[list[str]]:
        """The keys of a part (of guarantees and inspections alone) that begin so, at any version."""
        return self._under.get((part, first), [])

    def counts(self) -> Iterator[tuple[int, int, Mapping[str, Any]]]:
        """Offset, version and fields of every stock-take that was filed."""
        for offset, version in self._counts:
            yield offset, version, self._content(offset)

    def status(self, version: int, *key: str) -> str:
        """Its status; empty when it was not filed."""
        return self.entry(version, *key).get("status", "")

    def once(self, what: Callable[..., T], *of: Any) -> T:
        """What a function says of this registry, computed once: most manifests ask the same of it. Nobody may change it."""
        if (found := self._once.get((what, of))) is None:
            found = self._once[what, of] = what(self, *of)
        return found

    def read(self, record: Record, partition: int) -> Event:
        """The event of a record of its topic; NoDocument with its code."""
        if partition != REGISTRY_PARTITION:
            raise NoDocument("DL-05")
        event = self._event(record.value or b"")
        if record.key != event.key.encode():
            raise NoDocument("DL-04")
        if not _fits(event):
            raise NoDocument("DL-05")
        return event

    def _content(self, offset: int) -> Document:
        content = self._contents[offset] = self._event(self._values[offset]).content
        return content

    def _event(self, value: bytes) -> Event:
        if (event := self._events.get(value)) is None:
            event = self._events[value] = decode(value)
        return event


def registry_of(filings: Mapping[tuple[int, int], Record], tables: Tables) -> Registry:
    """The registry of its topic's records and of the tables that say from which version on each holds."""
    records = {offset: record for (partition, offset), record in filings.items() if partition == REGISTRY_PARTITION}
    return Registry(records, tables.registry_entries, RuleSets(tables.rule_sets, tables.rule_events))


def usual_events(values: Sequence[bytes]) -> dict[bytes, Event]:
    """The events of those values in which nothing is unusual."""
    found = zip(values, read_usual("filing", values), strict=True)
    return {value: event for value, document in found if document is not None and (event := _event_of(document)) is not None}


def decode(value: bytes) -> Event:
    """The event of a framed value; NoDocument with DL-01, DL-02 or DL-05."""
    name, start = framed("filing", value)
    if (event := _event_of(payload(value, start, _parsed(name)))) is None:
        raise NoDocument("DL-05")
    return event


def _event_of(document: Document) -> Event | None:
    given = [part for part in PARTS if document[part] is not None]
    if len(given) != 1:
        return None
    (part,), content = given, document[given[0]]
    first, second = PARTS[part]
    return Event(part, document["revision"], content, f"{part}|{content[first]}|{content[second]}")


@lru_cache
def _parsed(name: str) -> Any:
    return fastavro.parse_schema(avro(name), named_schemas={})


def _fits(event: Event) -> bool:
    content, part = event.content, event.part
    status = content["status"] == "failed" if part == "inspection" else content["status"] in STATUSES
    if not (0 <= event.revision < 1 << 62 and (status or (part, content["status"]) == ("goods", "recalled"))):
        return False
    first, second = PARTS[part]
    if not (content[first] and content[second]) or event.key.count("|") != 2:
        return False
    of, longest = _texts_of(part)
    texts = of(content)
    return "\0" not in "".join(texts) and all(map(le, map(len, texts), longest)) and CHECKS[part](content)


@lru_cache
def _texts_of(part: str) -> tuple[Callable[[Document], tuple[str, ...]], list[int]]:
    """The texts of a part, and how long each may be."""
    (record,) = (f["type"][1] for f in avro(newest("filing"))["fields"] if f["name"] == part)
    names = [f["name"] for f in record["fields"] if f["type"] == "string"]
    return itemgetter(*names), [LONGEST.get(name, 100) for name in names]


def _enterprise_fits(content: Document) -> bool:
    return content["role"] in ROLES and content["class"] in CLASSES


def _goods_fit(content: Document) -> bool:
    unit, amount = content["contentUnit"], content["content"]
    units = law.load().units
    filed = amount > 0 and unit in units and amount * units[unit][1] <= MOST_CONTENT
    low, high = content["priceLowFen"], content["priceHighFen"]
    code = HS_CODE.fullmatch(content["hsCode"]) is not None and not content["hsCode"].startswith("98")
    return code and (filed or (amount == 0 and unit == "")) and 0 <= low <= high < 10**11


def _relation_fits(content: Document) -> bool:
    return bool(re.fullmatch(r"[0-9]{4}", content["customsCode"]) and content["guarantorCode"] and content["declarantCode"])


def _guarantee_fits(content: Document) -> bool:
    try:
        days = [date.fromisoformat(content[name]) for name in ("validFrom", "validTo")]
    except ValueError:
        return False
    written = [content["validFrom"], content["validTo"]] == [day.isoformat() for day in days]  # 20190101 is read as a date too
    fits = content["kind"] in INSTRUMENTS and 0 <= content["amountFen"] < 10**13 and 0 <= content["useOrder"] < 1000
    return fits and written and days[0] <= days[1]


def _inspection_fits(content: Document) -> bool:
    named = "|".join([content["ebpCode"], content["orderNo"], str(content["attempt"]), "1"])
    return 1 <= content["attempt"] < 1 << 15 and content["decisionId"] == hashlib.blake2b(named.encode(), digest_size=16).hexdigest()


def _stock_fits(content: Document) -> bool:
    numbered = re.fullmatch(r"[1-9][0-9]*", content["bookItem"]) is not None and content["unit"] != ""
    return numbered and 0 <= content["enteredE5"] <= 10**14 and _is_day(content["validFrom"]) and _is_day(content["validTo"]) and content["validFrom"] <= content["validTo"]


def _count_fits(content: Document) -> bool:
    numbered = re.fullmatch(r"[1-9][0-9]*", content["bookItem"]) is not None
    return numbered and 0 <= content["countedE5"] <= 10**14 and _is_day(content["countedOn"])


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text  # 20190101 is read as a date too
    except ValueError:
        return False


CHECKS: Mapping[str, Callable[[Document], bool]] = {
    "enterprise": _enterprise_fits, "goods": _goods_fit, "relation": _relation_fits, "guarantee": _guarantee_fits, "inspection": _inspection_fits,
    "stock": _stock_fits, "count": _count_fits,
}  # fmt: skip


def stocked(registry: Registry, version: int, book_item: str, day_number: int, unit: str) -> int | None:
    """What was entered in all of an item of an account book, at a version; None when nothing is valid that day in that unit."""
    entry = registry.stock(version, book_item)
    if entry and entry["status"] == "active" and entry["unit"] == unit and entry["validFrom"] <= _iso(day_number) <= entry["validTo"]:
        return entry["enteredE5"]
    return None


@lru_cache
def _iso(day_number: int) -> str:
    """A day counted from 1970-01-01 as the registry writes it: such dates compare as texts."""
    return (EPOCH + timedelta(days=day_number)).isoformat()


def guaranteed(registry: Registry, version: int, guarantor: str, day_number: int) -> int:
    """Fen that the instruments of a guarantor valid on a day add up to, at a version."""
    return registry.once(_guaranteed, version, guarantor, day_number)


def _guaranteed(registry: Registry, version: int, guarantor: str, day_number: int) -> int:
    day = _iso(day_number)
    total = 0
    for key in registry.keys("guarantee", guarantor):
        entry = registry.entry(version, *key)
        if entry.get("status") == "active" and entry["validFrom"] <= day <= entry["validTo"]:
            total += entry["amountFen"]
    return total


def check_registry(evidence: Evidence, registry: Registry, complete: bool, report: Report) -> None:
    """Every record of the topic made the registry it should, or is a dead letter; versions count up without holes."""
    rows, table = {row.kafka_offset: row for row in evidence.tables.registry_entries}, "registry_entry"
    revisions: dict[str, int] = {}
    for change in changes("registry", table, evidence.filings, rows, evidence, complete, report):
        report.counts["registry_events"] += 1
        if (event := newer(change, table, registry.read, attrgetter("key"), revisions, report)) is None:
            continue
        row, key = change.row, event.key
        revisions[key] = event.revision
        stands = (key, event.revision, change.record.value)
        report.same(change.place, "row of registry_entry", stands, (row.key, row.revision, row.value) if row else None)
        if change.letter:
            report.differs(change.place, "state", "an entry of the registry", f"a dead letter {change.letter.code} too")


def behind(registry: Registry, version: int, ebp: str, ebc: str) -> dict[str, Any]:
    """The columns that all orders of a firm on a platform have."""
    relation = registry.entry(version, "relation", ebp, ebc)
    found = {
        "platform_status": registry.status(version, "enterprise", "platform", ebp),
        "ecommerce_status": registry.status(version, "enterprise", "ecommerce", ebc),
        "relation_status": relation.get("status", ""),
        "customs_code": relation.get("customsCode", ""),
    }
    for role in ("guarantor", "declarant", "warehouse"):
        firm = relation.get(f"{role}Code", "")
        found[f"{role}_code"], found[f"{role}_status"] = firm, registry.status(version, "enterprise", role, firm)
    return found
