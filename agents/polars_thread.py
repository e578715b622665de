"""Runs the worker where polars computes: on the one thread of its pool.

Called from any other thread, most of what polars does is handed to its pool and waited for: two switches of threads each time,
thousands of times a batch, and the data moves between the caches of two cores (docs/adr/0017-on-polars-thread.md).
"""

from collections.abc import Callable

import polars as pl

ROW = pl.DataFrame({"work": [0], "beside": [0]})


def on_polars_thread(work: Callable[[], None]) -> None:
    """Run `work` on a thread of polars' pool and wait for it. Where the pool has but one, nobody else may call polars meanwhile:
    he would wait for its end. What `work` raises comes as polars' ComputeError."""

    def called(column: pl.Series) -> pl.Series:
        work()
        return column

    # one expression alone would be computed by the caller
    ROW.select(pl.col("work").map_batches(called, return_dtype=pl.Int64), pl.col("beside").sum())
