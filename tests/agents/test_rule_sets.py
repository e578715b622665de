"""What a worker keeps of rule sets: the live one, the one tried, and no more than a few besides."""

from datetime import date
from typing import Any

import pytest

from agents.rule_sets import KEPT, RuleSets
from pipeline import decide, rules
from schemas import law_pack
from schemas.lawbook import Lawbook, load

DAY = date(2024, 6, 1)


def variant(n: int) -> bytes:
    """The law in force with a comment."""
    files = law_pack.unpacked(load().content)
    return law_pack.packed(files | {"limits.toml": files["limits.toml"] + f"# {n}\n".encode()})


class Kept:
    """A store where set after set became live, the first of them at version 1."""

    def __init__(self, contents: list[bytes], tried: str = "") -> None:
        self.contents = {law_pack.version_of(c): c for c in contents}
        self.names, self.tried, self.asked = list(self.contents), tried, list[str]()

    async def fetch(self, name: str, *arguments: Any) -> list[dict[str, Any]]:
        self.asked.append(name)
        if name == "rule_set_content":
            return [{"content": self.contents[arguments[0]]}] if arguments[0] in self.contents else []
        if name == "rule_events_at":
            live = self.names[arguments[0] - 1] if arguments[0] else load().version
            shadow = [{"part": "shadow", "rule_set": self.tried, "share_1e4": 500}] if self.tried else []
            return [{"part": "live", "rule_set": live, "share_1e4": 0}, *shadow]
        return []


async def test_few_sets_are_kept_however_many_were_live() -> None:
    store, known = Kept([variant(n) for n in range(KEPT + 3)]), RuleSets(load())
    for version in range(KEPT + 4):
        await known.follow(version, store)  # type: ignore[arg-type]
        assert known.live.version == (store.names[version - 1] if version else load().version)
        known.live.on(DAY)
    assert len(known._books) <= KEPT
    assert all(kept.cache_info().maxsize for kept in (Lawbook.on, Lawbook.limits_on, rules._sieve, decide._blame, decide._terms))
    again = known.live
    await known.follow(KEPT + 2, store)  # type: ignore[arg-type]
    await known.follow(KEPT + 3, store)  # type: ignore[arg-type]
    assert known.live is again, "read and checked anew"
    assert store.asked.count("rule_set_content") == KEPT + 3
    assert [store.asked.count(name) for name in ("rule_set_keep", "rule_event_first")] == [1, 1]


async def test_a_version_that_is_known_asks_nothing() -> None:
    store, known = Kept([]), RuleSets(load())
    await known.follow(0, store)  # type: ignore[arg-type]
    store.asked.clear()
    await known.follow(0, store)  # type: ignore[arg-type]
    assert store.asked == []


async def test_a_set_that_cannot_be_used_says_why_and_one_that_can_follows() -> None:
    broken = law_pack.packed({"rules.toml": b""})
    store, known = Kept([broken, variant(1)]), RuleSets(load())
    await known.follow(1, store)  # type: ignore[arg-type]
    assert "limits.toml:0: is missing" in known.unusable and known.live is load()
    await known.follow(2, store)  # type: ignore[arg-type]
    assert known.unusable == "" and known.live.version == store.names[1]


@pytest.mark.parametrize(
    ("file", "data"),
    [("limits.toml", b"limit = 3"), ("weights.toml", b"[[cap]]\nhs8 = 3"), ("rules.toml", b"rule = [1]"), ("tariff.csv", b"\xff"), ("control.toml", b"stop = 1")],
)
async def test_data_of_another_shape_ends_nobody(file: str, data: bytes) -> None:
    content = law_pack.packed(law_pack.unpacked(load().content) | {file: data})
    store, known = Kept([content]), RuleSets(load())
    assert isinstance(await known.book(store.names[0], store), str)  # type: ignore[arg-type]


async def test_a_trial_that_cannot_be_used_is_none() -> None:
    store, known = Kept([variant(1)], tried="f" * 32), RuleSets(load())
    await known.follow(1, store)  # type: ignore[arg-type]
    assert known.trial is None and not known.unusable
    store.tried = load().version
    await known.follow(0, store)  # type: ignore[arg-type]
    assert known.trial is not None and (known.trial.book, known.trial.share_1e4) == (load(), 500)
