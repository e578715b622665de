"""The baseline's decisions against the known answers: each way to be wrong is told apart, and none passes as right."""

import json
from pathlib import Path
from typing import Any

import pytest

from loadtest.plain_faust.compared import Attempt, Compared, compare
from ops.capacity import baseline_said

RELEASE: Attempt = ("RELEASE", frozenset(), 119)
REJECT: Attempt = ("REJECT", frozenset({"PAY-03"}), 0)
RIGHT: dict[tuple[str, str], list[tuple[int, Attempt]]] = {
    ("P", "1"): [(1, RELEASE)], ("P", "2"): [(2, RELEASE), (1, REJECT)], ("P", "4"): [(1, RELEASE)], ("P", "5"): [(1, REJECT)],
}  # fmt: skip


def answer(number: str, story: str, *histories: list[Attempt], group: str = "") -> dict[str, Any]:
    """As a row of GeneratedSet.answers."""
    told = [[{"outcome": o, "codes": sorted(c), "tax_fen": t} for o, c, t in history] for history in histories]
    return {"ebp_code": "P", "order_no": number, "story": story, "histories": told, "group": group, "accepted": int(bool(group))}


ANSWERS = [
    answer("1", "clean", [RELEASE]),
    answer("2", "mended", [REJECT, RELEASE]),
    answer("3", "never", []),
    answer("4", "rivals", [RELEASE], [REJECT], group="g"),
    answer("5", "rivals", [RELEASE], [REJECT], group="g"),
]


def test_all_right() -> None:
    found = compare(ANSWERS, RIGHT)
    assert (found, found.verified) == (Compared(right=5), True)


@pytest.mark.parametrize(
    ("key", "decisions", "wrong"),
    [
        ("1", [], {"missing": 1, "stories": {"clean": 1}}),
        ("2", [(1, REJECT)], {"missing": 1, "stories": {"mended": 1}}),
        ("2", [(2, RELEASE)], {"differ": 1, "stories": {"mended": 1}}),
        ("1", [(1, RELEASE), (1, RELEASE)], {"doubled": 1, "stories": {"clean": 1}}),
        ("1", [(1, ("RELEASE", frozenset(), 118))], {"differ": 1, "stories": {"clean": 1}}),
        ("1", [(1, ("HOLD", frozenset({"WAY-01"}), 119))], {"differ": 1, "stories": {"clean": 1}}),
        ("3", [(1, RELEASE)], {"differ": 1, "stories": {"never": 1}}),
        ("5", [(1, RELEASE)], {"groups": 1}),
        ("6", [(1, RELEASE)], {"unknown": 1}),
    ],
)
def test_each_way_to_be_wrong(key: str, decisions: list[tuple[int, Attempt]], wrong: dict[str, Any]) -> None:
    found = compare(ANSWERS, RIGHT | {("P", key): decisions})
    assert not found.verified
    told = found.to_json()
    names = {"groups": "groups_wrong", "stories": "wrong_by_story"}
    expected = {"differ": 0, "missing": 0, "doubled": 0, "unknown": 0, "groups_wrong": 0, "wrong_by_story": {}}
    expected |= {names.get(name, name): value for name, value in wrong.items()}
    assert {name: told[name] for name in expected} == expected
    assert told["right"] == 5 - sum(wrong.get("stories", {}).values())


def test_what_the_workers_say_of_themselves(tmp_path: Path) -> None:
    log = tmp_path / "log"
    counts = {"records": 10, "duplicates": 1, "undecodable": 2, "strays": 3, "failed": 0, "decided": {"RELEASE": 3}}
    said = [{"faust": "0.15.3", "compiled": {"faust.streams": True}}, counts, counts]
    log.write_text("2019 WARNING something\n" + "".join(json.dumps(line) + "\n" for line in said))
    assert baseline_said(log) == {
        "faust": "0.15.3", "compiled": {"faust.streams": True},
        "counted": {"records": 20, "duplicates": 2, "undecodable": 4, "strays": 6, "failed": 0},
    }  # fmt: skip
