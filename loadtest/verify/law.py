"""The law data of schemas/law as the verifier reads it: the files themselves, none of the pipeline's readers."""

import csv
import hashlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from loadtest.verify import classes, risk, samples
from loadtest.verify.classes import DayClasses
from loadtest.verify.conditions import Call, Column, ConditionError, Node, parse
from loadtest.verify.control import DayControl
from loadtest.verify.evaluate import compiled
from loadtest.verify.risk import DayRisk
from loadtest.verify.samples import DaySamples
from loadtest.verify.tax import Amount, Rate, TaxItem
from schemas import contracts

FOLDER = Path(contracts.__file__).parent / "law"
FILES = (
    "rules.toml", "limits.toml", "tariff.csv", "consumption.toml", "weights.toml", "control.toml", "sources.toml", "classes.toml",
    "risk.toml", "samples.toml",
)  # fmt: skip
BITS = {"order": 1, "payment": 2, "waybill": 4}
DERIVED = {
    "line_count", "line_total_sum_e5", "gnum_in_order", "one_indivisible_item", "dutiable_fen", "trade_mode",
    "accepted_at", "buyer_id_valid", "payer_id_valid", "tax_known", "tax_due_fen",
    "platform_status", "ecommerce_status", "payment_firm_status", "carrier_status", "relation_status", "declarant_status",
    "guarantor_status", "guarantor_related", "warehouse_status", "ecommerce_class", "platform_class",
    "net_weight_e5",
}  # fmt: skip
# Counter → (subject, what different ones of are counted), each over the windows (docs/decisions.md section 13).
COUNTED = {
    "phone_persons": ("phone", "person"), "address_persons": ("address", "person"), "person_phones": ("person", "phone"),
    "person_addresses": ("person", "address"), "person_orders": ("person", "order"),
    "phone_pay_firms": ("phone", "pay_firm"), "address_pay_firms": ("address", "pay_firm"),
}  # fmt: skip
WINDOWS_MS = {"1h": 3_600_000, "24h": 24 * 3_600_000, "30d": 30 * 24 * 3_600_000}
COUNTERS = {
    *(f"{name}_{window}" for name in COUNTED for window in WINDOWS_MS),
    "same_goods_orders_24h", "same_goods_orders_30d", "self_use_day_exceeded", "self_use_month_exceeded",
}  # fmt: skip
TIMES = {"accepted_at", *(f"{kind}_appTime" for kind in BITS), "payment_payTime"}  # columns
HEAD_VARIABLES = ("order", "payment", "waybill", "derived")
SHANGHAI_MS = 8 * 3_600_000  # UTC+8 without summer time since 1992
DAY_MS = 86_400_000


class ReadColumn(NamedTuple):
    """A column that a condition reads: the name it is told by, where its value is found, and whether it is masked."""

    name: str
    record: str
    field: str
    personal: bool


class CodeLaw(NamedTuple):
    """What the law of a day says of an HS code. `rate`: None when the tariff has none; `cap`: group and mg of its yearly weight, should
    it be limited."""

    rate: Rate | None
    by_quantity: bool
    cap: tuple[str, int] | None


@dataclass(frozen=True, slots=True, eq=False)  # hashed by identity
class DayLaw:
    """The law of one acceptance date. `rates`: first eight digits of the HS code → Rate; `caps`: of yearly weight, as
    (group, prefixes of HS codes, mg); `units` as in LawData; `known`: the codes asked for so far. Rules and indicators that read counters need
    what other manifests left: `counter_rules`, `codes_on_counters` the same compiled, `read_beside`: what else they read, as
    (record, column), `counter_codes`: what they can lead to, `counted_with`: what others find that goes into it. `reads`: by the code of
    a rule or indicator what it reads, counters too."""

    year: int
    manifest_rules: list[tuple[str, Node]]
    line_rules: list[tuple[str, Node]]
    manifest_codes: Callable[..., list[str]]
    line_codes: Callable[..., list[str]]
    rates: dict[str, Rate]
    caps: list[tuple[str, tuple[str, ...], int]]
    control: DayControl
    classes: DayClasses
    risk: DayRisk
    samples: DaySamples
    single_limit_fen: int
    annual_limit_fen: int
    in_limit_share_1e4: int
    waybill_reuse_months: int
    units: dict[str, tuple[str, int]]
    counter_rules: list[tuple[str, Node]]
    counter_codes: frozenset[str]
    codes_on_counters: Callable[..., list[str]]
    read_beside: tuple[tuple[str, str], ...]
    counted_with: frozenset[str]
    reads: Mapping[str, tuple[ReadColumn, ...]]
    known: dict[str, CodeLaw] = field(default_factory=lambda: dict[str, CodeLaw]())

    def of_code(self, hs_code: str) -> CodeLaw:
        """What it says of an HS code ("": of goods that are not registered)."""
        if (found := self.known.get(hs_code)) is None:
            rate = self.rates.get(hs_code[:8])
            cap = next(((group, mg) for group, codes, mg in self.caps if hs_code.startswith(codes)), None)
            found = self.known[hs_code] = CodeLaw(rate, rate is not None and rate.item.by_quantity, cap)
        return found


