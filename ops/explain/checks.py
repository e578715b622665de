"""What ledgers, numbers in use and samples were asked about a manifest, and answered without a finding; or why they were not asked.

Of a manifest that was taken the entries tell which balances were read. Where nothing was taken what was asked for is known,
and what it was held against; the seed of a draw is secret, so of a sample it is the rate.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline import guarantees, sampling, stock
from pipeline.accounts import QUOTA, WEIGHT
from pipeline.claims import NUMBERED, number_of
from pipeline.ledgers import NUMBERS
from pipeline.rates import Rates

REFUSING = (*NUMBERS.values(), QUOTA.code, WEIGHT.code)  # those that reject
Values = dict[str, Any]
Answer = list[Values] | str  # the values that each check read, or the reason why none was made


@dataclass(frozen=True, slots=True)
class Asked:
    """What is stored of a manifest. `head` and `lines`: derived columns, with the outcome that the rules alone come to; `fired`: its
    codes; `entries` on accounts of its person, the first of each account first; `frozen` on the guarantor's; `uses`: number →
    use number; `entered`: of each item of an account book, in 10^-5."""

    head: Mapping[str, Any]
    lines: Sequence[Mapping[str, Any]]
    fired: frozenset[str]
    entries: Sequence[Mapping[str, Any]]
    frozen: Sequence[Mapping[str, Any]]
    uses: Mapping[str, int]
    entered: Mapping[str, int | None]
    limit_fen: int
    rates: Rates

    @property
    def refused(self) -> bool:
        """Whether a number or an account of the person rejected it."""
        return bool(self.fired.intersection(REFUSING))


def answers(asked: Asked) -> Iterator[tuple[str, Answer]]:
    """Code and answer of every check of that kind that made no finding; reasons are names of texts."""
    rejected = asked.head["outcome"] == "REJECT"
    for code, answer in (*_numbers(asked), (QUOTA.code, _quota(asked)), (WEIGHT.code, _weight(asked)), *_guarantee(asked), *_stock(asked)):
        if code not in asked.fired:
            yield code, "asked_rejected" if rejected else answer
    for code in sampling.CODES:
        if code not in asked.fired:
            yield code, "asked_not_released" if asked.head["outcome"] != "RELEASE" else _sample(asked, code)


def number(letter: str, head: Mapping[str, Any]) -> str:
    """A number of a manifest as table number_use has it; `letter`: of NUMBERED."""
    code, numbered = NUMBERED[letter]
    return number_of(letter, head[code], head[numbered])


def _numbers(asked: Asked) -> Iterator[tuple[str, Answer]]:
    for letter, names in NUMBERED.items():
        use = asked.uses.get(number(letter, asked.head))
        yield NUMBERS[letter], [{name: asked.head[name] for name in names} | ({} if use is None else {"use_no": use})]


def _quota(asked: Asked) -> Answer:
    entry = next((e for e in asked.entries if e["ledger"] == QUOTA.name), None)
    return [_balance(entry, "fen") | {"amount_fen": asked.head["dutiable_fen"] or 0, "limit_fen": asked.limit_fen}]


def _weight(asked: Asked) -> Answer:
    caps = {x["weight_group"]: x["cap_mg"] for x in asked.lines if x["weight_group"] and x["weighed"] and (x["line_qty_e5"] or 0) > 0}
    entries = {group: next((e for e in asked.entries if e["weight_group"] == group), None) for group in sorted(caps)}
    values = [
        {"weight_group": group} | _balance(e, "mg") | ({} if e is None else {"amount_mg": e["amount"]}) | {"limit_mg": caps[group]}
        for group, e in entries.items()
    ]  # fmt: skip
    return values or "asked_no_weight"


def _balance(entry: Mapping[str, Any] | None, unit: str) -> Values:
    return {} if entry is None else {f"balance_{unit}": entry["reserved_before"] + entry["used_before"]}


def _guarantee(asked: Asked) -> Iterator[tuple[str, Answer]]:
    head, fired = asked.head, asked.fired
    due = head["tax_due_fen"] if head["tax_known"] else 0
    if asked.refused or fired.intersection(stock.CODES):
        answer: Answer = "asked_refused" if asked.refused else "asked_short"
    elif not due or not head["guarantor_code"]:
        answer = "asked_no_tax" if not due else "asked_no_guarantor"
    else:
        frozen = {} if not asked.frozen else {
            "balance_fen": asked.frozen[0]["frozen_after_fen"] - asked.frozen[0]["amount_fen"], "limit_fen": asked.frozen[0]["limit_fen"],
        }  # fmt: skip
        answer = [{"guarantor_code": head["guarantor_code"], "amount_fen": due} | frozen]
    exhausted, not_valid = guarantees.CODES
    yield exhausted, "asked_none_valid" if not_valid in fired else answer
    yield not_valid, answer


def _stock(asked: Asked) -> Iterator[tuple[str, Answer]]:
    wanted: dict[str, int] = {}
    for x in asked.lines:
        if x["bonded"] and (x["line_qty_e5"] or 0) > 0:
            wanted[x["account_book_item"]] = wanted.get(x["account_book_item"], 0) + x["line_qty_e5"]
    answer: Answer = "asked_refused" if asked.refused else [
        {"book_item": item, "amount_e5": amount, "entered_e5": asked.entered.get(item)} for item, amount in sorted(wanted.items())
    ] or "asked_not_bonded"  # fmt: skip
    short, none = stock.CODES
    yield short, "asked_no_stock" if none in asked.fired else answer
    yield none, answer


def _sample(asked: Asked, code: str) -> Answer:
    inspection, review = sampling.CODES
    if code == review and inspection in asked.fired:
        return "asked_drawn"
    category = asked.rates.category(x["hs_code"] for x in asked.lines)
    of = asked.head["ecommerce_class"], category, asked.head["trade_mode"] == sampling.BONDED
    rates = dict(zip((inspection, review), asked.rates.rates_1e6.get(of, (0, 0)), strict=True))
    return [{"class": of[0], "category": category, "trade_mode": asked.head["trade_mode"], "rate_1e6": rates[code]}]
