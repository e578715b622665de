"""What was found, which signs of risk were seen, what passed and what was not asked: code by code with the law behind it."""

from typing import Any

from rich.text import Text

from ops.commands.show import OUT, table
from ops.explain.values import shown_value
from ops.explain.voice import Voice

NOTED = "RELEASE"  # the outcome of a finding that decides nothing


class Found(Voice):
    """See the module."""

    def _findings(self) -> None:
        t, found = self.t, self.m["findings"]
        if not found:
            return
        rows = ((f["code"], self._outcome(f), self._said(f), self._read(f), self._law(f["law"])) for f in found)
        OUT.print(table(f"\n{t['found']} ({len(found)})", (t["code"], t["outcome"], t["meaning"], t["values"], t["law"]), rows))
        if any("***" in str(v) for f in found for v in f["values"].values()):
            OUT.print(f"[dim]{t['masked']}[/]")

    def _outcome(self, finding: dict[str, Any]) -> str:
        return self.t["noted" if finding["outcome"] == NOTED else finding["outcome"]]

    def _read(self, finding: dict[str, Any]) -> str:
        """What a finding read, of which lines, against which limits, and by which entries of lists."""
        lines = [f"{self.t['line']} {', '.join(map(str, finding['lines']))}"] if finding["lines"] else []
        return "\n".join(filter(None, (*lines, self._values(finding["values"], finding["parameters"]), *map(self._entry, finding["entries"]))))

    def _entry(self, found: dict[str, Any]) -> str:
        """An entry of a list of the goods control: what it covers, from when, and where it was seen."""
        entry, t = found["entry"], self.t
        unsure = "" if entry["sure"] else self._in_brackets(t["unsure"])
        said = "; ".join(f"{name} {self._plain(value)}" for name, value in entry.items() if name not in ("source", "sure", "to") and value)
        return f"{t['list_' + found['list']]}: {said}\n{t['source']}: {self._sources(found['sources'])}{unsure}"

    def _plain(self, value: Any) -> str:
        if isinstance(value, dict):
            return ", ".join(f"{name} {most}" for name, most in value.items())  # pyright: ignore
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)  # pyright: ignore

    def _risk(self, every: bool) -> None:
        """The signs that were seen with their points, and what these come to beside the bands."""
        t, signs, typologies = self.t, self.m["risk"]["signs"], self.m["risk"]["typologies"]
        if not signs and not every:
            return
        names = {x["name"]: x[self.lang] for x in typologies}
        if signs:
            rows = (
                (x["code"], self._said(x), "\n".join(f"{n}: {names[name]}" for name, n in x["points"].items() if name in names),
                 "\n".join(dict.fromkeys(self._values(r["values"]) for r in x["read"])) + self._against(x), self._law(x["law"]))
                for x in signs
            )  # fmt: skip
            OUT.print(table(f"\n{t['signs']} ({len(signs)})", (t["code"], t["meaning"], t["points"], t["values"], t["law"]), rows))
        else:
            OUT.print(Text(f"\n{t['no_signs']}", style="bold"))
        for x in typologies if every else (x for x in typologies if x["score"]):
            bands = t["or"].join(t["band"].format(n=b["at_least"], code=b["code"]) for b in x["bands"])
            reached = t["band_reached"].format(code=x["reached"]) if x["reached"] else t["band_none"]
            OUT.print(t["score"].format(name=x[self.lang], score=x["score"], bands=bands, reached=reached), highlight=False)

    def _against(self, entry: dict[str, Any]) -> str:
        return "".join(f"\n{self.t['held_against']} {name} = {shown_value(name, value, self.t)}" for name, value in entry["parameters"].items())

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
            OUT.print(table(f"\n{t['passed']} ({len(passed)})", (t["code"], t["line"], t["would"], t["values"], t["law"]), rows))
            if any(r["code"].startswith("SMP-") for r in passed):
                OUT.print(f"[dim]{t['secret'].format(order_no=self.m['order_no'])}[/]")
        self._not_asked()

    def _not_asked(self) -> None:
        reasons: dict[str, list[str]] = {}
        for x in self.m["not_asked"]:
            reasons.setdefault(x["why"], []).append(x["code"])
        if reasons:
            self._items("not_asked", [f"{' '.join(codes)}{self._in_brackets(self.t[why])}" for why, codes in reasons.items()])
