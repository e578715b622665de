"""Lists, classes, risk and samples of a rule set, as far as they decide whether it can be used (usable.py)."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, cast

from loadtest.verify.usable_entries import Entry, bounds, clashes, dated, named, number, period, sourced

CONTROL: dict[str, tuple[str, ...]] = {
    "positive": ("hs",), "negative": ("hs",), "self_use": ("hs",), "watch": ("hs",), "waste": ("hs",), "stop": ("hs", "country"), "brand": ("name",),
}  # fmt: skip
CLASSES = {"aeo", "general", "dishonest"}
NOT_BY_CLASS = {"PAY-03", "WAY-06", "LIM-03", "LIM-04", "GUA-01", "GUA-02", "STK-01", "STK-02", "SMP-01", "SMP-02", "SYS-02"}
NEVER_RELEASED = {"REG-02", "TAX-01", "LIM-05", "SYS-01"}
QUEUES = {"review", "orderer", "inspection"}
Files = Mapping[str, Mapping[str, Any]]


def reasons(files: Files, hs8: set[str], sources: set[Any]) -> Iterator[str]:
    """Why one of them cannot be used. `files`: by name; `hs8`: lines of the tariff."""
    yield from _control(files["control.toml"], hs8, sources)
    yield from _classes(files, sources)
    yield from _risk(files["risk.toml"], {x["code"] for kind in ("rule", "ledger", "engine") for x in files["rules.toml"][kind]}, sources)
    yield from _samples(files["samples.toml"], sources)


def _control(control: Mapping[str, list[dict[str, Any]]], hs8: set[str], sources: set[Any]) -> Iterator[str]:
    for kind, keys in CONTROL.items():
        for x in control.get(kind, []):
            yield from sourced(x, sources)
            yield from dated(x)
            if "hs" in keys and not named(x.get("hs"), range(2, 9)):
                yield "no HS code"
            elif kind == "positive" and x["hs"] not in hs8:
                yield "a footnote of no line"
            elif kind in ("self_use", "watch") and not any(line.startswith(x["hs"]) for line in hs8):
                yield "nothing of it is on the list"
            if not _fits(kind, x):
                yield f"a {kind} is damaged"
        yield from clashes(control.get(kind, []), *keys)
    quantities = [(x["hs"], period(x)) for x in control.get("self_use", [])]
    for a, (since, until) in quantities:
        if any(b != a and b.startswith(a) and since <= last and first <= until for b, (first, last) in quantities):
            yield f"a quantity lies within that of {a}"


def _fits(kind: str, x: Entry) -> bool:
    if kind == "positive":
        names = [name for key in ("names", "excluded") if key in x for name in x[key] or [""]]
        modes = x.get("modes", ["1210"])
        return bool(set(x) & {"modes", "names", "excluded"}) and bool(modes) and set(modes) <= {"1210", "9610"} and all(map(_is_name, names))
    if kind == "self_use":
        tables: list[Any] = [x.get("parcel"), *(x[time] for time in ("day", "month") if time in x)]
        return all(map(_is_quantities, tables)) and all(
            unit in tables[0] and most >= shorter.get(unit, 1)
            for shorter, longer in pairwise(tables) for unit, most in longer.items()
        )  # fmt: skip
    if kind == "stop":
        return named(x.get("country"), (3,))
    return kind != "brand" or _is_name(x.get("name"))


def _is_quantities(table: object) -> bool:
    if not isinstance(table, dict):
        return False
    units = cast("dict[str, Any]", table)
    return bool(units) and all(named(unit, (3,)) and number(most, 1, 10**6) for unit, most in units.items())


def _is_name(name: object) -> bool:
    return isinstance(name, str) and len(name) >= 2 and name == name.strip()


def _classes(files: Files, sources: set[Any]) -> Iterator[str]:
    classes, rules = files["classes.toml"], files["rules.toml"]
    findings = [*(x for kind in ("rule", "ledger", "engine") for x in rules[kind]), *files["risk.toml"]["band"]]
    says, blames = ({x["code"]: x[what] for x in findings} for what in ("outcome", "blames"))
    limits = {x["name"] for x in files["limits.toml"]["limit"]}
    for kind, keys in (("outcome", ("code", "class")), ("tolerance", ("name", "of", "class")), ("treatment", ("class", "kind", "en"))):
        for x in classes.get(kind, []):
            yield from sourced(x, sources)
            yield from dated(x)
            if x.get("class") not in CLASSES:
                yield "an unknown class"
        yield from clashes(classes.get(kind, []), *keys)
    for x in classes.get("outcome", []):
        code, outcome, queue = x["code"], x.get("outcome"), x.get("queue", "")
        if says.get(code) != "HOLD" or code in NOT_BY_CLASS or (code in NEVER_RELEASED and outcome == "RELEASE"):
            yield f"{code} does not go by class"
        elif outcome == "REJECT" and not blames[code]:
            yield f"{code} would reject and blames nothing"
        if outcome not in ("RELEASE", "HOLD", "REJECT") or (queue in QUEUES) != (outcome == "HOLD") or (queue and queue not in QUEUES):
            yield f"{code}: outcome and queue do not fit"
    roles: dict[str, str] = {}
    for x in classes.get("tolerance", []):
        if x["name"] not in limits or x.get("of") not in ("platform", "ecommerce") or not number(x.get("value"), *bounds(x["name"])):
            yield "a tolerance is damaged"
        if roles.setdefault(x["name"], x["of"]) != x["of"]:
            yield "a limit goes by the class of two roles"
    for x in classes.get("treatment", []):
        if x.get("kind") not in ("reward", "penalty") or not all(str(x.get(name, "")).strip() for name in ("en", "zh")):
            yield "a treatment is damaged"


def _risk(risk: Mapping[str, list[dict[str, Any]]], codes: set[str], sources: set[Any]) -> Iterator[str]:
    texts = {"typology": ("name", "en", "zh"), "indicator": ("code", "when", "en", "zh"), "band": ("code", "en", "zh", "todo", "todo_zh", "law", "since")}
    for kind, names in texts.items():
        if any(not str(x.get(name, "")).strip() for x in risk[kind] for name in names):
            yield f"a text of a {kind} is missing"
    typologies = [x["name"] for x in risk["typology"]]
    for x in risk["indicator"]:
        yield from sourced(x, sources)
        yield from dated(x)
        points = x.get("points")
        if x.get("scope") not in ("manifest", "line") or not isinstance(points, dict) or not points:
            yield f"{x['code']} is damaged"
        elif any(name not in typologies or not number(given, 1, 1000) for name, given in points.items()):
            yield f"{x['code']} gives points that are none"
    for x in risk["band"]:
        known = x["code"] not in codes and x.get("typology") in typologies
        if not (known and number(x.get("at_least"), 1, 10_000) and x.get("outcome") == "HOLD" and x.get("queue") in QUEUES and isinstance(x.get("sure", True), bool)):
            yield f"{x['code']} is damaged"
    bands = [(x["typology"], x["at_least"]) for x in risk["band"]]
    for found in (typologies, [x["code"] for x in risk["band"]], bands):
        if len(set(found)) < len(found):
            yield "something about risk stands twice"
    yield from clashes(risk["indicator"], "code")


def _samples(samples: Mapping[str, list[dict[str, Any]]], sources: set[Any]) -> Iterator[str]:
    categories = samples["category"]
    names, chapters = [x.get("name") for x in categories], [chapter for x in categories for chapter in x["chapters"]]
    if not all(names) or categories[-1]["chapters"] or not all(x["chapters"] for x in categories[:-1]):
        yield "categories are damaged"
    if len(set(chapters)) < len(chapters) or not all(named(chapter, (2,)) for chapter in chapters):
        yield "chapters are damaged"
    for x in samples["rate"]:
        yield from sourced(x, sources)
        yield from dated(x)
        if x.get("class") not in CLASSES or x.get("category") not in names:
            yield "a rate of nothing"
        for mode in ("bonded", "direct"):
            if set(x[mode]) != {"review_1e6", "inspection_1e6"} or not all(number(rate, 0, 400_000) for rate in x[mode].values()):
                yield "a rate is out of range"
    if {(x["class"], x["category"]) for x in samples["rate"]} != {(c, name) for c in CLASSES for name in names}:
        yield "a rate is missing"
    yield from clashes(samples["rate"], "class", "category")
