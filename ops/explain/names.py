"""What columns, limits and the values that ledgers keep are called, in the language of the page."""

import tomllib
from functools import cache
from pathlib import Path

KINDS = {"order": "order", "payment": "payment", "waybill": "waybill", "line": "of_line"}  # how a column begins → label
SUFFIXES = ("_most", "_1h", "_24h", "_30d")  # of counters: their limit, and the window they count in


@cache
def _names() -> dict[str, dict[str, str]]:
    return tomllib.loads((Path(__file__).parent / "names.toml").read_text())


def called(name: str, labels: dict[str, str]) -> str:
    """The name of a column: of a message's field with the name it has there. One that another rule set may bring stays as it is."""
    names = _names()[labels["language"]]
    if name in names:
        return names[name]
    for suffix in SUFFIXES:
        if name.endswith(suffix) and (of := called(name.removesuffix(suffix), labels)) != name.removesuffix(suffix):
            return names[suffix].format(of=of)
    kind, _, field = name.removesuffix("_e5").partition("_")
    title = _names()["field"].get(field)
    if kind not in KINDS or title is None:
        return name
    return names["_field"].format(kind=labels[KINDS[kind]], title=title, field=field)
