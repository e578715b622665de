"""Events of the registry: each bound is refused by its reason, and a filing comes back as it was written."""

from pathlib import Path
from typing import Any

import pytest

from loadtest.generate.filings import events, filings, odd_events
from loadtest.verify.documents import NoDocument
from loadtest.verify.evidence import Record
from loadtest.verify.registry import Registry
from ops.commands.sample import inspection_failed
from schemas.codec import DecodeError, encode
from schemas.documents_json import JsonError, filing_from_json
from schemas.filings import KEYED, Filing, read, written

read_by_verifier = Registry({}, []).read
FIRST = {part: next(f for f in filings("small") if f.part == part) for part in ("enterprise", "goods", "relation", "guarantee", "stock", "count")}
FIRST["inspection"] = inspection_failed("P", "ORDER-1", 2, "SKU010007")
BAD: list[tuple[str, dict[str, Any]]] = [
    ("enterprise", {"role": "shop"}), ("enterprise", {"class": "A"}), ("enterprise", {"status": ""}),
    ("enterprise", {"code": ""}), ("enterprise", {"code": "a|b"}), ("enterprise", {"code": "x" * 19}),
    ("enterprise", {"name": "\0"}), ("goods", {"hsCode": "123456789"}), ("goods", {"hsCode": "9801010000"}),
    ("goods", {"content": 0, "contentUnit": "ml"}), ("goods", {"content": 5, "contentUnit": ""}),
    ("goods", {"content": 5, "contentUnit": "cup"}), ("goods", {"content": 1_001, "contentUnit": "kg"}),
    ("goods", {"content": -1, "contentUnit": "ml"}), ("goods", {"priceLowFen": 2, "priceHighFen": 1}),
    ("goods", {"priceLowFen": -1, "priceHighFen": 1}), ("goods", {"priceHighFen": 10**11}),
    ("goods", {"itemName": "x" * 251}), ("relation", {"customsCode": "310"}), ("relation", {"guarantorCode": ""}),
    ("relation", {"declarantCode": ""}), ("relation", {"ebcCode": ""}),
    ("guarantee", {"kind": "promise"}), ("guarantee", {"amountFen": -1}), ("guarantee", {"amountFen": 10**13}),
    ("guarantee", {"validFrom": "2019-01-02", "validTo": "2019-01-01"}), ("guarantee", {"validTo": "2019-02-29"}),
    ("guarantee", {"validFrom": "20190101"}), ("guarantee", {"useOrder": -1}), ("guarantee", {"useOrder": 1000}),
    ("guarantee", {"validFrom": "2019-W01-1"}), ("guarantee", {"guarantorCode": "x" * 19}), ("guarantee", {"instrumentNo": ""}),
    ("guarantee", {"instrumentNo": "x" * 61}), ("guarantee", {"status": "lost"}),
    ("inspection", {"status": "active"}), ("inspection", {"attempt": 1}), ("inspection", {"orderNo": "ORDER-2"}), ("inspection", {"ebpCode": "Q"}),
    ("inspection", {"decisionId": ""}), ("inspection", {"itemNo": ""}), ("inspection", {"itemNo": "a|b"}),
    ("inspection", dict(inspection_failed("P", "ORDER-1", 0, "SKU010007").content)), ("inspection", dict(inspection_failed("P", "ORDER-1", 2**15, "SKU010007").content)),
    ("inspection", dict(inspection_failed("P", "x" * 201, 2, "SKU010007").content)),
    ("goods", {"status": "failed"}), ("enterprise", {"status": "recalled"}),
    ("stock", {"bookItem": "01"}), ("stock", {"bookItem": "1a"}), ("stock", {"bookItem": "1234567890"}), ("stock", {"accountBook": ""}),
    ("stock", {"accountBook": "x" * 21}), ("stock", {"enteredE5": -1}), ("stock", {"enteredE5": 10**14 + 1}), ("stock", {"unit": ""}),
    ("stock", {"validFrom": "2019-01-02", "validTo": "2019-01-01"}), ("stock", {"validTo": "never"}), ("stock", {"status": "recalled"}),
    ("stock", {"warehouseCode": "x" * 19}), ("count", {"bookItem": "0"}), ("count", {"countedE5": -1}), ("count", {"countedE5": 10**14 + 1}),
    ("count", {"countedOn": "20190101"}), ("count", {"accountBook": "a|b"}),
]  # fmt: skip
GOOD: list[tuple[str, dict[str, Any]]] = [
    ("goods", {"content": 1_000, "contentUnit": "kg"}), ("goods", {"priceLowFen": 0, "priceHighFen": 10**11 - 1}),
    ("goods", {"itemName": "x" * 250, "accountBookItem": ""}), ("relation", {"warehouseCode": ""}),
    ("guarantee", {"validFrom": "2019-01-01", "validTo": "2019-01-01", "amountFen": 10**13 - 1, "useOrder": 999}),
    ("guarantee", {"kind": "insurance", "amountFen": 0, "useOrder": 0, "instrumentNo": "x" * 60, "status": "suspended"}),
    ("inspection", dict(inspection_failed("P", "x" * 200, 2**15 - 1, "SKU010007").content)),
    ("inspection", dict(inspection_failed("P", "a|b", 1, "SKU010007").content)), ("goods", {"status": "recalled"}),
    ("stock", {"accountBook": "x" * 20, "bookItem": "123456789", "enteredE5": 10**14, "validFrom": "2019-01-01", "validTo": "2019-01-01"}),
    ("stock", {"accountBook": "A-1", "enteredE5": 0, "status": "revoked"}), ("count", {"countedE5": 0, "countedOn": "2019-11-11"}),
    ("count", {"countedE5": 10**14, "status": "suspended"}),
    ("enterprise", {"code": "x" * 18, "status": "revoked", "class": "dishonest", "role": "guarantor"}),
]  # fmt: skip


