"""Rule sets as one value, and the events that name them."""

import pytest

from loadtest.verify import law, rule_sets
from loadtest.verify.documents import NoDocument
from loadtest.verify.evidence import Record
from schemas import law_pack
from schemas.codec import DecodeError
from schemas.law_check import LawError
from schemas.lawbook import FILES, FOLDER, load, of_content
from schemas.rule_events import RuleEvent, read, written

SET = "0123456789abcdef" * 2


def test_a_pack_is_unpacked_again() -> None:
    files = {"b": b"\0\1", "a": b"", "ü.toml": b"x"}
    assert law_pack.unpacked(law_pack.packed(files)) == files
    assert law_pack.packed(files) == law_pack.packed(dict(reversed(files.items())))
    assert law_pack.packed({"a": b"bc"}) == b"\0\0\0\1a\0\0\0\2bc"


@pytest.mark.parametrize("content", [b"\0\0\0\1a", b"\0\0\0\1a\0\0\0\2b", b"\0\0", b"\0\0\0\1b\0\0\0\0\0\0\0\1a\0\0\0\0"])
def test_what_is_no_pack(content: bytes) -> None:
    with pytest.raises(law_pack.NoPack):
        law_pack.unpacked(content)
    with pytest.raises(LawError, match="no rule set"):
        of_content(content)


def test_a_set_has_all_files_and_no_other() -> None:
    files = {name: (FOLDER / name).read_bytes() for name in FILES}
    assert of_content(law_pack.packed(files)).version == load().version == law.load().version
    with pytest.raises(LawError, match=r"notes\.txt:0: is no file of a rule set"):
        of_content(law_pack.packed(files | {"notes.txt": b""}))
    del files["weights.toml"]
    with pytest.raises(LawError, match=r"weights\.toml:0: is missing"):
        of_content(law_pack.packed(files))


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (RuleEvent("live", 1, SET, 0, "x" * 100), None),
        (RuleEvent("live", 0, SET), None),
        (RuleEvent("shadow", 2**62 - 1, SET, 1), None),
        (RuleEvent("shadow", 1, SET, 10_000), None),
        (RuleEvent("shadow", 1, ""), None),
        (RuleEvent("live", 1, SET, 0, "x" * 101), "DL-05"),
        (RuleEvent("live", 1, SET, 1), "DL-05"),
        (RuleEvent("live", 1, ""), "DL-05"),
        (RuleEvent("live", 1, SET[:-1]), "DL-05"),
        (RuleEvent("live", 1, SET.upper()), "DL-05"),
        (RuleEvent("shadow", 1, SET, 0), "DL-05"),
        (RuleEvent("shadow", 1, SET, 10_001), "DL-05"),
        (RuleEvent("shadow", 1, "", 1), "DL-05"),
        (RuleEvent("dead", 1, SET), "DL-05"),
        (RuleEvent("live", -1, SET), "DL-05"),
        (RuleEvent("live", 2**62, SET), "DL-05"),
    ],
)
def test_events_are_read_by_pipeline_and_verifier_alike(event: RuleEvent, code: str | None) -> None:
    value, key = written(event), event.key.encode()
    record = Record(0, key, value)
    if code is None:
        assert read(key, value) == event
        assert rule_sets.decode(record, 0) == (event.part, event.revision, event.rule_set, event.share, event.by)
        return
    with pytest.raises(DecodeError) as refused:
        read(key, value)
    with pytest.raises(NoDocument) as refused_too:
        rule_sets.decode(record, 0)
    assert (refused.value.code, refused_too.value.code) == (code, code)


def test_the_key_says_which_event() -> None:
    event = RuleEvent("live", 1, SET)
    with pytest.raises(DecodeError) as refused:
        read(b"live|2", written(event))
    assert refused.value.code == "DL-04"