@dataclass(frozen=True, eq=False)
class LawData:
    """`version`: hash of the `files`; `says`: (outcome, queue) of a finding code, `blames`: the documents; `units`: unit of a content →
    (measure, smallest units in it); `tariff`, `items`, `caps`, `control`: rows of tariff.csv, tax items of consumption.toml,
    entries of weights.toml and control.toml; `statuses`: returnStatus of a DOC code; `personal`: columns to be masked."""

    version: str
    files: Mapping[str, bytes]
    rules: dict[str, Any]
    limits: list[dict[str, Any]]
    tariff: list[dict[str, str]]
    items: list[tuple[str, date, date, TaxItem]]
    caps: list[dict[str, Any]]
    control: dict[str, Any]
    classes: dict[str, Any]
    risk: dict[str, Any]
    samples: dict[str, Any]
    units: dict[str, tuple[str, int]]
    says: dict[str, tuple[str, str]]
    blames: dict[str, int]
    statuses: dict[str, str]
    personal: frozenset[str]

    def limit(self, name: str, day: date) -> int:
        """The value in force: of the entries that have begun, the one that began last."""
        begun = [x for x in self.limits if x["name"] == name and x["from"] <= day]
        return max(begun, key=lambda x: x["from"])["value"]

    @lru_cache(maxsize=512)  # noqa: B019  one law data value lives as long as the verification
    def of_day(self, day_number: int) -> DayLaw:
        """The law of a day in Shanghai, counted from 1970-01-01."""
        day = date(1970, 1, 1) + timedelta(days=day_number)
        limits = {x["name"]: self.limit(x["name"], day) for x in self.limits if x["from"] <= day}
        by_class = classes.on(day, self.classes, self.says, limits)
        parts: dict[str, list[tuple[str, Node]]] = {"manifest": [], "line": [], "counters": []}
        rules = [rule for rule in self.rules["rule"] if date.fromisoformat(rule["since"]) <= day]
        names = {scope: self._names(scope, by_class) for scope in ("manifest", "line")}
        reads: dict[str, tuple[ReadColumn, ...]] = {}
        for rule in [*rules, *risk.in_force(day, self.risk)]:
            text = rule["when"]
            for name, value in limits.items():  # by class: a column that is derived under the limit's name
                text = text.replace("{" + name + "}", name if name in by_class.tolerances else str(value))
            node = parse(text, self._resolver(rule["scope"], by_class))
            parts["counters" if _reads_counters(node) else rule["scope"]].append((rule["code"], node))
            reads[rule["code"]] = tuple({names[rule["scope"]][of] for of in _columns(node)})
        signs, beside = risk.on(day, self.risk), tuple(sorted({of for _, node in parts["counters"] for of in _columns(node) if of[0] != "counted"}))
        leads_to = signs.leads_to({code for code, _ in parts["counters"]}) | ({"SYS-01"} if beside else set())
        return DayLaw(
            year=day.year,
            manifest_rules=parts["manifest"],
            line_rules=parts["line"],
            manifest_codes=compiled(parts["manifest"], HEAD_VARIABLES),
            line_codes=compiled(parts["line"], ("line",)),
            rates=self._rates(day),
            caps=[(x["group"], tuple(x["hs8"]), x["cap_mg"]) for x in self.caps if x["from"] <= day <= x["to"]],
            control=DayControl(day, self.control, self._last_days()),
            classes=by_class,
            risk=signs,
            samples=samples.on(day, self.samples),
            single_limit_fen=self.limit("single_limit_fen", day),
            annual_limit_fen=self.limit("annual_limit_fen", day),
            in_limit_share_1e4=self.limit("in_limit_share_1e4", day),
            waybill_reuse_months=self.limit("waybill_reuse_months", day),
            units=load().units,  # of the program: by them the registry is read, under whatever rule set
            counter_rules=parts["counters"],
            counter_codes=frozenset(leads_to),
            codes_on_counters=compiled(parts["counters"], (*HEAD_VARIABLES, "counted")),
            read_beside=beside,
            counted_with=frozenset({*signs.indicators, "SYS-01"}) if parts["counters"] else frozenset(),
            reads=reads,
        )

    def _rates(self, day: date) -> dict[str, Rate]:
        """The lines in force whose tax item is in force too."""
        items = {name: item for name, first, last, item in self.items if first <= day <= last}
        text = day.isoformat()  # ISO dates compare as texts
        return {
            r["hs8"]: Rate(int(r["provisional_1e4"] or r["tariff_1e4"]), int(r["vat_1e4"]), items[r["consumption"]])
            for r in self.tariff
            if r["from"] <= text <= r["to"] and r["consumption"] in items
        }

    def _last_days(self) -> dict[str, str]:
        """hs8 → the last day a row of it is in force."""
        found: dict[str, str] = {}
        for r in self.tariff:
            found[r["hs8"]] = max(r["to"], found.get(r["hs8"], ""))
        return found

    def _names(self, scope: str, by_class: DayClasses) -> dict[tuple[str, str], ReadColumn]:
        """How the columns of a scope are told, by (record, column); a limit that depends on a class reads the class."""
        resolve = self._resolver(scope, by_class)
        told = {resolve(name): name for name in self.rules["columns"][scope]}
        found = {(at.record, at.field): ReadColumn(name, at.record, at.field, name in self.personal) for at, name in told.items()}
        for limit, (role, _, _) in by_class.tolerances.items():
            name = f"{role}_class"
            found["derived", limit] = ReadColumn(name, "derived", name, name in self.personal)
        return found

    def _resolver(self, scope: str, by_class: DayClasses) -> Callable[[str], Column]:
        allowed = set(self.rules["columns"][scope])

        def resolve(name: str) -> Column:
            if scope == "manifest" and name in by_class.tolerances:
                return Column("derived", name)
            if name not in allowed:
                raise ConditionError(f"{name} is no column of a {scope}")
            if scope == "line":
                return Column("line", name.removeprefix("line_"))
            if name in COUNTERS:
                return Column("counted", name)
            if name in DERIVED:
                return Column("derived", name)
            kind, _, field = name.partition("_")
            return Column(kind, field)

        return resolve


