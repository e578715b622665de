"""Documents as no sender would plan them: a few order numbers, and for each whatever a seed draws."""

from dataclasses import replace
from random import Random
from typing import Any

from tests.pipeline.memory import BASE_MS, Rec
from tests.pipeline.test_ledgers import costing
from tests.pipeline.trios import HOUR_MS, KINDS, rec

PLATFORMS = ("330296P001", "330296P002")
TIMES = tuple(f"2019-11-11T00:{minute}:00+08:00" for minute in (18, 19, 20))
GUIDS = tuple(f"00000001-0000-4000-8000-00000000000{n}" for n in (1, 2))
LANES = 4
RICE = {"line1.itemNo": "SKU010039", "line1.unit": "136", "line1.qty": "2"}  # two bags of 5 kg; 20 kg are a year's


def history(orders: int, seed: int) -> list[Rec]:
    """Records in the order of their log times; several share one. Each topic-partition counts its own offsets."""
    chance = Random(seed)
    drawn = [r for n in range(1, orders + 1) for r in _of_order(n, chance)]
    chance.shuffle(drawn)
    following: dict[tuple[str, int], int] = {}
    records: list[Rec] = []
    for n, r in enumerate(drawn):
        place = (r.topic, r.partition)
        offset = following[place] = following.get(place, -1) + 1
        records.append(replace(r, offset=offset, timestamp=BASE_MS + HOUR_MS + n // 3))
    return records


def _of_order(n: int, chance: Random) -> list[Rec]:
    kinds = [*KINDS, *chance.choices(KINDS, k=chance.choice((0, 1, 2, 4)))]
    if chance.random() < 0.1:
        kinds.remove(chance.choice(KINDS))
    number = "ONE-NUMBER" if chance.random() < 0.4 else f"NUMBER-{n}"  # of the payment and of the waybill
    records = [rec(kind, _document(kind, n, number, chance), 0, partition=chance.randrange(LANES)) for kind in kinds]
    if chance.random() < 0.3:
        records.append(replace(chance.choice(records), partition=chance.randrange(LANES)))
    return records


def _document(kind: str, n: int, number: str, chance: Random) -> dict[str, Any]:
    """Mostly in order; at times a change, a delete, another platform's, or at fault. Three dear ones pass the money limit,
    three of rice that of its weight."""
    if n % 2:
        document = costing(n, "100.00" if number == "ONE-NUMBER" else "9000.00")[kind]
    else:
        document = costing(n, "100.00", **RICE)[kind]
    document["appType"] = chance.choices(("1", "2", "3"), (8, 2, 1))[0]
    document["appTime"], document["guid"] = chance.choice(TIMES), chance.choice(GUIDS)
    document["ebpCode"] = chance.choices(PLATFORMS, (12, 1))[0]
    if kind == "waybill" and chance.random() < 0.3:
        document["ebpCode"] = ""
    if chance.random() < 0.08:
        document["currency"] = "502"
    document["logisticsNo" if kind == "waybill" else "payTransactionId"] = number
    return document
