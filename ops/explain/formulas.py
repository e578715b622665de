"""How the tax of a line comes about, as a calculation that can be done again by hand (docs/decisions.md section 7)."""

from typing import Any

from ops.commands.show import yuan

HEADS = {"total": "tax", "tariff": "tariff", "consumption": "consumption_tax", "vat": "vat", "dutiable": "dutiable"}


def told(line: dict[str, Any], labels: dict[str, str]) -> str:
    """One calculation a line for each tax that is levied; taxes at a rate of nothing are left out."""
    if line["vat_1e4"] is None:
        return labels["no_rate"]
    dutiable, duty, rate = yuan(line["dutiable_fen"]), line["tariff_1e4"], line["consumption_1e4"]
    base = f"{dutiable} × (1 + {percent(duty)})" if duty else dutiable
    specific = line["amount"] / (line["per"] * 100)  # CNY; shown only, computed exactly elsewhere
    above = f"({base} + {specific:,.4f})" if line["amount"] else base
    whole = f"{above} ÷ (1 − {percent(rate)})" if rate else above
    share = "" if line["share_1e4"] == 10_000 else f" × {percent(line['share_1e4'])}"
    said: list[str] = []
    if duty:
        said.append(f"{labels['tariff']} {yuan(line['tariff_fen'])} = {dutiable} × {percent(duty)}")
    if rate or line["amount"]:
        parts = [f"{whole} × {percent(rate)}"] if rate else []
        parts += [f"{specific:,.4f}"] if line["amount"] else []
        inner = " + ".join(parts)
        said.append(f"{labels['consumption']} {yuan(line['consumption_fen'])} = {f'({inner})' if len(parts) > 1 and share else inner}{share}")
    said.append(f"{labels['vat']} {yuan(line['vat_fen'])} = {whole} × {percent(line['vat_1e4'])}{share}")
    return "\n".join(said)


def percent(rate_1e4: int) -> str:
    """A rate in 10^-4."""
    return f"{rate_1e4 / 100:g}%"