def _reads_counters(node: Node) -> bool:
    return any(record == "counted" for record, _ in _columns(node))


def _columns(node: Node) -> set[tuple[str, str]]:
    """(record, column) of what a condition reads."""
    if isinstance(node, Column):
        return {(node.record, node.field)}
    return set().union(*map(_columns, node.parts)) if isinstance(node, Call) else set()


def day_number(time_ms: int) -> int:
    """The day in Asia/Shanghai that a time lies in, counted from 1970-01-01."""
    return (time_ms + SHANGHAI_MS) // DAY_MS


@lru_cache(maxsize=4)
def load(folder: Path = FOLDER) -> LawData:
    """Read the law data of a folder."""
    return of_files({name: (folder / name).read_bytes() for name in FILES})


@lru_cache(maxsize=8)
def of_packed(packed: bytes) -> LawData:
    """The law data of a rule set as table rule_set keeps it; whatever its bytes lead to when it is none."""
    parts: list[bytes] = []
    while packed:
        length = int.from_bytes(packed[:4], "big")
        if len(packed) < 4 + length:
            raise ValueError("it ends within a file")
        parts.append(packed[4 : 4 + length])
        packed = packed[4 + length :]
    return of_files({name.decode(): data for name, data in zip(parts[::2], parts[1::2], strict=True)})


def of_files(content: Mapping[str, bytes]) -> LawData:
    """The law data of a rule set's files by name."""
    version = hashlib.blake2b(digest_size=16)
    for name, data in sorted(content.items()):
        for part in (name.encode(), data):
            version.update(len(part).to_bytes(4, "big") + part)
    rules = tomllib.loads(content["rules.toml"].decode())
    of_risk = tomllib.loads(content["risk.toml"].decode())
    findings = [*rules["rule"], *rules["ledger"], *rules["engine"], *of_risk["band"]]
    consumption = tomllib.loads(content["consumption.toml"].decode())
    units = {u["name"]: (u["measure"], u["size"]) for u in consumption["unit"]}
    return LawData(
        version=version.hexdigest(),
        files=content,
        rules=rules,
        limits=tomllib.loads(content["limits.toml"].decode())["limit"],
        tariff=list(csv.DictReader(content["tariff.csv"].decode().splitlines())),
        items=[(x["name"], x["from"], x["to"], _tax_item(x, units)) for x in consumption["item"]],
        caps=tomllib.loads(content["weights.toml"].decode())["cap"],
        control=tomllib.loads(content["control.toml"].decode()),
        classes=tomllib.loads(content["classes.toml"].decode()),
        risk=of_risk,
        samples=tomllib.loads(content["samples.toml"].decode()),
        units=units,
        says={f["code"]: (f["outcome"], f.get("queue", "")) for f in findings},
        blames={f["code"]: sum(BITS[kind] for kind in f["blames"]) for f in findings},
        statuses={d["code"]: d["status"] for d in rules["document"]},
        personal=frozenset(rules["columns"]["personal"]),
    )


def _tax_item(entry: dict[str, Any], units: dict[str, tuple[str, int]]) -> TaxItem:
    """A tax item with its amounts by measure, each for so many smallest units."""

    def parts(name: str) -> dict[str, Amount] | None:
        if name not in entry:
            return None
        return {
            units[p["unit"]][0]: Amount(p["fen"], p.get("below_fen", 0), p["per"] * units[p["unit"]][1])
            for p in entry[name]
        }

    return TaxItem(entry["rate_1e4"], parts("specific"), parts("threshold"))
