"""trace: everything that is known of one order number, from arrival to receipts."""

import asyncio
import json
from typing import Annotated, Any

import polars as pl
import typer
from rich.markup import escape

from agents.reading import order_hashes
from ops.commands.lookups import Platform, nothing_came
from ops.commands.show import OUT, ZONE, AsJson, NotFound, plain, print_json, table, yuan
from ops.explain.values import beijing, clock
from ops.explain.voice import texts, values_told
from ops.ruling import texts_of
from ops.stock import taken
from pipeline.claims import number_of
from pipeline.documents import BIT, KINDS
from schemas.codec import decode_output
from schemas.contracts import topic_name, topics
from schemas.endpoints import Endpoints
from schemas.registry import adopt_ids
from sinks.guarantees import entries_of
from sinks.messages import unpack
from sinks.store import Store

COLOUR = {"RELEASE": "green", "HOLD": "yellow", "REJECT": "red"}


def trace(
    order_no: Annotated[str, typer.Argument(help="orderNo of the documents.")], platform: Platform = None, json_: AsJson = False
) -> None:
    """Tell all about an order number: documents, findings with the values read, tax, ledgers, decision, receipts.

    Several platforms may have the same order number: all matches are listed. Personal values are masked.
    """
    found = asyncio.run(gather(Endpoints.resolve().postgres, order_no, platform))
    if not found["documents"]:
        ask = "Was it sent, does a worker run (`tidegate doctor`), or could it not be read (`tidegate dead-letters list`)?"
        raise NotFound(f"{nothing_came(order_no, platform, found['platforms'])}. {ask}")
    if json_:
        print_json(found)
    else:
        show(found)


async def gather(dsn: str, order_no: str, platform: str | None) -> dict[str, Any]:
    """Documents, manifests (with findings, lines, entries, what they froze, uses, revisions, receipts) and open reports of an order number."""
    await adopt_ids(register=False)
    store = Store(dsn)
    key = order_hashes(pl.Series([order_no])).item()
    try:
        documents = [dict(r) for r in await store.fetch("trace_documents", key, order_no)]
        manifests = [dict(r) for r in await store.fetch("trace_manifests", key, order_no)]
        reports = [dict(r) for r in await store.fetch("trace_reports", key, order_no)]
        platforms = sorted({d["ebp_code"] for d in documents if d["ebp_code"]})
        if platform:  # a waybill may stand without platform: it is shown with the order that took it
            documents = [d for d in documents if d["ebp_code"] in (platform, "")]
            manifests, reports = ([r for r in rows if r["ebp_code"] == platform] for rows in (manifests, reports))
        for m in manifests:
            m["findings"] = [dict(r) for r in await store.fetch("trace_findings", m["manifest_id"])]
            meanings = await texts_of(store, m["rule_set"]) if m["findings"] else {}
            for f in m["findings"]:
                f["values_read"] = json.loads(f["values_read"])
                f |= {name: meanings[f["code"]][name] for name in ("en", "zh", "todo")}
            m["lines"] = [dict(r) for r in await store.fetch("trace_lines", m["manifest_id"])]
            m["entries"] = [dict(r) for r in await store.fetch("trace_entries", m["person_key"], m["manifest_id"])]
            m["frozen"] = entries_of(await store.fetch("trace_guarantee", m["guarantor_code"], m["manifest_id"]), m["manifest_id"])
            m["revisions"] = [dict(r) for r in await store.fetch("trace_revisions", m["manifest_id"])]
            m["stock"] = taken(m["outcome"], [f["code"] for f in m["findings"]], [r["outcome"] for r in m["revisions"]], m["lines"])
            numbers = [number_of("P", m["pay_code"], m["pay_transaction_id"]), number_of("W", m["logistics_code"], m["logistics_no"])]
            m["numbers"] = [dict(r) for r in await store.fetch("trace_uses", numbers, m["manifest_id"])]
        revisions = [r for m in manifests for r in m["revisions"]]
        touching = {(r["lane"], r["batch_seq"]) for r in [*documents, *manifests, *revisions, *reports]}
        touching |= {(d["fate_lane"], d["fate_batch_seq"]) for d in documents if d["fate"]}
        receipts = await _receipts(store, order_no, touching)
        dropped = await store.fetch("outbox_dropped")
    finally:
        await store.close()
    for d in documents:
        d["topic"] = topic_name(KINDS[d["kind"] - 1])
    return {
        "order_no": order_no, "platforms": platforms, "documents": documents, "manifests": manifests, "reports": reports,
        "receipts": receipts, "receipts_kept_from": dropped[0]["before"] if dropped else None,
    }  # fmt: skip


