"""Manifests as they stood before they were judged: from the documents they used, as those came."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from agents.reading import as_documents, read_stored
from pipeline.attempts import PAIRS
from pipeline.documents import KINDS, Documents
from pipeline.manifests import Manifests, assemble
from pipeline.sightings import as_counted
from sinks.store import Store
from sinks.stored import StoredDocuments


class Incomplete(RuntimeError):
    """A document that a decision used is not in table `document` any more."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """`manifests`: as pipeline.manifests.assemble makes them, with what was counted when they were decided; `rows`: of table manifest, one each, in their order."""

    manifests: Manifests
    rows: Sequence[Any]


async def recall(store: Store, rows: Sequence[Any]) -> Recalled:
    """The manifests of some rows of table manifest (order_hash, ebp_code, attempt and the places of the documents).

    Incomplete when a document is not kept any more.
    """
    hashes = pl.Series([row["order_hash"] for row in rows], dtype=pl.Int64).unique().sort()
    none = pl.Series(dtype=pl.Int64)
    found = await store.fetch("documents_of_orders", hashes, [], [], none) if len(hashes) else []
    documents = as_documents(read_stored(StoredDocuments.of(row[0] for row in found)), stored=True)
    manifests = assemble(documents, _complete(documents, rows))
    packed = pl.Series([row["counters"] for row in rows], dtype=pl.Binary)
    return Recalled(Manifests(as_counted(manifests.heads, packed), manifests.lines), rows)


def _complete(documents: Documents, rows: Sequence[Any]) -> pl.DataFrame:
    """Which documents each manifest used (attempts.PAIRS)."""
    columns: dict[str, pl.Series] = {
        "ebp_code": pl.Series([row["ebp_code"] for row in rows], dtype=pl.String),
        "attempt": pl.Series([row["attempt"] for row in rows], dtype=pl.Int16),
    }
    for kind in KINDS:
        places = pl.DataFrame(
            [(row[f"{kind}_partition"], row[f"{kind}_offset"]) for row in rows],
            schema={"partition": pl.Int16, "offset": pl.Int64}, orient="row",
        )  # fmt: skip
        there = documents.of(kind).select(pl.col("partition").cast(pl.Int16), pl.col("offset").cast(pl.Int64)).with_row_index(kind)
        at = places.join(there, on=["partition", "offset"], how="left", maintain_order="left")[kind]
        if at.null_count():
            raise Incomplete(f"{at.null_count()} documents of kind {kind} that decisions used are not kept any more")
        columns[kind] = at.cast(pl.UInt32)
    return pl.DataFrame([columns[name].alias(name) for name in PAIRS])
