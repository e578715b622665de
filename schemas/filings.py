"""Events of the registry topic: what one says, and why it is refused. What comes of them: docs/decisions.md section 9."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from typing import Any, get_args

from pipeline.law import MEASURES
from pipeline.registry import Role
from schemas.codec import DecodeError, decode, encode
from schemas.law_check import MOST_CONTENT
from schemas.lawbook import load
from schemas.tariff_fill import CHAPTER

ROLES = get_args(Role)
CLASSES = ("aeo", "general", "dishonest")
STATUSES = ("active", "suspended", "revoked")
STATUSES_OF = {"goods": (*STATUSES, "recalled"), "inspection": ("failed",)}
PARTS = {
    "enterprise": "enterprises", "goods": "goods", "relation": "relations", "guarantee": "instruments", "inspection": "inspections",
    "stock": "stock", "count": "counts",
}  # fmt: skip
KEYED = {
    "enterprise": ("role", "code"), "goods": ("ebcCode", "itemNo"), "relation": ("ebpCode", "ebcCode"), "guarantee": ("guarantorCode", "instrumentNo"),
    "inspection": ("decisionId", "itemNo"), "stock": ("accountBook", "bookItem"), "count": ("accountBook", "bookItem"),
}  # fmt: skip
HS_CODE, CUSTOMS_CODE = re.compile(r"[0-9]{10}"), re.compile(r"[0-9]{4}")
LONGEST = {
    "code": 18, "ebcCode": 18, "ebpCode": 18, "guarantorCode": 18, "instrumentNo": 60, "itemNo": 30, "name": 100, "itemName": 250, "accountBookItem": 30,
    "orderNo": 200, "accountBook": 20, "bookItem": 9, "unit": 100, "warehouseCode": 18,
}  # fmt: skip
REVISIONS = range(2**62)
PRICES = range(10**11)  # CNY 10^9 in fen
INSTRUMENTS = ("cash", "letter", "insurance")
GUARANTEED = range(10**13)  # CNY 10^11 in fen
USE_ORDERS = range(1000)
ATTEMPTS = range(1, 2**15)
BOOK_ITEM = re.compile(r"[1-9][0-9]*")  # a book's lines are numbered
STOCK = range(10**14 + 1)  # 10^9 units in 10^-5


@dataclass(frozen=True, slots=True)
class Filing:
    """One entry of the registry as an event states it. `part`: which of PARTS; `content`: its fields."""

    part: str
    revision: int
    content: Mapping[str, Any]

    @property
    def key(self) -> str:
        """The record key: of all events about this entry, and of no others."""
        return "|".join([self.part, *(self.content[name] for name in KEYED[self.part])])

    @property
    def table(self) -> str:
        """The table of pipeline.registry it belongs to."""
        return PARTS[self.part]

    def row(self) -> tuple[Any, ...]:
        """It as a row of that table."""
        return _ROWS[self.part](self.content)


def written(filing: Filing) -> bytes:
    """The framed value of an event."""
    return encode("filing-1", {"revision": filing.revision, filing.part: dict(filing.content)})


def read(key: bytes | None, value: bytes) -> Filing:
    """The filing of a record; DecodeError with DL-01, DL-02, DL-04 (key) or DL-05 (content), and a reason without values."""
    filing = stored(value)
    if key != filing.key.encode():
        raise DecodeError("DL-04", "the record key is not the one of the entry")
    if why := next(_unfit(filing), None):
        raise DecodeError("DL-05", why)
    return filing


def stored(value: bytes) -> Filing:
    """The filing of a value that was read before; DecodeError when it does not say exactly one thing."""
    event = decode("filing", value)
    given = [part for part in PARTS if event[part] is not None]
    if len(given) != 1:
        raise DecodeError("DL-05", f"{len(given)} of {', '.join(PARTS)} are given, not exactly one")
    return Filing(given[0], event["revision"], event[given[0]])


def _unfit(filing: Filing) -> Iterator[str]:
    content = filing.content
    if filing.revision not in REVISIONS:
        yield "revision is out of range"
    statuses = STATUSES_OF.get(filing.part, STATUSES)
    if content["status"] not in statuses:
        yield f"status is not one of {', '.join(statuses)}"
    for name in KEYED[filing.part]:
        if not content[name] or "|" in content[name]:
            yield f"{name} is empty or holds a |"
    for name, text in content.items():
        if isinstance(text, str) and ("\0" in text or len(text) > LONGEST.get(name, 100)):
            yield f"{name} is too long, or holds U+0000"
    yield from _UNFIT[filing.part](content)


def _unfit_enterprise(content: Mapping[str, Any]) -> Iterator[str]:
    if content["role"] not in ROLES:
        yield f"role is not one of {', '.join(ROLES)}"
    if content["class"] not in CLASSES:
        yield f"class is not one of {', '.join(CLASSES)}"


def _unfit_goods(content: Mapping[str, Any]) -> Iterator[str]:
    if not HS_CODE.fullmatch(content["hsCode"]):
        yield "hsCode is not ten digits"
    elif content["hsCode"].startswith(CHAPTER):
        yield f"hsCode lies in chapter {CHAPTER}, which is kept for the fill"
    unit, amount = content["contentUnit"], content["content"]
    if bool(amount) != bool(unit) or amount < 0:
        yield "content and contentUnit belong together"
    elif unit and (unit not in _units() or amount * _units()[unit][1] > MOST_CONTENT):
        yield "contentUnit is unknown, or content out of range"
    low, high = content["priceLowFen"], content["priceHighFen"]
    if low not in PRICES or high not in PRICES or low > high:
        yield "priceLowFen to priceHighFen is no range"


def _unfit_relation(content: Mapping[str, Any]) -> Iterator[str]:
    if not CUSTOMS_CODE.fullmatch(content["customsCode"]):
        yield "customsCode is not four digits"
    for name in ("guarantorCode", "declarantCode"):
        if not content[name]:
            yield f"{name} is empty"


def _unfit_guarantee(content: Mapping[str, Any]) -> Iterator[str]:
    if content["kind"] not in INSTRUMENTS:
        yield f"kind is not one of {', '.join(INSTRUMENTS)}"
    if content["amountFen"] not in GUARANTEED or content["useOrder"] not in USE_ORDERS:
        yield "amountFen or useOrder is out of range"
    first, last = _day(content["validFrom"]), _day(content["validTo"])
    if first is None or last is None or last < first:
        yield "validFrom to validTo are no days, written as 2019-01-01, one not after the other"


def _unfit_inspection(content: Mapping[str, Any]) -> Iterator[str]:
    if content["attempt"] not in ATTEMPTS:
        yield "attempt is out of range"
    named = f"{content['ebpCode']}|{content['orderNo']}|{content['attempt']}|1"
    if content["decisionId"] != blake2b(named.encode(), digest_size=16).hexdigest():
        yield "decisionId is not that of ebpCode, orderNo and attempt"


def _unfit_stock(content: Mapping[str, Any]) -> Iterator[str]:
    yield from _unfit_count(content, "enteredE5")
    if not content["unit"]:
        yield "unit is empty"
    first, last = _day(content["validFrom"]), _day(content["validTo"])
    if first is None or last is None or last < first:
        yield "validFrom to validTo are no days, written as 2019-01-01, one not after the other"


def _unfit_count(content: Mapping[str, Any], quantity: str = "countedE5") -> Iterator[str]:
    if not BOOK_ITEM.fullmatch(content["bookItem"]):
        yield "bookItem is no number"
    if content[quantity] not in STOCK:
        yield f"{quantity} is out of range"
    if quantity == "countedE5" and _day(content["countedOn"]) is None:
        yield "countedOn is no day, written as 2019-01-01"


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text else None  # weeks and days without hyphens are read too


def _units() -> dict[str, tuple[str, int]]:
    return load().tariff.sizes


def _enterprise_row(e: Mapping[str, Any]) -> tuple[Any, ...]:
    return e["role"], e["code"], e["class"], e["status"]


def _goods_row(g: Mapping[str, Any]) -> tuple[Any, ...]:
    measure, size = _units().get(g["contentUnit"], (None, 0))
    filed = (None, None) if measure is None else (g["content"] * size, MEASURES.index(measure))
    return (
        g["ebcCode"], g["itemNo"], g["hsCode"], g["hsCode"][:8], g["accountBookItem"], g["unit"], *filed,
        g["status"], g["priceLowFen"], g["priceHighFen"], g["country"], g["brand"],
    )  # fmt: skip


def _relation_row(r: Mapping[str, Any]) -> tuple[Any, ...]:
    names = ("ebpCode", "ebcCode", "guarantorCode", "declarantCode", "warehouseCode", "customsCode", "status")
    return tuple(r[name] for name in names)


def _guarantee_row(g: Mapping[str, Any]) -> tuple[Any, ...]:
    days = (date.fromisoformat(g[name]) for name in ("validFrom", "validTo"))
    return g["guarantorCode"], g["instrumentNo"], g["amountFen"], *days, g["status"]


def _inspection_row(x: Mapping[str, Any]) -> tuple[Any, ...]:
    return bytes.fromhex(x["decisionId"]), x["itemNo"], x["orderNo"]


def _stock_row(s: Mapping[str, Any]) -> tuple[Any, ...]:
    days = (date.fromisoformat(s[name]) for name in ("validFrom", "validTo"))
    return f"{s['accountBook']}-{s['bookItem']}", s["unit"], s["enteredE5"], *days, s["status"]


def _count_row(c: Mapping[str, Any]) -> tuple[Any, ...]:
    return f"{c['accountBook']}-{c['bookItem']}", c["countedE5"]


_ROWS = {
    "enterprise": _enterprise_row, "goods": _goods_row, "relation": _relation_row, "guarantee": _guarantee_row, "inspection": _inspection_row,
    "stock": _stock_row, "count": _count_row,
}  # fmt: skip
_UNFIT = {
    "enterprise": _unfit_enterprise, "goods": _unfit_goods, "relation": _unfit_relation, "guarantee": _unfit_guarantee,
    "inspection": _unfit_inspection, "stock": _unfit_stock, "count": _unfit_count,
}  # fmt: skip
