"""People who do not exist, planted in every personal field of documents that end in every way there is."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from schemas.codec import encode
from schemas.contracts import id_of, newest, topic_name
from schemas.documents_json import from_json
from schemas.framing import frame
from schemas.lawbook import load
from tests.pipeline.trios import KINDS, numbered
from tests.stack.raising_worker import MARK

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
PERSONAL = tuple(load().rules["columns"]["personal"])


@dataclass(frozen=True, slots=True)
class Sent:
    """A record as it is sent."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


def id_number(n: int) -> str:
    """An identity number of nobody, check character right."""
    digits = f"9999{n:02d}{date(1960, 1, 1) + timedelta(days=97 * n):%Y%m%d}{n % 1000:03d}"
    return digits + "10X98765432"[sum(int(d) * w for d, w in zip(digits, WEIGHTS, strict=True)) % 11]


def identity(n: int) -> dict[str, str]:
    """What is known of person `n`, by the end of the field's name."""
    return {
        "RegNo": f"Qreg{n:02d}user", "Name": f"金丝雀Qname{n:02d}", "consignee": f"收件Qcons{n:02d}", "IdNumber": id_number(n),
        "elephone": f"1990{n:02d}77313", "Address": f"虚构省金丝雀路{n:02d}号Qaddr", "note": f"Qnote{n:02d}请放门口",
    }  # fmt: skip


def plant(trio: dict[str, Any], n: int) -> dict[str, Any]:
    """Person `n` in every personal field of the three documents."""
    known = identity(n)
    for column in PERSONAL:
        kind, _, field = column.partition("_")
        value = next(v for end, v in known.items() if field.endswith(end))
        for target in trio["order"]["orderList"] if kind == "line" else [trio[kind]]:
            target[field] = value
    return trio


def order_number(n: int) -> str:
    return f"EXAMPLE-{n}"


def record(kind: str, document: dict[str, Any], key: str | None = None) -> Sent:
    made = from_json(kind, document)
    sent = f"{made['ebpCode']}|{made['orderNo']}" if key is None else key
    return Sent(topic_name(kind), sent.encode(), encode(newest(kind), made))


def records(trio: dict[str, Any]) -> list[Sent]:
    return [record(kind, trio[kind]) for kind in KINDS]


PEOPLE = {
    "released": 11, "payer is another": 12, "the payer": 13, "fields too long": 14, "amount wrong": 15, "consignee is another": 16,
    "the consignee": 17, "identity number wrong": 18, "a rule raises": 19, "waits": 20, "waybill without platform": 21,
    "cut off": 22, "garbage": 23, "unknown schema": 24, "wrong key": 25, "no identity": 26, "no text": 27, "too many payments": 28,
}  # fmt: skip
OUTCOMES = {
    "released": "RELEASE", "payer is another": "HOLD", "fields too long": "REJECT", "amount wrong": "REJECT",
    "consignee is another": "HOLD", "identity number wrong": "REJECT", "a rule raises": "HOLD", "waybill without platform": "RELEASE",
    "too many payments": "RELEASE",
}  # fmt: skip
DEAD = {"cut off": "DL-01", "garbage": "DL-01", "no text": "DL-01", "unknown schema": "DL-02", "no identity": "DL-03", "wrong key": "DL-04"}
REFUSED = 2  # a payment again, and another one


def everything() -> Iterator[Sent]:
    """All records, in the order they are sent."""
    trios = {story: plant(numbered(n), n) for story, n in PEOPLE.items()}
    trios["payer is another"]["payment"] |= {
        "payerName": identity(13)["Name"], "payerIdNumber": identity(13)["IdNumber"], "telephone": identity(13)["elephone"],
    }  # fmt: skip
    for field, times in {"buyerName": 30, "consigneeAddress": 90, "buyerTelephone": 30, "note": 90}.items():
        trios["fields too long"]["order"][field] *= times
    trios["amount wrong"]["payment"]["amountPaid"] = "1.00"
    for field, end in (("consignee", "consignee"), ("consigneeTelephone", "elephone"), ("consigneeAddress", "Address")):
        trios["consignee is another"]["waybill"][field] = identity(17)[end]
    wrong = identity(18)["IdNumber"][:17] + "7"
    trios["identity number wrong"]["order"]["buyerIdNumber"] = trios["identity number wrong"]["payment"]["payerIdNumber"] = wrong
    trios["a rule raises"]["order"]["note"] = MARK + trios["a rule raises"]["order"]["note"]
    late = trios["too many payments"]["payment"] | {"payTransactionId": "EXAMPLE-PAY-another", "guid": "00000000-0000-4000-8000-000000000009"}
    lacking = trios["waybill without platform"]["waybill"]
    lacking["ebpCode"] = ""
    for story in OUTCOMES:
        yield from records(trios[story])
    yield record("payment", trios["too many payments"]["payment"])
    yield record("payment", late)
    yield record("order", trios["waits"]["order"])
    whole = {story: record("order", trios[story]["order"]) for story in DEAD}
    cut, key = whole["cut off"], whole["cut off"].key
    assert cut.value is not None
    yield Sent(cut.topic, key, cut.value[:-20], (("trace", identity(22)["Name"].encode()),))
    yield Sent(cut.topic, key, json.dumps(trios["garbage"]["order"], ensure_ascii=False).encode())
    yield Sent(cut.topic, key, frame(id_of("payment-1"), (whole["unknown schema"].value or b"")[5:]))
    name = identity(27)["Name"].encode()
    yield Sent(cut.topic, key, (whole["no text"].value or b"").replace(name, name[:-2] + b"\xff\xff"))
    yield record("order", trios["no identity"]["order"] | {"orderNo": ""})
    yield record("order", trios["wrong key"]["order"], key=f"{identity(25)['Name']}|{identity(25)['IdNumber']}")


def all_values() -> dict[str, str]:
    """Every planted value → whose it is."""
    found = {value: f"{story}: {end}" for story, n in PEOPLE.items() for end, value in identity(n).items()}
    return found | {identity(18)["IdNumber"][:17] + "7": "identity number wrong: IdNumber", identity(27)["Name"][:-2]: "no text: Name"}
