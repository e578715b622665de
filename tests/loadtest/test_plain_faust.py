"""The baseline decides by its own code; it has to agree with the generator wherever it claims to cover a story."""

import tomllib
from collections import defaultdict
from datetime import UTC, datetime
from functools import cache

import pytest

from loadtest.generate import Answer, generate, profile
from loadtest.generate.filings import events, odd_events
from loadtest.plain_faust.decide import KINDS, Decision, Place, decide, encode
from loadtest.plain_faust.law import FOLDER
from loadtest.plain_faust.ledgers import Ledgers, months_later
from loadtest.plain_faust.reading import Document, read
from loadtest.plain_faust.registry import Registry
from loadtest.plain_faust.rules import RULES
from loadtest.verify import numbers
from schemas.codec import DecodeError, decode_output

ACCEPTED_MS = 1_573_401_700_000  # after every date of the set but those that are wrong on purpose
LEDGER_KEY = b"k" * 32
Come = dict[str, list[Document]]


@cache
def _set() -> tuple[dict[tuple[str, str], Come], list[Answer]]:
    """Decodable documents by order number and kind in sending order, and the answers."""
    come: dict[tuple[str, str], Come] = defaultdict(lambda: defaultdict(list))
    answers: list[Answer] = []
    for part in generate(profile("small"), 1500, seed=3):
        answers += part.answers
        for planned in part.documents:
            try:
                document = read(planned.kind, planned.key, planned.value)
            except DecodeError:
                continue
            come[document["ebpCode"], document["orderNo"]][planned.kind].append(document)
    return come, answers


@cache
def _registry() -> Registry:
    """After every event of the market, those that are none included."""
    registry = Registry()
    for event in [*events("small"), *odd_events("small")]:
        registry.apply(event.key, event.value)
    return registry


def _ledgers() -> Ledgers:
    return Ledgers({}, {}, {}, {}, {}, LEDGER_KEY)


def _decide(come: Come, ledgers: Ledgers) -> Decision:
    return decide(*(come[kind][0] for kind in KINDS), accepted_ms=ACCEPTED_MS, ledgers=ledgers, registry=_registry())


def _single() -> list[tuple[Answer, Come]]:
    """Order numbers with one right history of one attempt and one document of each kind."""
    come, answers = _set()
    found: list[tuple[Answer, Come]] = []
    for answer in answers:
        its = come[answer.ebp_code, answer.order_no]
        if not answer.either and len(answer.histories[0]) == 1 and all(len(its[kind]) == 1 for kind in KINDS):
            found.append((answer, its))
    return found


def test_the_rules_are_those_of_the_law_in_its_order() -> None:
    law = tomllib.loads((FOLDER / "rules.toml").read_text())
    assert [code for code, _ in RULES] == [rule["code"] for rule in law["rule"]]
    assert len(RULES) == 78


def test_it_agrees_with_the_known_answers() -> None:
    ledgers, seen = _ledgers(), set[str]()
    for answer, come in _single():
        decision, right = _decide(come, ledgers), answer.last
        assert right is not None
        found = (decision.outcome, frozenset(decision.codes), decision.tax_fen)
        assert found == (right.outcome, right.codes, right.tax_fen), answer.story
        seen.add(answer.story)
    assert {"clean", "fifty_lines", "much_at_once"} <= seen
    assert len(seen) > 80


def test_of_rivals_exactly_so_many_are_accepted() -> None:
    come, answers = _set()
    groups: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        if answer.group:
            groups[answer.group].append(answer)
    assert groups
    for members in groups.values():
        ledgers = _ledgers()
        decisions = [_decide(come[a.ebp_code, a.order_no], ledgers) for a in members]
        assert sum(d.outcome != "REJECT" for d in decisions) == members[0].accepted
        for answer, decision in zip(members, decisions, strict=True):
            assert frozenset(decision.codes) in {history[0].codes for history in answer.histories}


def test_a_repeated_manifest_keeps_its_numbers() -> None:
    _, come = next((a, c) for a, c in _single() if a.story == "clean")
    ledgers = _ledgers()
    assert _decide(come, ledgers).outcome == _decide(come, ledgers).outcome == "RELEASE"


def test_the_decision_is_readable() -> None:
    answer, come = next((a, c) for a, c in _single() if a.story == "clean")
    decision = _decide(come, _ledgers())
    record = decode_output("decision-1", encode(decision, (Place("o", 3, 1), Place("p", 3, 2), Place("w", 3, 5))))
    assert (record["ebpCode"], record["orderNo"], record["outcome"]) == (answer.ebp_code, answer.order_no, "RELEASE")
    assert record["acceptedAt"] == datetime.fromtimestamp(ACCEPTED_MS / 1000, UTC)
    assert record["taxFen"] == decision.tax_fen == sum(x["tariffFen"] + x["consumptionTaxFen"] + x["vatFen"] for x in record["lines"])
    assert [d["offset"] for d in record["documents"]] == [1, 2, 5]
    assert record["ruleSet"]


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [("2019-11-11", 6, "2020-05-11"), ("2019-08-31", 6, "2020-02-29"), ("2019-12-01", 1, "2020-01-01"), ("2019-02-28T17:00", 6, "2019-08-31T17:00")],  # the last: 1 March, 1 o'clock in Shanghai
)
def test_months_end_on_the_last_day_there_is(start: str, months: int, end: str) -> None:
    start_ms, end_ms = (int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000) for day in (start, end))
    assert months_later(start_ms, months) == numbers.months_later(start_ms, months) == end_ms
