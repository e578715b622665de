"""What was found, which signs of risk were seen, what passed and what was not asked: code by code with the law behind it."""

from typing import Any

from rich.text import Text

from ops.commands.show import OUT, table
from ops.explain.names import called
from ops.explain.values import decimals, shown_value
from ops.explain.voice import Voice
from pipeline.rules import MASK

NOTED = "RELEASE"  # the outcome of a finding that decides nothing
MOST_LINES = 5


class Found(Voice):
    """See the module."""

    def _findings(self, every: bool) -> None:
        t, found = self.t, self.m["findings"]
        if not found:
            return
        rows = [(f["code"], self._outcome(f), self._said(f), self._read(f, every), self._law(f["law"])) for f in found]
        OUT.print(table(f"\n{t['found']}{self._in_brackets(str(len(found)))}", (t["code"], t["outcome"], t["meaning"], t["values"], t["law"]), rows))
        if any(MASK in read for _, _, _, read, _ in rows):
            OUT.print(f"[dim]{t['masked']}[/]")

    def _outcome(self, finding: dict[str, Any]) -> str:
        return self.t["noted" if finding["outcome"] == NOTED else finding["outcome"]]

    def _read(self, finding: dict[str, Any], every: bool) -> str:
        """What decided of that which a finding read (`every`: all of it), of which lines, against which limits, and by which
        entries of lists."""
        t, decided, values = self.t, finding["decided_by"], finding["values"]
        told = {} if every or not finding["amounts"] else values  # by the amounts, and not by the flag that there are some
        shown = {name: value for name, value in values.items() if (every or name in decided) and name not in finding["too_long"] and name not in told}
        shown |= {name: " " for name in finding["blank"] if values.get(name)}
        long = [self._too_long(name, values.get(name), **of) for name, of in finding["too_long"].items()]
        more = 0 if told else len(values) - len(shown) - len(long)
        rest = [t["more_values"].format(n=more)] if more and not every else []
        amounts, entries = [self._wrong_amount(x) for x in finding["amounts"]], [self._entry(x) for x in finding["entries"]]
        return "\n".join(filter(None, (*self._lines_of(finding), *long, *amounts, self._values(shown, finding["parameters"]), *self._had(finding), *entries, *rest)))

    def _lines_of(self, finding: dict[str, Any]) -> list[str]:
        """The lines it is true of, by the goods on them; of a great many the first ones."""
        t, items = self.t, finding["items"]
        said = [
            t["item"].format(
                **{name: x[name] or t["none"] for name in ("item_no", "item_name", "hs_code", "unit")},
                line=t["line_no"].format(n=x["line"]), qty=t["unknown"] if x["qty_e5"] is None else decimals(x["qty_e5"], 5),
            )
            for x in items[:MOST_LINES]
        ]  # fmt: skip
        return [*said, *([t["more_items"].format(n=len(items) - MOST_LINES)] if len(items) > MOST_LINES else [])]

    def _too_long(self, name: str, value: str | None, length: int, most: int) -> str:
        shown = self.t["too_long"].format(value=shown_value(name, value, self.t), n=length, most=most)
        return f"{called(name, self.t)}{self.t['colon']}{shown}"

    def _wrong_amount(self, x: dict[str, Any]) -> str:
        """An amount that is out of bounds, or finer than a fen."""
        of = "" if x["line"] is None else f"{self.t['line_no'].format(n=x['line'])}{self.comma}"
        shown = self.t["out_of_bounds"] if x["value"] is None else shown_value(x["name"], x["value"], self.t)
        return f"{of}{called(x['name'], self.t)}{self.t['colon']}{shown}"

    def _had(self, finding: dict[str, Any]) -> list[str]:
        """What was ordered before, beside which the lines are too much."""
        return [self.t["had"].format(hs_code=x["hs8"], unit=x["unit"], qty=decimals(x["qty_e5"], 5)) for x in finding["had"]]

    def _entry(self, found: dict[str, Any]) -> str:
        """An entry of a list of the goods control: what it covers, from when, and where it was seen."""
        entry, t = found["entry"], self.t
        unsure = "" if entry["sure"] else self._in_brackets(t["unsure"])
        kept = ((name, value) for name, value in entry.items() if name not in ("source", "sure", "to") and value)
        said = self._listed(f"{t.get(f'entry_{name}', name)} {self._plain(value)}" for name, value in kept)
        return f"{t['list_' + found['list']]}{t['colon']}{said}\n{t['source']}{t['colon']}{self._sources(found['sources'])}{unsure}"

    def _plain(self, value: Any) -> str:
        if isinstance(value, dict):
            return self.comma.join(self.t["of_unit"].format(unit=unit, n=most) for unit, most in value.items())  # pyright: ignore
        return self.comma.join(map(str, value)) if isinstance(value, list) else str(value)  # pyright: ignore

    def _risk(self, every: bool) -> None:
        """The signs that were seen with their points, and what these come to beside the bands."""
        t, signs, typologies = self.t, self.m["risk"]["signs"], self.m["risk"]["typologies"]
        if not signs and not every:
            return
        names = {x["name"]: x[self.lang] for x in typologies}
        if signs:
            rows = (
                (x["code"], self._said(x), "\n".join(f"{n}{t['colon']}{names[name]}" for name, n in x["points"].items() if name in names),
                 "\n".join(dict.fromkeys(self._values(r["values"]) for r in x["read"])) + self._against(x), self._law(x["law"]))
                for x in signs
            )  # fmt: skip
            OUT.print(table(f"\n{t['signs']}{self._in_brackets(str(len(signs)))}", (t["code"], t["meaning"], t["points"], t["values"], t["law"]), rows))
        else:
            OUT.print(Text(f"\n{t['no_signs']}", style="bold"))
        for x in typologies if every else (x for x in typologies if x["score"]):
            bands = t["or"].join(t["band"].format(n=b["at_least"], code=b["code"]) for b in x["bands"])
            reached = t["band_reached"].format(code=x["reached"]) if x["reached"] else t["band_none"]
            OUT.print(t["score"].format(name=x[self.lang], score=x["score"], bands=bands, reached=reached), highlight=False)

    def _against(self, entry: dict[str, Any]) -> str:
        return "".join(f"\n{self.t['held_against']} {self._value(name, value)}" for name, value in entry["parameters"].items())

    def _passed(self, every: bool) -> None:
        t, passed = self.t, self.m["passed"]
        if passed and not every:
            count = self._in_brackets(self._listed((str(len(passed)), t["passed_hint"])))
            OUT.print(Text(f"\n{t['passed']}{count}", style="bold"))
            families: dict[str, list[str]] = {}
            for r in passed:
                families.setdefault(r["code"].partition("-")[0], []).append(r["code"])
            OUT.print(table("", (t["family"], t["code"]), ((t.get(f"family_{name}", name), " ".join(sorted(codes))) for name, codes in families.items())))
        elif passed:
            rows = (
                (r["code"], "" if x["line"] is None else str(x["line"]), self._said(r), self._values(x["values"], r["parameters"]), self._law(r["law"]))
                for r in passed for x in r["read"]
            )  # fmt: skip
            OUT.print(table(f"\n{t['passed']}{self._in_brackets(str(len(passed)))}", (t["code"], t["line"], t["would"], t["values"], t["law"]), rows))
            if any(r["code"].startswith("SMP-") for r in passed):
                OUT.print(f"[dim]{t['secret'].format(order_no=self.m['order_no'])}[/]")
        self._not_asked()

    def _not_asked(self) -> None:
        reasons: dict[str, list[str]] = {}
        for x in self.m["not_asked"]:
            reasons.setdefault(x["why"], []).append(x["code"])
        if reasons:
            self._items("not_asked", [f"{' '.join(codes)}{self._in_brackets(self.t[why])}" for why, codes in reasons.items()])
