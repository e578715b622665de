"""The whole core over generated documents whose answers are known, in several batch sizes and interleavings."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from random import Random
from typing import Any

import pytest

from loadtest.generate import Answer, Attempt, Fate, generate, profile
from tests.pipeline.memory import MemoryStore, Rec, as_records

LIMITS = {None: 2_600_000, "sugar": 2_000_000, "rice": 20_000_000}  # fen; mg
COUNT = 1_200


@lru_cache(maxsize=4)
def generated(seed: int) -> tuple[list[Rec], list[Answer], list[Fate]]:
    """One set in memory."""
    parts = list(generate(profile("small"), COUNT, seed, processes=1))
    records = as_records(d for p in parts for d in p.documents)
    return records, [a for p in parts for a in p.answers], [f for p in parts for f in p.fates]


def in_time(records: Sequence[Rec], size: int, _seed: int) -> Iterator[Sequence[Rec]]:
    """Batches of `size` in sending order."""
    for start in range(0, len(records), size):
        yield records[start : start + size]


def by_kind(records: Sequence[Rec], size: int, _seed: int) -> Iterator[Sequence[Rec]]:
    """Waybills first, then payments, then orders: everything waits in the store."""
    yield from in_time(sorted(records, key=lambda r: r.topic, reverse=True), size, 0)


def lane_by_lane(records: Sequence[Rec], size: int, seed: int) -> Iterator[Sequence[Rec]]:
    """Topic-partitions advance at random speeds; only the order within each is kept."""
    rng = Random(seed)
    queues: dict[tuple[str, int], list[Rec]] = {}
    for r in records:
        queues.setdefault((r.topic, r.partition), []).append(r)
    while queues:
        batch: list[Rec] = []
        for place in rng.sample(sorted(queues), min(len(queues), 9)):
            count = rng.randrange(1, size)
            batch += queues[place][:count]
            queues[place] = queues[place][count:]
            if not queues[place]:
                del queues[place]
        yield batch


RUNS = [
    (in_time, 100_000, 1),
    (in_time, 700, 2),
    (in_time, 61, 3),
    (by_kind, 900, 4),
    (lane_by_lane, 60, 5),
    (lane_by_lane, 200, 6),
    (lane_by_lane, 25, 7),
]


@pytest.mark.parametrize(("order", "size", "seed"), RUNS)
def test_the_core_gives_the_known_answers(order, size: int, seed: int) -> None:  # type: ignore[no-untyped-def]
    records, answers, fates = generated(seed)
    store = MemoryStore()
    for batch in order(records, size, seed):
        store.process(batch)
    assert wrong_histories(store, answers) == []
    assert wrong_groups(store, answers) == []
    assert wrong_fates(store, records, fates) == []
    check_accounts(store)


def test_the_sets_hold_every_story() -> None:
    told = {a.story for _, _, seed in RUNS for a in generated(seed)[1]}
    from loadtest.generate.cases import STORIES

    assert told >= set(STORIES)


def wrong_histories(store: MemoryStore, answers: Sequence[Answer]) -> list[str]:
    """Order numbers whose attempts are in none of the right histories, or are not in the answers."""
    histories = store.histories()
    wrong = [f"unknown {key}" for key in histories.keys() - {(a.ebp_code, a.order_no) for a in answers}]
    for a in answers:
        found = histories.get((a.ebp_code, a.order_no), [])
        assert [m["attempt"] for m in found] == list(range(1, len(found) + 1))
        mine = tuple(Attempt(m["outcome"], m["codes"], m["tariff_fen"] + m["consumption_fen"] + m["vat_fen"]) for m in found)
        if mine not in a.histories:
            wrong.append(f"{a.story} {a.order_no}: {mine} is none of {a.histories}")
    return wrong


def wrong_groups(store: MemoryStore, answers: Sequence[Answer]) -> list[str]:
    """Groups of rivals of which not exactly as many as may were accepted."""
    histories = store.histories()
    accepted: Counter[str] = Counter()
    for a in answers:
        if a.group:
            accepted[a.group] += any(m["outcome"] != "REJECT" for m in histories[a.ebp_code, a.order_no])
    return [f"{a.group}: {accepted[a.group]}" for a in answers if a.group and accepted[a.group] != a.accepted]


def wrong_fates(store: MemoryStore, records: Sequence[Rec], fates: Sequence[Fate]) -> list[str]:
    """Documents that became something else than they may."""
    became = store.what_became()
    allowed = {f.sequence: f.fates for f in fates}
    return [
        f"{r.topic} {r.key!r} {became[r.place]}: only {allowed.get(r.sequence, ('used',))}"
        for r in records
        if became[r.place] not in allowed.get(r.sequence, ("used",))
    ]


def check_accounts(store: MemoryStore) -> None:
    """No account beyond its limit; entry numbers without holes; balances follow from the entries."""
    for ledger, entries in store.entries.items():
        running: dict[tuple[Any, ...], tuple[int, int, int]] = {}
        for e in entries:
            account = tuple(e[k] for k in ledger.key)
            number, reserved, used = running.get(account, (0, 0, 0))
            amount = e[ledger.of("amount")]
            reserved, used = (reserved + amount, used) if e["movement"] == "reserve" else (reserved, used + amount)
            running[account] = (number + 1, reserved, used)
            assert (e["entry_no"], e[ledger.of("reserved_after")], e[ledger.of("used_after")]) == running[account]
            assert reserved + used <= LIMITS[e.get("weight_group")]
        kept = {a: (v["entry_no"], v[ledger.of("reserved")], v[ledger.of("used")]) for a, v in store.accounts[ledger].items()}
        assert kept == running != {}
