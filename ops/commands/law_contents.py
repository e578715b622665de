"""Everything in a rule set: whole as JSON, for people a table for each kind of entry; of the tariff they are told how many rows it has."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from ops.commands.show import OUT, NotFound, show_list
from ops.law_files import files, sources, tariff
from schemas.lawbook import Lawbook

TABLES = ("rule", "ledger", "engine", "document", "dead_letter")
FILES = ("risk", "control", "classes", "samples", "weights", "consumption", "sources")  # beside rules, limits and the tariff
TARIFF = "tariff"
Rows = list[dict[str, Any]]


def contents(book: Lawbook) -> dict[str, Any]:
    """Codes by kind, limits, and every other file under its name, as it is written; the tariff with the rows that fill it up."""
    return {
        "version": book.version, **{name: book.rules[name] for name in TABLES}, "limits": book.limits,
        **{name: files(book)[name] for name in FILES}, TARIFF: tariff(book),
    }  # fmt: skip


def tables(book: Lawbook) -> Iterator[tuple[str, Rows]]:
    """Name and entries of each kind: `rule`, `limits`, `tariff`, and of other files `<file>.<kind>` such as `risk.indicator`."""
    yield from ((name, book.rules[name]) for name in TABLES)
    yield "limits", book.limits
    for name in FILES:
        yield from ((f"{name}.{kind}", [x] if isinstance(x, dict) else x) for kind, x in files(book)[name].items())
    yield TARIFF, tariff(book)


def chosen(book: Lawbook, table: str) -> dict[str, Rows]:
    """The tables of one file or kind by their names; NotFound when there is none."""
    found = {name: rows for name, rows in tables(book) if table in (name, name.partition(".")[0])}
    if not found:
        raise NotFound(f"no table {table}; there are {', '.join(name for name, _ in tables(book))}")
    return found


def show_contents(book: Lawbook, table: str = "") -> None:
    """All tables but the rows of the tariff, or those that are chosen."""
    found = chosen(book, table) if table else dict(tables(book))
    OUT.print(f"Rule set {book.version}")
    for name, rows in found.items():
        if name == TARIFF and not table:
            lines, today = {x["hs8"] for x in rows}, date.today()
            now = sum(x["from"] <= today <= x["to"] for x in rows)
            OUT.print(f"Tariff: {len(lines):,} lines in {len(rows):,} dated rows, {now:,} of them in force today. All of them: --table tariff")
        elif rows and "todo" in rows[0]:  # codes: their conditions are too long for a column
            shown = ((x["code"], x.get("outcome", x.get("status", "")), x.get("queue", ""), x["en"], x["zh"], x["law"]) for x in rows)
            show_list(name.replace("_", " ").capitalize(), ("code", "outcome", "queue", "meaning", "中文", "law"), shown, "")
        else:
            columns = tuple(dict.fromkeys(key for x in rows for key in x))
            show_list(name.capitalize(), columns, ([text(x.get(key)) for key in columns] for x in rows), f"{name.capitalize()}: none")


def text(value: Any) -> str:
    """A value of law data in a table."""
    if isinstance(value, list):
        return ", ".join(map(text, value))  # pyright: ignore
    if isinstance(value, dict):
        return " ".join(f"{name} {text(part)}" for name, part in value.items())  # pyright: ignore
    return "" if value is None else "yes" if value is True else "no" if value is False else str(value)


def entry(book: Lawbook, code: str) -> dict[str, Any]:
    """One code with the parameters its condition names: each limit with every value it has and had, and those of classes; and the
    titles of its sources where it names them."""
    found = book.texts()[code]
    named = [x for x in (*book.limits, *book.classes.entries.get("tolerance", ())) if "{" + x["name"] + "}" in found.get("when", "")]
    seen = {"sources": sources(book, found["source"])} if "source" in found else {}
    return {"version": book.version, **found, **seen, "parameters": named}


def show_entry(book: Lawbook, code: str) -> None:
    """One code, field by field."""
    found = entry(book, code)
    fields = [(k, text(v)) for k, v in found.items() if k != "parameters"]
    show_list(code, ("field", "value"), fields, "")
    rows = ((x["name"], x.get("class", ""), x["value"], x["from"], x["source"]) for x in found["parameters"])
    if found["parameters"]:
        show_list("Parameters", ("name", "class", "value", "from", "source"), rows, "")
