"""The registry as it was at a version, as far as a few manifests need it."""

from collections.abc import Iterable
from typing import Any

import polars as pl

from pipeline.manifests import Manifests
from pipeline.registry import BEHIND, NAMED, Registry
from schemas.filings import stored
from sinks.store import Store


async def registry_of(store: Store, manifests: Manifests, version: int) -> Registry:
    """The entries that these manifests read, as they held at `version`: all others they could not tell apart from missing."""
    filed = await _entries(store, _named(manifests), version)
    behind = [row for filing in filed if filing.table == "relations" for row in [filing.content]]
    codes = {"declarant_code": "declarantCode", "guarantor_code": "guarantorCode", "warehouse_code": "warehouseCode"}
    keys = {f"enterprise|{role}|{row[codes[column]]}" for row in behind for column, role in BEHIND.items()}
    filed += await _entries(store, keys, version)
    entries: dict[str, list[tuple[Any, ...]]] = {}
    for filing in filed:
        entries.setdefault(filing.table, []).append(filing.row())
    return Registry().changed(version, **entries)


def _named(manifests: Manifests) -> set[str]:
    heads = manifests.heads
    keys = {f"enterprise|{role}|{code}" for column, (role, _) in NAMED.items() for code in heads[column].to_list()}
    keys |= {f"relation|{ebp}|{ebc}" for ebp, ebc in heads.select("order_ebpCode", "order_ebcCode").iter_rows()}
    lines = pl.DataFrame([heads["order_ebcCode"][manifests.lines["m"]], manifests.lines["line_itemNo"]])
    return keys | {f"goods|{ebc}|{item}" for ebc, item in lines.iter_rows()}


async def _entries(store: Store, keys: Iterable[str], version: int) -> list[Any]:
    rows = await store.fetch("registry_as_of", pl.Series(sorted(keys), dtype=pl.String), version)
    return [stored(row["value"]) for row in rows]
