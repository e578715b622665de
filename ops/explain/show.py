"""A decision as a page for people who have never seen the system, in English or Chinese."""

import tomllib
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.padding import Padding
from rich.text import Text

from ops.commands.show import OUT, plain, table, yuan
from ops.explain import formulas
from ops.explain.gather import BEIJING
from ops.explain.values import decimals, kilogram, shown_value

NOTED = "RELEASE"  # the outcome of a finding that decides nothing
COLOUR = {"RELEASE": "green", "HOLD": "yellow", "REJECT": "red"}
WIDTH = 110  # of running text: longer lines are hard to read


@cache
def texts(lang: str) -> dict[str, str]:
    """The labels of a language: en or zh."""
    return tomllib.loads((Path(__file__).parent / "texts.toml").read_text())[lang]


@cache
def laws_zh() -> dict[str, str]:
    """Law or source of a rule → the same in Chinese."""
    return tomllib.loads((Path(__file__).parent / "laws_zh.toml").read_text())


def show(found: dict[str, Any], lang: str, every: bool) -> None:
    """Print every explained manifest; `every`: also what each rule read that found nothing."""
    for m in found["manifests"]:
        _Page(texts(lang), lang, m).print(every, found)


class _Page:
    """One decision in one language."""

    def __init__(self, labels: dict[str, str], lang: str, decision: dict[str, Any]) -> None:
        self.t, self.lang, self.m = labels, lang, decision

    def print(self, every: bool, found: dict[str, Any]) -> None:
        """The whole page, the answer first."""
        self._answer()
        self._agreement()
        self._findings()
        self._passed(every)
        self._tax()
        self._ledgers()
        self._documents(found["documents"])
        self._made_by()

    def _said(self, entry: dict[str, Any], name: str = "") -> str:
        """A text of a rule in the language, such as its meaning or (`todo`) what to do."""
        if not name:
            return entry[self.lang]
        return entry["todo_zh" if self.lang == "zh" and "todo_zh" in entry else "todo"]

    def _listed(self, words: Iterable[str]) -> str:
        return ("；" if self.lang == "zh" else "; ").join(dict.fromkeys(words))

    def _line(self, label: str, text: str, style: str = "bold") -> None:
        colon = "：" if self.lang == "zh" else ": "
        line = Text(f"{self.t[label]}{colon}", style=style)
        OUT.print(line.append(plain(text), style="not bold"), width=min(OUT.width, WIDTH))

    def _items(self, label: str, items: Sequence[str]) -> None:
        """One behind the label, several each on a line of its own."""
        if len(items) == 1:
            self._line(label, items[0])
            return
        self._line(label, "")
        for item in items:
            OUT.print(Padding(Text(plain(f"· {item}")), (0, 0, 0, 2)), width=min(OUT.width, WIDTH))

    def _in_brackets(self, text: str) -> str:
        return f"（{text}）" if self.lang == "zh" else f" ({text})"

    def _answer(self) -> None:
        t, m = self.t, self.m
        comma = "，" if self.lang == "zh" else ", "
        wait = f"{comma}{t['queue_' + m['queue']]}" if m["queue"] else ""
        OUT.print()
        OUT.rule(style="dim")
        number = escape(plain(m["order_no"]))
        OUT.print(comma.join((f"{t['order_number']} [bold]{number}[/]", f"{t['platform']} {escape(plain(m['ebp_code']))}", t["attempt"].format(n=m["attempt"]))))
        status = self._in_brackets(f"{t['return_status']} {m['return_status']}")
        OUT.print(f"[bold {COLOUR[m['outcome']]}]{t[m['outcome']]}[/][bold]{wait}[/]{status}")
        for r in m["revisions"]:
            when, decision = _beijing(r["revised_at"]), r["decision_id"].hex()
            OUT.print(t["revised"].format(outcome=t[r["outcome"]], time=when, n=r["revision"], decision=decision), style=COLOUR[r["outcome"]])
        self._items("why", self._why())
        self._items("what_to_do", self._to_do())
        if m["followed"]:
            OUT.print(t["next_attempt"].format(next=m["attempt"] + 1))

    def _why(self) -> list[str]:
        """What decided; a finding that is only noted did not."""
        t, m = self.t, self.m
        coded = {f["code"]: f"{self._said(f)}{self._in_brackets(f['code'])}" for f in m["findings"]}
        deciding = [coded[f["code"]] for f in m["findings"] if f["outcome"] == m["outcome"] != NOTED]
        held = [coded[f["code"]] for f in m["findings"] if f["outcome"] not in (m["outcome"], NOTED)]
        noted = [coded[f["code"]] for f in m["findings"] if f["outcome"] == NOTED]
        if m["outcome"] == NOTED:
            deciding = [t["why_but" if noted else "why_RELEASE"].format(rules=len(m["passed"]))]
        return [*deciding, *(t[name].format(texts=self._listed(said)) for said, name in ((held, "also_held"), (noted, "also_noted")) if said)]

    def _to_do(self) -> list[str]:
        m = self.m
        if m["revisions"]:
            return [self.t[f"to_do_revised_{m['revisions'][-1]['outcome']}"]]
        todos = [self._said(f, "todo") for f in m["findings"] if f["outcome"] == m["outcome"] != NOTED]
        if m["at_fault"]:
            joined = self.t["and"].join(self.t[kind] for kind in m["at_fault"])
            todos.append(self.t["at_fault"].format(kinds=joined))
        return list(dict.fromkeys(todos)) or [self.t["nothing_to_do"]]

    def _agreement(self) -> None:
        t, found = self.t, self.m["differences"]
        if not found:
            OUT.print(f"[dim]{t['agree']}[/]")
            return
        OUT.print(f"[bold white on red] {t['disagree']} [/]")
        OUT.print(table("", (t["what"], t["stored"], t["recomputed"]), ((d["what"], d["stored"], d["recomputed"]) for d in found)))

    def _values(self, values: dict[str, Any]) -> str:
        return "\n".join(f"{name} = {shown_value(name, value, self.t)}" for name, value in values.items())

    def _findings(self) -> None:
        t, found = self.t, self.m["findings"]
        if not found:
            return
        rows = ((f["code"], t["noted" if f["outcome"] == NOTED else f["outcome"]], self._said(f), self._values(f["values"] | self._limits_of(f)), self._law(f)) for f in found)
        OUT.print(table(f"\n{t['found']} ({len(found)})", (t["code"], t["outcome"], t["meaning"], t["values"], t["law"]), rows))
        if any("***" in str(v) for f in found for v in f["values"].values()):
            OUT.print(f"[dim]{t['masked']}[/]")

    def _law(self, entry: dict[str, Any]) -> str:
        return laws_zh()[entry["law"]] if self.lang == "zh" and entry["law"] in laws_zh() else entry["law"]

    def _limits_of(self, finding: dict[str, Any]) -> dict[str, Any]:
        """What the balance that a ledger saw was held against."""
        saw = finding["values"]
        if "balance_fen" in saw and "limit_fen" not in saw:
            return {"limit_fen": self.m["limits"]["annual_limit_fen"]}
        return {"limit_mg": self.m["caps"][saw["weight_group"]]} if "balance_mg" in saw else {}

    def _passed(self, every: bool) -> None:
        t, rules = self.t, self.m["passed"]
        if not rules:
            return
        if not every:
            count = self._in_brackets(self._listed((str(len(rules)), t["passed_hint"])))
            OUT.print(Text(f"\n{t['passed']}{count}", style="bold"))
            families: dict[str, list[str]] = {}
            for r in rules:
                families.setdefault(r["code"].partition("-")[0], []).append(r["code"])
            OUT.print(table("", (t["family"], t["code"]), ((t.get(f"family_{name}", name), " ".join(codes)) for name, codes in families.items())))
            return
        rows = (
            (r["code"], "" if x["line"] is None else str(x["line"]), self._said(r), self._values(x["values"]))
            for r in rules for x in r["read"]
        )  # fmt: skip
        OUT.print(table(f"\n{t['passed']} ({len(rules)})", (t["code"], t["line"], t["would"], t["values"]), rows))

    def _tax(self) -> None:
        t, m = self.t, self.m
        OUT.print(Text(f"\n{t['tax']}", style="bold"))
        if not m["taxed"]:
            OUT.print(t["not_taxed_REJECT" if m["outcome"] == "REJECT" else "not_taxed"])
            return
        total = {name: yuan(m[f"{key}_fen"]) for name, key in formulas.HEADS.items()}
        OUT.print(t["tax_total"].format(**total), t["withheld"].format(withheld=decimals(m["tax_total_e5"], 5)), sep="")
        full = m["dutiable_fen"] > m["limits"]["single_limit_fen"]
        OUT.print(t["full_rates" if full else "composite"].format(limit=yuan(m["limits"]["single_limit_fen"])))
        rows = (
            (x["line"], f"{x['item_no']} {x['item_name']}\nHS {x['hs_code']}", yuan(x["price_fen"]), yuan(x["fee_fen"]), yuan(x["dutiable_fen"]),
             formulas.told(x, t))
            for x in m["tax"]["lines"]
        )  # fmt: skip
        OUT.print(table("", (t["line"], t["goods"], t["price"], t["fees"], t["dutiable"], t["how"]), rows))

    def _ledgers(self) -> None:
        t, m = self.t, self.m
        OUT.print(Text(f"\n{t['ledgers']}", style="bold"))
        if not m["ledgers"] and not m["frozen"] and not m["stock"]:
            OUT.print(t["no_ledgers_REJECT" if m["outcome"] == "REJECT" else "no_ledgers"])
            return
        rows = [
            (t[f"account_{e['ledger']}"].format(year=e["year"], group=e["weight_group"]), self._balance(e, "before"), self._amount(e["amount"], e["unit"]),
             t[e["movement"]], self._balance(e, "after"), self._amount(self._limit(e), e["unit"]))
            for e in m["ledgers"]
        ]  # fmt: skip
        for e in m["frozen"]:
            account, amount, after = t["account_guarantee"].format(guarantor=m["guarantor_code"]), e["amount_fen"], e["frozen_after_fen"]
            before, now = (t["frozen_of"].format(frozen=f"CNY {yuan(x)}") for x in (after - amount, after))
            limit = "" if e["limit_fen"] is None else f"CNY {yuan(e['limit_fen'])}, {t['by_day']}"
            rows.append((account, before, f"CNY {yuan(abs(amount))}", t["freeze" if amount > 0 else "unfreeze"], now, limit))
        for x in m["stock"]:
            quantity = f"{Decimal(x['amount_e5']) / 100_000:f}".rstrip("0").rstrip(".")
            rows.append((t["account_stock"].format(item=x["book_item"]), "", quantity, t[f"stock_{x['movement']}"], "", t["by_entries"]))
        OUT.print(table("", (t["account"], t["before"], t["moved"], t["movement"], t["after"], t["limit"]), rows))

    def _limit(self, entry: dict[str, Any]) -> int:
        return self.m["limits"]["annual_limit_fen"] if entry["ledger"] == "quota" else self.m["caps"][entry["weight_group"]]

    def _balance(self, entry: dict[str, Any], when: str) -> str:
        amounts = {name: self._amount(entry[f"{name}_{when}"], entry["unit"]) for name in ("reserved", "used")}
        return self.t["balance_of"].format(**amounts)

    def _amount(self, amount: int, unit: str) -> str:
        return f"CNY {yuan(amount)}" if unit == "fen" else kilogram(amount)

    def _documents(self, every: list[dict[str, Any]]) -> None:
        t, m, used = self.t, self.m, self.m["documents"]
        rows = ((t[d["kind"]], f"{d['topic']}[{d['partition']}]@{d['offset']}", _beijing(d["log_time"])) for d in used)
        OUT.print(table(f"\n{t['documents']}", (t["document"], t["place"], t["time"]), rows))
        if others := [d for d in every if m["attempt"] not in d["used_by"]]:
            rows = ((t[d["kind"]], f"{d['topic']}[{d['partition']}]@{d['offset']}", _beijing(d["log_time"]), self._became(d)) for d in others)
            OUT.print(table(f"\n{t['others']}", (t["document"], t["place"], t["time"], t["fate"]), rows))

    def _became(self, document: dict[str, Any]) -> str:
        """What became of a document that this decision did not use."""
        if document["used_by"]:
            return self.t["used_elsewhere"].format(n=", ".join(map(str, document["used_by"])))
        return f"{self.t['fate_' + document['fate']]}{self._in_brackets(document['code'])}" if document["fate"] else self.t["waits"]

    def _made_by(self) -> None:
        t, m = self.t, self.m
        OUT.print()
        named = {name: m[f"{name}_code"] or t["none"] for name in ("guarantor", "declarant", "warehouse", "customs")}
        OUT.print(Text(plain(t["behind"].format(**named, mode=m["trade_mode"] or t["none"])), style="dim"))
        OUT.print(Text(t["made_by"].format(
            time=_beijing(m["accepted_at"]), rule_set=m["rule_set"], registry=m["registry_version"], batch=m["batch_seq"],
            lane=m["lane"], decision=m["decision_id"].hex(),
        ), style="dim"))  # fmt: skip


def _beijing(at: datetime) -> str:
    return f"{at.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"
