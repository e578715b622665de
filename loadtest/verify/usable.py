"""Whether a rule set that was refused (DL-07) really could not be used: the verifier's own reading (docs/decisions.md section 10).

It looks for one reason, not for all of them, and has none of the program's checks.
"""

import csv
import tomllib
from collections.abc import Container, Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from loadtest.verify import law, usable_lists
from loadtest.verify.conditions import Call, Column, Literal, Node
from loadtest.verify.usable_entries import Entry, bounds, clashes, dated, named, number, period, sourced

CODED = ("rule", "ledger", "engine", "document", "dead_letter")
OF_THE_PROGRAM = CODED[1:]
QUEUES = {"review", "orderer", "inspection"}
WAITING = {"GUA-01": "guarantee", "GUA-02": "guarantee", "STK-01": "stock", "STK-02": "stock"}
ONLY_HOLD = {"GUA-01", "GUA-02", "SYS-02"}
KINDS = {"none": (False, False), "ad_valorem": (True, False), "specific": (False, True), "compound": (True, True)}
FIELDS = ("hs8", "name", "tariff_1e4", "provisional_1e4", "vat_1e4", "consumption", "from", "to", "source", "sure")
MEASURES = {x for x, _ in law.load().units.values()}
TRUTHS = {
    "gnum_in_order", "one_indivisible_item", "buyer_id_valid", "payer_id_valid", "tax_known", "guarantor_related", "registered", "rated",
    "measured", "weighed", "listed", "mode_allowed", "name_allowed", "negative", "waste", "stopped", "watched", "self_use_exceeded",
    "self_use_day_exceeded", "self_use_month_exceeded", "brand_watched", *(f"{kind}_amount_{how}" for kind in law.BITS for how in ("out", "fine")),
}  # fmt: skip
NUMBERS = {"line_count", "line_gnum", "waybill_packNo", *law.COUNTERS} - TRUTHS


@lru_cache(maxsize=8)
def reason(content: bytes) -> str:
    """Why a packed rule set cannot be used; empty when nothing is found."""
    try:
        data = law.of_packed(content)
        if set(data.files) != set(law.FILES):
            return "its files are not those of a rule set"
        return next(_reasons(data), "")
    except Exception as e:  # whatever its bytes lead to: the program may not be led there
        return f"it cannot be read: {type(e).__name__}"


