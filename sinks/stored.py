"""Documents read back from PostgreSQL: one byte string a row, so that none of them costs an object a column."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from schemas.packed import Packed

# What sql/documents_of_orders.sql puts before each value: in network order, the time in microseconds since 2000.
HEAD = np.dtype([("order_hash", ">i8"), ("kind", ">i2"), ("partition", ">i2"), ("offset", ">i8"), ("log_time", ">i8")])
_EPOCH_MS = 946_684_800_000  # 2000-01-01, where PostgreSQL's times begin


@dataclass(frozen=True, slots=True)
class StoredDocuments:
    """`heads` (HEAD) and the values as they came by Kafka, row by row."""

    heads: NDArray[np.void]
    values: Packed

    @classmethod
    def of(cls, rows: Iterable[bytes]) -> "StoredDocuments":
        """Rows of sql/documents_of_orders.sql."""
        packed = Packed.of(list(rows))
        heads = packed.buffer[packed.begins[:, None] + np.arange(HEAD.itemsize)]
        return cls(heads.view(HEAD).reshape(-1), Packed(packed.buffer, packed.begins + HEAD.itemsize, packed.ends))

    def __len__(self) -> int:
        return len(self.heads)

    def of_kind(self, kind: int) -> "StoredDocuments":
        """1: orders, 2: payments, 3: waybills."""
        return self.at(np.flatnonzero(self.heads["kind"] == kind))

    def at(self, rows: NDArray[np.integer]) -> "StoredDocuments":
        return StoredDocuments(self.heads[rows], self.values.at(rows))

    def column(self, name: str) -> pl.Series:
        """One of HEAD, in the machine's order; log_time in milliseconds since 1970."""
        values = self.heads[name].astype(HEAD[name].newbyteorder("="))
        return pl.Series(name, values // 1000 + _EPOCH_MS if name == "log_time" else values)
