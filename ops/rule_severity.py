"""How severe each code is, in one word, derived from what the law data say it does."""

from collections.abc import Iterable
from typing import Any

Entry = dict[str, Any]
MEANINGS = {
    "stops": "the manifest is rejected (outcome REJECT)",
    "holds": "the manifest is held until somebody decides, or until what it waits for is there (HOLD)",
    "notes": "kept or told, and decides nothing: of a document it says what became of it (return status 120)",
    "counts": "gives points of risk; what they come to is a finding of its own",
    "refuses": "a document is not used (return status 100, or -304001 for one that came before)",
    "waits": "an order stays open for a document that is missing (return status 2)",
    "discards": "a record is not taken as a document, and goes to the dead letters",
}
OF_OUTCOME = {"REJECT": "stops", "HOLD": "holds", "RELEASE": "notes"}
OF_STATUS = {"100": "refuses", "-304001": "refuses", "120": "notes", "2": "waits"}


def severity(entry: Entry) -> str:
    """One of MEANINGS: by the outcome of a finding, the points of an indicator, the return status of a document's code."""
    if "outcome" in entry:
        return OF_OUTCOME[entry["outcome"]]
    if "points" in entry:
        return "counts"
    return OF_STATUS[entry["status"]] if "status" in entry else "discards"


def by_class(code: str, outcomes: Iterable[Entry]) -> str:
    """Where the class of the firm makes another of it, such as ` (aeo: notes)`; `outcomes`: of classes.toml."""
    other = [f"{x['class']}: {OF_OUTCOME[x['outcome']]}" for x in outcomes if x["code"] == code]
    return f" ({', '.join(other)})" if other else ""
