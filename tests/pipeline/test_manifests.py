"""Manifests in parts: each with its lines, counted anew."""

import polars as pl

from pipeline.flow import Gathered
from pipeline.manifests import Manifests, take
from tests.pipeline.memory import MemoryStore
from tests.pipeline.trios import numbered, records

LINES = [(0, 1), (1, 1), (1, 2), (2, 1), (3, 1), (3, 2), (3, 3), (4, 1)]


def five() -> Manifests:
    """Five with one to three lines; `of` tells which each line belongs to."""
    heads = pl.DataFrame({"m": range(5), "name": list("ABCDE")}, schema_overrides={"m": pl.UInt32})
    rows = [(m, position, "ABCDE"[m]) for m, position in LINES]
    return Manifests(heads, pl.DataFrame(rows, schema={"m": pl.UInt32, "position": pl.Int64, "of": pl.String}, orient="row"))


def shown(part: Manifests) -> list[tuple[str, list[int]]]:
    """Names, and the positions of the lines of each; every line is with its own."""
    assert part.heads["m"].to_list() == list(range(len(part.heads)))
    assert part.lines.columns == ["m", "position", "of"]
    assert part.lines["of"].to_list() == [part.heads["name"][m] for m in part.lines["m"]]
    return [(name, part.lines.filter(pl.col("m") == m)["position"].to_list()) for m, name in part.heads.iter_rows()]


def test_those_chosen_keep_their_lines() -> None:
    chosen = pl.Series([False, True, False, True, True])
    assert shown(take(five(), chosen)) == [("B", [1, 2]), ("D", [1, 2, 3]), ("E", [1])]
    assert take(five(), chosen).heads.schema == five().heads.schema


def test_a_line_keeps_its_own_columns_alone() -> None:
    """What it is found by stands once, under its own name."""
    columns = MemoryStore().process(records(numbered(1))).lines.columns
    assert columns[:2] == ["m", "position"]
    assert not {"line_m", "line_position", "line_document", "document"}.intersection(columns)


def test_halves_are_all_there_is_and_fates_stand_in_the_first() -> None:
    fates = pl.DataFrame({"kafka_offset": [3, 4]})
    first, second = Gathered(five(), fates, {0: 7}).halves()
    assert shown(first.manifests) + shown(second.manifests) == [("A", [1]), ("B", [1, 2]), ("C", [1]), ("D", [1, 2, 3]), ("E", [1])]
    assert len(first.manifests.heads) == 2
    assert (first.fates["kafka_offset"].to_list(), second.fates["kafka_offset"].to_list()) == ([3, 4], [])
    assert first.seen == second.seen == {0: 7}
