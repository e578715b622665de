"""The generator: the same set from the same seed, every story told, and files that give back what was written."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from loadtest.generate import GeneratedSet, Slice, generate, profile, profile_names
from loadtest.generate.answers import USED
from loadtest.generate.cases import STORIES
from loadtest.generate.filings import filings
from loadtest.generate.law import all_codes
from loadtest.generate.people import identity_number, person
from loadtest.generate.placing import partition_of
from loadtest.generate.sets import NoSuchSet
from loadtest.verify.documents import read
from schemas.contracts import PARTITIONS

SMALL = profile("small")


def whole(seed: int, count: int = 700, processes: int = 1) -> list[Slice]:
    return list(generate(SMALL, count, seed, processes=processes))


def test_one_seed_gives_one_set_and_another_seed_another() -> None:
    assert whole(1) == whole(1)
    assert whole(1) != whole(2)


def test_the_number_of_processes_does_not_matter() -> None:
    calm = replace(SMALL, special_share=0.1)
    sets = [list(generate(calm, 10_300, 3, processes=p)) for p in (1, 2)]
    assert len(sets[0]) == 3
    assert sets[0] == sets[1]


def test_there_are_exactly_as_many_order_numbers_and_they_come_in_time() -> None:
    parts = whole(4, 701)
    answers = [a for p in parts for a in p.answers]
    assert len(answers) == len({(a.ebp_code, a.order_no) for a in answers}) == 701
    due = [d.due_ms for p in parts for d in p.documents]
    assert due == sorted(due)
    assert all(0 <= d.partition < PARTITIONS for p in parts for d in p.documents)


def test_every_code_of_the_law_is_among_the_right_answers() -> None:
    parts = [p for seed in range(3) for p in whole(seed, 3000)]
    codes = {c for p in parts for a in p.answers for h in a.histories for t in h for c in t.codes}
    codes |= {c for p in parts for f in p.fates for c in f.fates}
    told = {a.story for p in parts for a in p.answers}
    assert told == {"clean", *STORIES}
    # not of one set: the engine's own quarantine, what only passing time brings, and what is no document
    assert all_codes() - codes == {"SYS-02", "DOC-09", "DOC-10", "DL-05", "DL-06", "DL-07", "SMP-01", "SMP-02"}


def test_groups_of_rivals_are_whole() -> None:
    answers = [a for p in whole(6, 3000) for a in p.answers if a.group]
    sizes = Counter(a.group for a in answers)
    assert all(0 < a.accepted < sizes[a.group] and a.either for a in answers)
    assert len({(a.group, a.accepted) for a in answers}) == len(sizes)


def test_a_set_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = GeneratedSet.write(tmp_path / "set", SMALL, 700, 1, processes=1)
    opened = GeneratedSet.open(tmp_path / "set")
    parts = whole(1)
    assert opened.about == written.about
    assert list(opened.documents()) == [d for p in parts for d in p.documents]
    assert opened.answers()["order_no"].to_list() == [a.order_no for p in parts for a in p.answers]
    histories = [[[(t["outcome"], set(t["codes"]), t["tax_fen"]) for t in h] for h in row] for row in opened.answers()["histories"].to_list()]
    assert histories == [[[(t.outcome, t.codes, t.tax_fen) for t in h] for h in a.histories] for p in parts for a in p.answers]
    assert opened.fates().rows() == [(f.sequence, f.kind, f.ebp_code, f.order_no, list(f.fates)) for p in parts for f in p.fates]
    assert not any(f == [USED] for f in opened.fates()["fates"].to_list())


def test_a_folder_without_a_finished_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoSuchSet, match="generate it anew"):
        GeneratedSet.open(tmp_path)
    (tmp_path / "about.json").write_text('{"generator": "00"}')
    with pytest.raises(NoSuchSet, match="another generator"):
        GeneratedSet.open(tmp_path)


def test_partitions_are_kafkas_own() -> None:
    # murmur2 of the Java client: 21 -> -973932308 (the value of Kafka's own test), so 12 partitions give this
    assert partition_of(b"21") == (-973932308 & 0x7FFFFFFF) % PARTITIONS


def test_nobody_in_a_set_can_exist() -> None:
    assert len({identity_number(n) for n in range(20_000)}) == 20_000
    assert {identity_number(n)[:6] for n in range(500)} == {"999999"}


def test_no_two_persons_share_a_phone_by_chance() -> None:
    """Strangers behind one phone are counted as its persons: a clean order would be held."""
    phones = {person(Random(n), n).phone for n in range(20_000)}
    assert len(phones) == 20_000
    assert all(phone.startswith("100") and len(phone) == 11 for phone in phones)


def test_profiles_are_known_by_name() -> None:
    assert {"small", "demo", "clean-mix"} <= set(profile_names())
    with pytest.raises(KeyError, match=r"there are .*small"):
        profile("none")


def test_hot_accounts_are_as_hot_as_they_say() -> None:
    """One guarantor behind 60 % of the orders, one item in 20 %, and little more: what they would have anyway."""
    hot = profile("hot-accounts")
    told = {(f.content["ebpCode"], f.content["ebcCode"]): f.content["guarantorCode"] for f in filings(hot.market) if f.part == "relation"}
    sent = [d for p in generate(replace(hot, special_share=0.0), 4_000, 8, processes=1) for d in p.documents if d.kind == "order"]
    orders = [read("order", d.key, d.value) for d in sent]
    guarantors = Counter(told.get((o["ebpCode"], o["ebcCode"])) for o in orders)
    items = Counter((o["ebcCode"], item) for o in orders for item in {line["itemNo"] for line in o["orderList"]})
    assert 0.58 < guarantors.most_common(1)[0][1] / len(orders) < 0.66
    assert 0.18 < items.most_common(1)[0][1] / len(orders) < 0.24