async def _receipts(store: Store, order_no: str, batches: set[tuple[int, int]]) -> list[dict[str, Any]]:
    """Receipts of the order number in the outbox rows of the batches that touched it."""
    index = next(t.index for t in topics() if t.kind == "receipt")
    found: list[dict[str, Any]] = []
    for lane, seq in sorted(batches):
        for row in await store.fetch("trace_outbox", lane, seq):
            for topic_index, key, value in unpack(row["messages"]):
                if topic_index == index and key.endswith(f"|{order_no}".encode()):
                    found.append(decode_output("receipt-1", value))
    return found


def show(found: dict[str, Any]) -> None:
    """Print what `gather` found, in the order things happened."""
    OUT.print(f"[bold]Order number[/] {escape(plain(found['order_no']))}")
    used = {
        (number, m[f"{kind}_partition"], m[f"{kind}_offset"]): m["attempt"]
        for m in found["manifests"] for number, kind in enumerate(KINDS, start=1)
    }  # fmt: skip
    rows = [
        (clock(d["log_time"]), f"{d['topic']}[{d['partition']}]@{d['kafka_offset']}",
         d["ebp_code"] or "(none)", _became(d, used))
        for d in found["documents"]
    ]  # fmt: skip
    OUT.print(table("Documents", (f"logged ({ZONE})", "place", "platform", "what became of it"), rows))
    for m in found["manifests"]:
        _show_manifest(m)
    if not found["manifests"]:
        OUT.print("Not decided: a document is missing. [bold]tidegate waiting[/] says which, and from whom.")
    if found["reports"]:
        OUT.print(table("Reported as open", ("reported", "attempt", "code", "missing"),
                        ((r["reported_at"], r["attempt"], r["code"], ", ".join(k for k in KINDS if r["missing"] & BIT[k]))
                         for r in found["reports"])))  # fmt: skip
    since = found["receipts_kept_from"]
    if since and found["documents"] and found["documents"][0]["log_time"] < since:
        OUT.print(f"Receipts published before {beijing(since)} ({ZONE}) are not kept here any more: they stand on {topic_name('receipt')}.")
    if not found["receipts"]:
        OUT.print("No receipt so far." if since is None else "No receipt since then.")
        return
    OUT.print(table("Receipts", ("subject", "return status", "order / payment / waybill", "info"),
                    ((r["subject"] + (f" {r['kind']}" if r["kind"] else ""), r["returnStatus"],
                      f"{r['orderStatus'] or '-'} / {r['paymentStatus'] or '-'} / {r['waybillStatus'] or '-'}", r["returnInfo"])
                     for r in found["receipts"])))  # fmt: skip


def _became(d: dict[str, Any], used: dict[tuple[int, int, int], int]) -> str:
    attempt = used.get((d["kind"], d["partition"], d["kafka_offset"]))
    if attempt:
        return f"used by attempt {attempt}"
    if d["fate"]:
        by = f" by @{d['by_offset']} of partition {d['by_partition']}" if d["by_offset"] is not None else ""
        return f"{d['fate']} ({d['code']}){by}"
    return "waiting"


