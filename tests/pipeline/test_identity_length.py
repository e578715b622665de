"""ebpCode and orderNo stand in keys: the pipeline's reader and the verifier's refuse the same ones."""

import pytest

from agents.reading import read_records
from agents.records import Records
from loadtest.verify.documents import NoDocument, read
from tests.pipeline.trios import KINDS, example, rec

LONGEST = 200  # bytes of UTF-8
AT_MOST = ["A" * LONGEST, "样" * 66 + "AA", "𠮷" * 50]
LONGER = ["A" * (LONGEST + 1), "样" * 67, "𠮷" * 51, "A" * 5000]


@pytest.mark.parametrize("text", AT_MOST + LONGER)
@pytest.mark.parametrize("field", ["ebpCode", "orderNo"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_identity_has_at_most_200_bytes(kind: str, field: str, text: str) -> None:
    record = rec(kind, example()[kind] | {field: text}, 0)
    found = read_records({kind: Records.of([record])})
    try:
        code = ""
        read(kind, record.key, record.value)
    except NoDocument as e:
        code = e.code
    assert (code, [d.code for d in found.dead]) == (("DL-03", ["DL-03"]) if text in LONGER else ("", []))