def changed(part: str, changes: dict[str, Any]) -> Filing:
    return Filing(part, 1, {**FIRST[part].content, **changes})


@pytest.mark.parametrize(("part", "changes"), BAD)
def test_what_no_entry_can_be_is_refused_by_both(part: str, changes: dict[str, Any]) -> None:
    filing = changed(part, changes)
    with pytest.raises(DecodeError) as refused:
        read(filing.key.encode(), written(filing))
    with pytest.raises(NoDocument) as by_verifier:
        read_by_verifier(Record(0, filing.key.encode(), written(filing)), 0)
    assert refused.value.code == by_verifier.value.code == "DL-05"


@pytest.mark.parametrize(("part", "changes"), GOOD)
def test_what_only_just_can_be_is_taken_by_both(part: str, changes: dict[str, Any]) -> None:
    filing = changed(part, changes)
    assert read(filing.key.encode(), written(filing)) == filing
    assert read_by_verifier(Record(0, filing.key.encode(), written(filing)), 0).key == filing.key


@pytest.mark.parametrize("revision", [-1, 2**62])
def test_a_revision_out_of_range(revision: int) -> None:
    filing = Filing("enterprise", revision, FIRST["enterprise"].content)
    with pytest.raises(DecodeError, match="revision"):
        read(filing.key.encode(), written(filing))


@pytest.mark.parametrize("parts", [(), ("enterprise", "relation")])
def test_exactly_one_part_is_given(parts: tuple[str, ...]) -> None:
    value = encode("filing-1", {"revision": 1, **{p: dict(FIRST[p].content) for p in parts}})
    with pytest.raises(DecodeError, match="exactly one") as refused:
        read(b"enterprise|", value)
    assert refused.value.code == "DL-05"


def test_what_a_market_files_is_read_by_both_alike() -> None:
    codes: dict[str, list[str]] = {"pipeline": [], "verifier": []}
    for event in [*events("small"), *odd_events("small")]:
        try:
            read(event.key, event.value)
        except DecodeError as e:
            codes["pipeline"].append(e.code)
        try:
            read_by_verifier(Record(0, event.key, event.value), 0)
        except NoDocument as e:
            codes["verifier"].append(e.code)
    assert codes["pipeline"] == codes["verifier"] == ["DL-05", "DL-04", "DL-01", "DL-02"]


def test_a_filing_from_json() -> None:
    content = dict(FIRST["relation"].content)
    assert filing_from_json({"revision": 3, "relation": content}) == {"revision": 3, "relation": content}
    for bad, code in (({"revision": 3}, "JSON-09"), ({"revision": "3", "relation": content}, "JSON-06"), ([], "JSON-09"),
                      ({"revision": 3, "relation": {**content, "x": 1}}, "JSON-03"), ({"relation": content}, "JSON-04")):  # fmt: skip
        with pytest.raises(JsonError, match=code):
            filing_from_json(bad)


def test_the_page_for_senders_names_every_key() -> None:
    page = (Path(__file__).parents[2] / "docs" / "platforms.md").read_text()
    missing = [key for part, names in KEYED.items() if (key := "\\|".join([part, *(f"<{name}>" for name in names)])) not in page]
    assert missing == []
