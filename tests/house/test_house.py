"""House rules that no linter knows: the import arrow, names nobody else owns, sizes, swallowing, unused SQL."""

import ast
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from pipeline.accounts import LEDGERS

ROOT = Path(__file__).parents[2]
# folder → what it may import of ours, besides itself
ARROW: dict[str, set[str]] = {
    "pipeline": set(),
    "schemas": {"pipeline"},
    "sinks": {"pipeline", "schemas"},
    "agents": {"pipeline", "schemas", "sinks"},
    "loadtest": {"schemas"},
    "history": {"pipeline", "schemas", "sinks", "agents"},
    "ops": {"pipeline", "schemas", "sinks", "agents", "history", "loadtest"},
}
# The core does nothing but compute: no clock, no I/O, no logging, no concurrency.
CORE_IMPORTS = {
    "calendar", "collections", "dataclasses", "datetime", "hashlib", "json", "numpy", "pipeline", "polars", "typing", "functools", "itertools",
}  # fmt: skip
MAX_LINES = 400


def files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def imported(source: str) -> set[str]:
    """Top-level names of everything a source imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." if node.level else (node.module or "").partition(".")[0])
    return names


def swallows(source: str) -> list[int]:
    """Lines of handlers of everything (or of Exception) that do nothing with it."""
    lines: list[int] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler):
            broad = node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException"))
            idle = all(isinstance(s, ast.Pass | ast.Continue) or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)) for s in node.body)
            if broad and idle:
                lines.append(node.lineno)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            lines += [node.lineno for a in node.args if isinstance(a, ast.Name) and a.id in ("Exception", "BaseException")]
    return sorted(lines)


def test_every_folder_of_ours_is_under_the_arrow() -> None:
    ours = {p.parent.name for p in ROOT.glob("*/__init__.py")}
    assert ours == set(ARROW)


@pytest.mark.parametrize("folder", ARROW)
def test_imports_go_one_way(folder: str) -> None:
    wrong = {
        str(path.relative_to(ROOT)): sorted(found)
        for path in files(folder)
        if (found := imported(path.read_text()) & ({*ARROW, "tests", "."} - ARROW[folder] - {folder}))
    }
    assert wrong == {}


def test_the_core_computes_and_nothing_else() -> None:
    wrong = {p.name: sorted(found) for p in files("pipeline") if (found := imported(p.read_text()) - CORE_IMPORTS)}
    assert wrong == {}


def test_the_core_asks_no_clock() -> None:
    calls = {
        (p.name, ast.unparse(node))
        for p in files("pipeline")
        for node in ast.walk(ast.parse(p.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("now", "today", "utcnow")
    }
    assert calls == set()


@pytest.mark.parametrize("folder", ARROW)
def test_no_other_distribution_owns_the_name(folder: str) -> None:
    owners = set(packages_distributions().get(folder, []))
    assert owners <= {"tidegate"}


def test_files_stay_short() -> None:
    lengths = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in files(*ARROW, "tests")}
    assert {name: n for name, n in lengths.items() if n > MAX_LINES} == {}
    assert len(lengths) > 80


def test_nothing_is_swallowed() -> None:
    found = {str(p.relative_to(ROOT)): lines for p in files(*ARROW, "tests") if (lines := swallows(p.read_text()))}
    assert found == {}


def test_the_search_for_swallowing_finds_it() -> None:
    bad = "try:\n    f()\nexcept Exception:\n    pass\nwith suppress(OSError, Exception):\n    f()\ntry:\n    f()\nexcept:\n    ...\n"
    good = "try:\n    f()\nexcept Exception as e:\n    raise X from e\ntry:\n    f()\nexcept KeyError:\n    pass\n"
    assert (swallows(bad), swallows(good)) == ([3, 5, 9], [])


def test_every_named_query_is_used_and_every_used_one_is_there() -> None:
    there = {p.stem for p in (ROOT / "sinks" / "sql").glob("*.sql")}
    words = {
        node.value
        for p in files("sinks", "agents", "history", "ops")
        for node in ast.walk(ast.parse(p.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    called = {
        node.args[0].value
        for p in files("sinks", "agents", "history", "ops")
        for node in ast.walk(ast.parse(p.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "sql"
        and node.args and isinstance(node.args[0], ast.Constant)
    }  # fmt: skip
    of_ledgers = {f"{ledger.name}_{what}" for ledger in LEDGERS for what in ("accounts", "accounts_take", "reserved_lock", "reserved_move")}
    assert there - words - of_ledgers == set(), "never asked"
    assert (called | of_ledgers) - there == set(), "asked for and not there"
    assert called