def _reasons(data: law.LawData) -> Iterator[str]:
    files = {name: tomllib.loads(text.decode()) for name, text in data.files.items() if name.endswith(".toml")}
    tariff = list(csv.DictReader(data.files["tariff.csv"].decode().splitlines()))
    sources = {x.get("id") for x in files["sources.toml"]["source"]}
    yield from _coded(files["rules.toml"])
    yield from _taxes(files["consumption.toml"], tariff, sources)
    yield from _limits(files["limits.toml"]["limit"])
    if not all(str(x.get(name, "")).strip() for x in files["limits.toml"].get("assumption", ()) for name in ("name", "en", "zh", "source")):
        yield "an assumption says nothing"
    yield from _caps(files["weights.toml"]["cap"], sources)
    yield from usable_lists.reasons(files, {row["hs8"] for row in tariff}, sources)
    begins = [*files["limits.toml"]["limit"], *files["weights.toml"]["cap"], *files["consumption.toml"]["item"], *tariff]
    begins += [x for name in ("control.toml", "classes.toml", "risk.toml", "samples.toml") for rows in files[name].values() for x in rows]
    first = min(date.fromisoformat(x["since"]) for x in data.rules["rule"])
    days = {date.fromisoformat(str(x["from"])) for x in begins if "from" in x} | {date.fromisoformat(x["since"]) for x in data.rules["rule"]}
    numbers = NUMBERS | {x["name"] for x in data.limits}
    for day in sorted(day for day in days if day >= first):
        of_day = data.of_day((day - date(1970, 1, 1)) // timedelta(days=1))  # compiles every condition in force
        for code, node in (*of_day.manifest_rules, *of_day.line_rules, *of_day.counter_rules):
            if (kind := type_of(node, numbers)) != "truth":
                yield f"{code} is no truth value but {kind}"
            if not any(True for _ in _columns(node)):
                yield f"{code} reads no column"


def _coded(rules: Mapping[str, Any]) -> Iterator[str]:
    ours = law.load().rules
    entries = [(table, x) for table in CODED for x in rules.get(table, ())]
    codes = [x["code"] for _, x in entries]
    if len(set(codes)) < len(codes):
        yield "a code stands twice"
    for table in OF_THE_PROGRAM:
        if {x["code"] for x in rules.get(table, ())} != {x["code"] for x in ours[table]}:
            yield f"the codes of {table} are not those of the program"
    for table, x in entries:
        if not all(str(x.get(name, "")).strip() for name in ("en", "zh", "todo", "todo_zh", "law")):
            yield f"{x['code']}: a text is missing"
        if not isinstance(x.get("sure", True), bool):
            yield f"{x['code']} says not whether it is sure"
        prefix, _, digits = x["code"].partition("-")
        if not (2 <= len(prefix) <= 6 and prefix.isascii() and prefix.isalpha() and prefix.isupper() and len(digits) in (2, 3) and digits.isdigit()):
            yield f"{x['code']} is no code"
        if table in ("rule", "ledger", "engine"):
            yield from _says(x)
        if table == "rule" and (x.get("scope") not in ("manifest", "line") or not isinstance(x.get("when"), str)):
            yield f"{x['code']}: no scope or condition"
    if {x["code"]: x["status"] for x in rules["document"]} != {x["code"]: x["status"] for x in ours["document"]}:
        yield "receipts have other statuses"
    columns, known = rules["columns"], ours["columns"]
    if any(set(columns.get(name, ())) - set(known[name]) for name in ("manifest", "line", "personal")):
        yield "columns that nothing computes"
    if set(known["personal"]) - set(columns["personal"]):
        yield "a personal column is not named as one"


def _says(x: Entry) -> Iterator[str]:
    outcome, queue, blames = x.get("outcome"), x.get("queue", ""), x.get("blames")
    waits = WAITING.get(x["code"])
    queues = {waits} if waits else QUEUES
    if outcome not in ("HOLD", *(() if x["code"] in ONLY_HOLD else ("REJECT",))) or (queue in queues) != (outcome == "HOLD") or (queue and queue not in queues):
        yield f"{x['code']}: outcome and queue do not fit"
    if not isinstance(blames, list) or set(map(str, blames)) - set(law.BITS) or (outcome == "REJECT" and not blames):
        yield f"{x['code']}: it blames no document, or something else"


def _taxes(consumption: Mapping[str, Any], tariff: list[dict[str, str]], sources: set[Any]) -> Iterator[str]:
    units: dict[str, Entry] = {}
    for x in consumption["unit"]:
        if x.get("measure") not in MEASURES or not number(x.get("size"), 1, 10**12) or not x.get("name") or x["name"] in units:
            yield "a unit is damaged"
        units[x["name"]] = x
    if {n: (x["measure"], x["size"]) for n, x in units.items()} != law.load().units:
        yield "units are not those of the program"
    for x in consumption["item"]:
        yield from sourced(x, sources)
        yield from dated(x)
        yield from _item(x, units)
    for row in tariff:
        if tuple(row) != FIELDS or None in row.values():
            yield "a row of the tariff has other fields"
        yield from sourced(row, sources)
        yield from dated(row)
        rates = {"tariff_1e4": (row["tariff_1e4"], 10_000), "vat_1e4": (row["vat_1e4"], 5_000), "provisional_1e4": (row["provisional_1e4"] or "0", 10_000)}
        if not all(text.isdigit() and int(text) <= most for text, most in rates.values()):
            yield "a rate is out of range"
        if not named(row["hs8"], (8,)) or row["hs8"].startswith("98"):
            yield "an hs8 is no line of the tariff's"
    yield from clashes(consumption["item"], "name")
    yield from clashes(tariff, "hs8")
    yield from _uncovered(consumption["item"], tariff)


def _item(x: Entry, units: Mapping[str, Entry]) -> Iterator[str]:
    if x.get("kind") not in KINDS or not x.get("name") or not number(x.get("rate_1e4"), 0, 9_000):
        yield "a tax item is damaged"
        return
    of_value, by_quantity = KINDS[x["kind"]]
    if (x["rate_1e4"] > 0) != of_value or ("specific" in x) != by_quantity or (x["kind"] == "none" and "threshold" in x):
        yield f"{x['name']}: rate and parts do not suit its kind"
    for name, most in (("specific", 100_000), ("threshold", 10**9)):
        parts = x.get(name, [])
        if any(p.get("unit") not in units for p in parts):
            yield f"{x['name']}: unknown unit"
            continue
        if len({units[p["unit"]]["measure"] for p in parts}) < len(parts):
            yield f"{x['name']}: two parts for one measure"
        for p in parts:
            fits = number(p.get("per"), 1, 10**12 // units[p["unit"]]["size"]) and number(p.get("fen"), 0, most)
            if not (fits and number(p.get("below_fen", 0), 0, most)):
                yield f"{x['name']}: out of range"


def _uncovered(items: list[dict[str, Any]], tariff: list[dict[str, str]]) -> Iterator[str]:
    """Days of a line on which its tax item is not in force."""
    for row in tariff:
        first, last = period(row)
        for begins, ends in sorted(period(x) for x in items if x["name"] == row["consumption"]):
            if begins <= first <= ends:
                if ends >= last:
                    break
                first = ends + timedelta(days=1)
        else:
            yield f"{row['hs8']}: its tax item is not in force"


def _limits(limits: list[dict[str, Any]]) -> Iterator[str]:
    for x in limits:
        sound = x.get("name") and str(x.get("source", "")).strip() and isinstance(x.get("sure"), bool) and isinstance(x.get("from"), date)
        if not (sound and number(x.get("value"), *bounds(x["name"]))):
            yield "a limit is damaged"
    if len({(x["name"], x["from"]) for x in limits}) < len(limits):
        yield "a limit stands twice"


def _caps(caps: list[dict[str, Any]], sources: set[Any]) -> Iterator[str]:
    for x in caps:
        group, codes = x.get("group"), x.get("hs8", [])
        sound = isinstance(group, str) and group.isascii() and group.isalpha() and codes and all(named(code, range(4, 9)) for code in codes)
        if not (sound and number(x.get("cap_mg"), 0, 10**12)):
            yield "a weight cap is damaged"
        yield from sourced(x, sources)
        yield from dated(x)
    yield from clashes(caps, "group")
    codes = [(code, period(x)) for x in caps for code in x["hs8"]]
    for n, (a, (since, until)) in enumerate(codes):
        for b, (first, last) in codes[n + 1 :]:
            if (a.startswith(b) or b.startswith(a)) and since <= last and first <= until:
                yield f"{b} is capped twice"


def _columns(node: Node) -> Iterator[Column]:
    if isinstance(node, Column):
        yield node
    elif isinstance(node, Call):
        for part in node.parts:
            yield from _columns(part)


def type_of(node: Node, numbers: Container[str]) -> str:
    """truth, number, text or time; ValueError when the parts of it do not go together. `numbers`: columns that are."""
    if isinstance(node, Literal):
        return {bool: "truth", int: "number", str: "text"}[type(node.value)]
    if isinstance(node, Column):
        return _type_of_column(node, numbers)
    kinds = [type_of(part, numbers) for part in node.parts]
    wanted = {"and": "truth", "or": "truth", "not": "truth", "+": "number", "-": "number", "*": "number", "length": "text", "trim": "text", "matches": "text"}
    if (kind := wanted.get(node.name)) and set(kinds) != {kind}:
        raise ValueError(f"{node.name} of {kinds}")
    if node.name in ("==", "!=", "<", "<=", ">", ">=", "in") and len(set(kinds)) > 1:
        raise ValueError(f"{node.name} of {kinds}")
    return "number" if node.name in ("+", "-", "*", "length") else "text" if node.name == "trim" else "truth"


def _type_of_column(column: Column, numbers: Container[str]) -> str:
    names = {column.field, f"{column.record}_{column.field}"}
    if names & TRUTHS:
        return "truth"
    if names & law.TIMES:
        return "time"
    return "number" if any(name in numbers for name in names) or column.field.endswith(("_e5", "_fen")) else "text"
