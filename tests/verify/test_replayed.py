"""The same records in the same batches leave the same rows and the same bytes, whoever processes them and when."""

import os
import sys
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from loadtest.generate import GeneratedSet
from tests.verify.replayed import Left, digest, left_by

ROOT = Path(__file__).parents[2]
OTHERS = ({"PYTHONHASHSEED": "1", "POLARS_MAX_THREADS": "1", "TZ": "UTC"}, {"PYTHONHASHSEED": "2", "POLARS_MAX_THREADS": "4", "TZ": "Asia/Shanghai"})


@pytest.fixture(scope="module")
def left(known: GeneratedSet) -> list[Left]:
    return left_by(known)


def test_again_in_this_process(known: GeneratedSet, left: list[Left]) -> None:
    again = left_by(known)
    assert [(one[0], place) for place, (one, other) in enumerate(zip(left, again, strict=True)) if one != other] == []
    assert digest(again) == digest(left)


def test_in_processes_that_hash_and_divide_otherwise(folder: Path, left: list[Left]) -> None:
    """The order of a set of texts is another in each, and so are polars' threads and the local time."""
    command = [sys.executable, "-m", "tests.verify.replayed", str(folder)]
    running = [Popen(command, cwd=ROOT, env=os.environ | other, stdout=PIPE, text=True) for other in OTHERS]
    found = [one.communicate()[0].strip() for one in running]
    assert [one.returncode for one in running] == [0, 0]
    assert found == [digest(left)] * 2


def test_it_holds_whatever_a_batch_can_leave(left: list[Left]) -> None:
    """Every kind of outcome and fate, what ledgers refuse, packed entries, reports and dead letters."""
    found: dict[str, list[dict[str, object]]] = {}
    for table, columns, rows in left:
        found.setdefault(table, []).extend(dict(zip(columns, row, strict=True)) for row in rows)
    assert {row["outcome"] for row in found["manifest"]} == {"RELEASE", "HOLD", "REJECT"}
    assert max(row["attempt"] for row in found["manifest"]) > 1  # type: ignore[type-var]
    assert {row["code"] for row in found["document_fate"]} == {f"DOC-0{n}" for n in range(1, 9)}
    codes = {"PAY-03", "WAY-06", "LIM-03", "LIM-04", "LIM-05", "GUA-01", "GUA-02", "STK-01", "STK-02", "VEL-01", "GDS-11", "RTY-01", "SYS-01"}
    assert codes - {row["code"] for row in found["finding"]} == set()
    written = {name for name, rows in found.items() if rows}
    assert written >= {
        "order_documents", "document_fate", "open_report", "dead_letter", "registry_entry", "sighting", "sighting_read", "number_use",
        "manifest", "manifest_line", "finding", "quota_held_entry", "quota_used_entries", "weight_held_entry", "weight_used_entries", "held",
        "quota_account", "weight_account", "guarantee_entry", "stock_entry", "outbox",
    }  # fmt: skip
    assert any(row["messages"] for row in found["outbox"])
