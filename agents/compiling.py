"""What a worker does before a lane waits for it: loops are compiled, and what only starting needed leaves its memory."""

import ctypes
import sys
from pathlib import Path

import polars as pl

from agents.reading import NONE, read_records
from agents.records import Records
from pipeline.documents import KINDS
from schemas.contracts import avro, newest
from schemas.encode import encode_frame
from schemas.walk import walk
from sinks.arrays import KINDS as ARRAYS
from sinks.messages import packed_by_lane
from sinks.record_batches import record_batches

_MADV_DONTNEED = 4


def compile_loops() -> None:
    """Run every loop over bytes once over nothing: seconds the first time on a machine, then none."""
    Records.of_batch("", 0, 0, 0, (0, -1), NONE.buffer, 0, 0)
    read_records({})
    for kind in KINDS:
        walk(newest(kind), NONE.values)
    receipt = {f["name"]: [""] if f["type"] == "string" else [0] for f in avro("receipt-1")["fields"]}
    message = pl.DataFrame({"lane": [0], "topic": [0], "key": [b""]})
    packed_by_lane(message, encode_frame("receipt-1", pl.DataFrame(receipt)))
    list(record_batches([b""], 0, 0))
    for array in ARRAYS:
        array.encoded([])


def let_code_go() -> None:
    """Take the code of all libraries out of this process's memory: the compiler's alone is 50 MB. What is called comes
    back from its file, page by page. Linux only; elsewhere nothing happens."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, rights, *_, path = line.split(maxsplit=5)
        if rights == "r-xp" and ".so" in path:  # never written: what is read again is what was there
            begin, end = (int(address, 16) for address in span.split("-"))
            if libc.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), _MADV_DONTNEED):
                raise OSError(ctypes.get_errno(), "madvise")


if __name__ == "__main__":
    compile_loops()
