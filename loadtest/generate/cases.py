"""The parts stories are made of: drafts of documents, cases with their answers, and the maker of clean trios."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from loadtest.generate.answers import OPEN, USED, Attempt, History
from loadtest.generate.firms import DIRECT_SHARE, Market, Shop, class_of, market
from loadtest.generate.law import UNTAXED, outcome_of
from loadtest.generate.people import Person, person
from loadtest.generate.profiles import Profile
from loadtest.generate.trio import Document, Trio, clean, guid

Headers = tuple[tuple[str, bytes], ...]
SPREAD_MS = 5_400_000  # orders of a set are dated over 90 minutes
BEFORE_MS = 10_800_000  # the first of them three hours before the base time: nothing is dated after the base


@dataclass(slots=True)
class Draft:
    """A document to be sent `delay_ms` after its order's time.

    `schema`: empty = the newest. `single_object`: that framing instead of Confluent's. `alter` damages the framed value.
    `key`: None = the right one, else what to send (`no_key`: none at all). `misroute`: another partition than the key's.
    """

    delay_ms: int
    kind: str
    document: Document
    fates: tuple[str, ...] = (USED,)
    schema: str = ""
    single_object: bool = False
    alter: Callable[[bytes], bytes] | None = None
    key: bytes | None = None
    no_key: bool = False
    misroute: bool = False
    headers: Headers = ()


@dataclass(slots=True)
class Case:
    """All documents of one order number and what must come of them; `group` and `accepted` as in Answer."""

    key: tuple[str, str]
    drafts: list[Draft]
    histories: tuple[History, ...]
    group: str = ""
    accepted: int = 0

    def draft(self, kind: str) -> Draft:
        """The first draft of a kind."""
        return next(d for d in self.drafts if d.kind == kind)


@dataclass(slots=True)
class Maker:
    """Makes clean trios with numbers from `index` on; the same seed and numbers give the same trios."""

    rng: Random
    profile: Profile
    seed: int
    base_ms: int
    index: int

    @property
    def market(self) -> Market:
        """Who trades in this profile."""
        return market(self.profile.market)

    def trio(
        self,
        *,
        direct: bool | None = None,
        platform: int | None = None,
        number: str = "",
        who: Person | None = None,
        shop: Shop | None = None,
    ) -> Trio:
        """The next clean trio: of its own person unless `who`, its own order number unless `number`, a drawn shop unless `shop`."""
        who = who or self.person()
        self.index += 1
        unique = f"{self.seed % 10_000:04d}{self.index:010d}"
        return clean(
            self.rng,
            self.market,
            shop or self.market.shop(self.rng, platform),
            who,
            number or f"TG{unique}",
            unique,
            self.base_ms - BEFORE_MS + self.index * 37 % SPREAD_MS,
            self.rng.random() < DIRECT_SHARE if direct is None else direct,
        )

    def clean(self) -> Trio:
        """A clean trio, of the profile's hot guarantor or item for their shares of them."""
        share = self.profile.hot_guarantor_share
        if not share or self.rng.random() >= share:
            return self.trio()
        shops = self.market.secured_by_first
        if self.rng.random() >= self.profile.hot_item_share / share:
            return self.trio(shop=self.rng.choice(shops))
        trio = self.trio(direct=False, shop=shops[0])
        trio.only(shops[0].bonded[0], self.rng.randrange(1, 3), shops[0].bonded[0].price_e5)
        return trio

    def person(self, ahead: int = 0) -> Person:
        """Somebody who belongs to the next number, or one ahead: in no trio yet, and in no later one unless it is given to it."""
        return person(self.rng, self.seed * 1_000_003 + self.index + 1 + ahead)

    def plan(self, trio: Trio) -> list[Draft]:
        """Order, payment, waybill with the profile's delays; one order in twenty comes after its own payment or waybill."""
        late_order = int(self.rng.expovariate(1 / 3000)) if self.rng.random() < 0.05 else 0
        return [
            Draft(late_order, "order", trio.order),
            Draft(int(self.rng.expovariate(1 / self.profile.payment_delay_ms)), "payment", trio.payment),
            Draft(int(self.rng.expovariate(1 / self.profile.waybill_delay_ms)), "waybill", trio.waybill),
        ]

    def case(self, trio: Trio, *histories: History) -> Case:
        """The three documents of a trio; released unless other histories are right."""
        return Case(trio.key, self.plan(trio), histories or ((decided(trio),),))

    def open_case(self, trio: Trio) -> Case:
        """A case that is never decided."""
        case = self.case(trio, ())
        for draft in case.drafts:
            draft.fates = (OPEN,)
        return case

    def group(self, name: str) -> str:
        """A name for a group of contested order numbers that no other group of the set has."""
        return f"{name}-{self.seed % 10_000:04d}{self.index:010d}"


def decided(trio: Trio, codes: Iterable[str] = ()) -> Attempt:
    """The attempt that uses the trio as it is and makes these findings."""
    found = frozenset(codes)
    outcome = outcome_of(found, class_of(trio.order["ebcCode"]))
    taxed = outcome != "REJECT" and not found & UNTAXED
    return Attempt(outcome, found, (trio.tax_fen() or 0) if taxed else 0)


def version(rng: Random, document: Document, younger_ms: int, **changes: Any) -> Document:
    """Another version of a document: a new guid, dated `younger_ms` later (negative: earlier), with changes."""
    return {**document, "guid": guid(rng), "appTime": document["appTime"] + younger_ms, **changes}


def copy_of(draft: Draft, delay_ms: int, fates: tuple[str, ...]) -> Draft:
    """The same bytes again, `delay_ms` after the first."""
    return replace(draft, delay_ms=draft.delay_ms + delay_ms, fates=fates)


Story = Callable[[Maker], list[Case]]
STORIES: dict[str, tuple[int, Story]] = {}
"""Name → (order numbers it takes, the story)."""


def story(size: int = 1) -> Callable[[Story], Story]:
    """Register a story that takes `size` order numbers."""

    def add(function: Story) -> Story:
        STORIES[function.__name__] = (size, function)
        return function

    return add