def _show_manifest(m: dict[str, Any]) -> None:
    queue = f", queue {m['queue']}" if m["queue"] else ""
    OUT.print(f"\n[bold]Attempt {m['attempt']}: [{COLOUR[m['outcome']]}]{m['outcome']}[/]{queue}[/], return status {m['return_status']}")
    OUT.print(
        f"accepted {beijing(m['accepted_at'])} ({ZONE}), mode {m['trade_mode'] or '-'}, dutiable CNY {yuan(m['dutiable_fen'])}, "
        f"tax CNY {yuan(m['tax_fen'])}{'' if m['taxed'] else ' (not taxed)'}; rule set {m['rule_set']}, "
        f"lane {m['lane']} batch {m['batch_seq']}, {'published' if m['published'] else 'not yet published'}, decision {m['decision_id'].hex()}"
    )
    for r in m["revisions"]:
        OUT.print(
            f"[bold]Revision {r['revision']}: [{COLOUR[r['outcome']]}]{r['outcome']}[/][/], return status {r['return_status']}, {beijing(r['revised_at'])} ({ZONE}); "
            f"lane {r['lane']} batch {r['batch_seq']}, {'published' if r['published'] else 'not yet published'}, decision {r['decision_id'].hex()}"
        )
    if m["findings"]:
        OUT.print(table("Findings", ("code", "outcome", "meaning", "values read", "what to do"), (
            (f["code"], f["outcome"], f"{f['en']}\n{f['zh']}",
             "\n".join(values_told(f["values_read"], texts("en"))), f["todo"])
            for f in m["findings"])))  # fmt: skip
    else:
        OUT.print("No findings: every check passed.")
    OUT.print(table("Lines, amounts in CNY", ("line", "item", "HS code", "quantity", "total", "dutiable", "tariff + consumption tax + VAT"), (
        (x["line_no"], x["item_no"], x["hs_code"] or "-", _of_unit(x["qty_e5"], x["unit"]), _units(x["total_price_e5"]), yuan(x["dutiable_fen"]),
         " + ".join(yuan(x[f"{tax}_fen"]) for tax in ("tariff", "consumption_tax", "vat")))
        for x in m["lines"])))  # fmt: skip
    entries = [_entry(e) for e in m["entries"]]
    entries += [
        (f"guarantee of {m['guarantor_code']}", f["entry_no"], "freeze" if f["amount_fen"] > 0 else "give back", f"CNY {yuan(f['amount_fen'])}", f"frozen CNY {yuan(f['frozen_after_fen'])}")
        for f in m["frozen"]
    ]  # fmt: skip
    entries += [(f"stock of {x['book_item']}", "", x["movement"], _of_unit(x["amount_e5"], x["unit"]), "") for x in m["stock"]]
    entries += [(f"number {u['number']}", u["use_no"], "in use", "", "") for u in m["numbers"]]
    if entries:
        OUT.print(table("Ledgers", ("account", "entry", "movement", "amount", "balance after"), entries))


def _entry(e: dict[str, Any]) -> tuple[str, int, str, str, str]:
    """A row of the ledgers."""
    name = "personal quota" if e["ledger"] == "quota" else f"yearly weight of {e['weight_group']}"
    amount, reserved, used = (_amount(e[x], e["unit"]) for x in ("amount", "reserved_after", "used_after"))
    return (f"{name} {e['year']}, person {e['person_key'].hex()[:8]}…", e["entry_no"], f"{e['movement']}: {e['debit']} → {e['credit']}",
            amount, f"reserved {reserved}, used {used}")  # fmt: skip


def _amount(value: int, unit: str) -> str:
    return f"CNY {yuan(value)}" if unit == "fen" else f"{value // 10**6}.{value % 10**6:06d} kg"


def _of_unit(value_e5: int | None, unit: str) -> str:
    return f"{_units(value_e5)} of unit {unit}" if unit else _units(value_e5)


def _units(value_e5: int | None) -> str:
    return "-" if value_e5 is None else f"{value_e5 / 100_000:,.5f}".rstrip("0").rstrip(".")
