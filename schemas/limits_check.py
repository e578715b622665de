"""What of limits.toml cannot be used: a value out of the range that its name allows, an assumption that says nothing."""

from datetime import date

from schemas.law_entries import Entry, Reasons, whole

RANGES: dict[str, tuple[int, int]] = {
    "single_limit_fen": (0, 10**10),  # CNY 100 million: no product of the composite tax leaves 63 bits (pipeline/tax.py)
    "annual_limit_fen": (0, 10**10),
    "tax_tolerance_fen": (0, 10**6),  # times the lines of an order, in 10^-5 yuan
    "max_lines": (1, 32_767),  # an order with more is no document
    "_fen": (0, 10**12),
    "_1e4": (0, 10_000),  # shares of a whole
    "_months": (0, 1_200),
    "_seconds": (1, 366 * 86_400),
    "_most": (0, 100),  # of a subject a hundred sightings are kept, so nothing is ever over a higher limit
    "_persons": (0, 100),
    "": (0, 10**12),
}
"""Name of a limit, or what it ends with → its least and greatest value; the first that fits counts."""


def limit(entry: Entry) -> Reasons:
    """Why an entry of limits.toml cannot be used."""
    if not entry.get("name"):
        yield "no name"
    if not str(entry.get("source", "")).strip():
        yield "no source"
    if not isinstance(entry.get("sure"), bool):
        yield f"sure is {entry.get('sure')!r}, not true or false"
    yield from in_range(entry)
    if not isinstance(entry.get("from"), date):
        yield "from is no date"


def assumption(entry: Entry) -> Reasons:
    """Why an entry on how the law is read cannot be listed: it says what is done, and why nobody can be sure of it."""
    for name in ("name", "en", "zh", "source"):
        if not str(entry.get(name, "")).strip():
            yield f"{name} is empty"


def in_range(entry: Entry) -> Reasons:
    """Why `value` is none that a limit of this `name` can have."""
    name = str(entry.get("name"))
    low, high = next(bounds for ending, bounds in RANGES.items() if name.endswith(ending))
    if not whole(entry.get("value"), low, high):
        yield f"{name}: value {entry.get('value')!r} out of range {low} to {high}"
