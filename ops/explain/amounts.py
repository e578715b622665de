"""The tax of a decision, line by line with the row of the tariff behind it, and the balances it moved."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from rich.text import Text

from ops.commands.show import OUT, table, yuan
from ops.explain import formulas
from ops.explain.formulas import percent
from ops.explain.values import decimals, kilogram
from ops.explain.voice import Voice

FOREVER = "9999-12-31"


class Amounts(Voice):
    """See the module."""

    def _tax(self) -> None:
        t, m = self.t, self.m
        OUT.print(Text(f"\n{t['tax']}", style="bold"))
        if not m["taxed"]:
            OUT.print(t["not_taxed_REJECT" if m["outcome"] == "REJECT" else "not_taxed"])
            return
        total = {name: yuan(m[f"{key}_fen"]) for name, key in formulas.HEADS.items()}
        OUT.print(t["tax_total"].format(**total), t["withheld"].format(withheld=decimals(m["tax_total_e5"], 5)), sep="")
        full = m["dutiable_fen"] > m["limits"]["single_limit_fen"]
        law = self._in_brackets(self._law(m["tax"]["law"]))
        said = t["full_rates" if full else "composite"]
        share = formulas.percent(m["limits"]["in_limit_share_1e4"])
        OUT.print(said.format(limit=yuan(m["limits"]["single_limit_fen"]), share=share) + law, highlight=False)
        rows = (
            (x["line"], f"{x['item_no']} {x['item_name']}\nHS {x['hs_code']}", yuan(x["price_fen"]), yuan(x["fee_fen"]), yuan(x["dutiable_fen"]),
             formulas.told(x, t))
            for x in m["tax"]["lines"]
        )  # fmt: skip
        OUT.print(table("", (t["line"], t["goods"], t["price"], t["fees"], t["dutiable"], t["how"]), rows))
        self._rates()

    def _rates(self) -> None:
        """The rows that gave the rates, each once, and where they were seen."""
        t, titles = self.t, dict[str, str]()
        rows: list[tuple[str, ...]] = []
        for row, item, lines in self._rated():
            titles |= row["sources"] | (item or {"sources": {}})["sources"]
            duty = row["tariff_1e4"] if row["provisional_1e4"] is None else row["provisional_1e4"]
            goods = t["invented"] if row["source"] == "synthetic" else row["name"]
            taxed = t["no_tax_item"] if item is None else f"{self._item(item)}\n{self._valid(item)}"
            rates = f"{t['tariff']} {percent(duty)}{self.comma}{t['vat']} {percent(row['vat_1e4'])}"
            rows.append((", ".join(lines), f"{row['hs8']} {goods}", rates, self._valid(row), taxed))
        OUT.print(table(t["rates"], (t["line"], t["rate_row"], t["of_rate_row"], t["valid_row"], t["consumption"]), rows))
        for name, title in titles.items():
            OUT.print(Text(f"{name}: {self._law(title)}", style="dim"))

    def _rated(self) -> Iterable[tuple[dict[str, Any], dict[str, Any] | None, list[str]]]:
        """Row, tax item and lines, of each row that lines were taxed by."""
        found: dict[str, tuple[dict[str, Any], dict[str, Any] | None, list[str]]] = {}
        for x in self.m["tax"]["lines"]:
            if x["rate_row"]:
                found.setdefault(x["rate_row"]["hs8"], (x["rate_row"], x["tax_item"], []))[2].append(str(x["line"]))
        return found.values()

    def _item(self, item: dict[str, Any]) -> str:
        """The tax item of the consumption tax with its rate; amounts by quantity stand in the calculation."""
        return self.t["tax_item"].format(name=item["name"]) + (f" {percent(item['rate_1e4'])}" if item["rate_1e4"] else "")

    def _valid(self, entry: dict[str, Any]) -> str:
        """From when and to when, by which sources, and whether it is sure."""
        begins, ends = str(entry["from"]), str(entry["to"])
        period = self.t["in_force_from"].format(begins=begins) if ends == FOREVER else self.t["in_force"].format(begins=begins, ends=ends)
        return f"{period}\n{', '.join(entry['sources'])}" + ("" if entry["sure"] else self._in_brackets(self.t["unsure"]))

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
            before, now = (t["frozen_of"].format(frozen=self._money(x)) for x in (after - amount, after))
            limit = "" if e["limit_fen"] is None else f"{self._money(e['limit_fen'])}{self.comma}{t['by_day']}"
            rows.append((account, before, self._money(abs(amount)), t["freeze" if amount > 0 else "unfreeze"], now, limit))
        for x in m["stock"]:
            quantity = f"{Decimal(x['amount_e5']) / 100_000:f}".rstrip("0").rstrip(".")
            quantity = t["of_unit"].format(n=quantity, unit=x["unit"]) if x["unit"] else quantity
            rows.append((t["account_stock"].format(item=x["book_item"]), "", quantity, t[f"stock_{x['movement']}"], "", t["by_entries"]))
        OUT.print(table("", (t["account"], t["before"], t["moved"], t["movement"], t["after"], t["limit"]), rows))

    def _limit(self, entry: dict[str, Any]) -> int:
        return self.m["limits"]["annual_limit_fen"] if entry["ledger"] == "quota" else self.m["caps"][entry["weight_group"]]

    def _balance(self, entry: dict[str, Any], when: str) -> str:
        amounts = {name: self._amount(entry[f"{name}_{when}"], entry["unit"]) for name in ("reserved", "used")}
        return self.t["balance_of"].format(**amounts)

    def _amount(self, amount: int, unit: str) -> str:
        return self._money(amount) if unit == "fen" else kilogram(amount, self.t)

    def _money(self, fen: int) -> str:
        return self.t["money"].format(amount=yuan(fen))
