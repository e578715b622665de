"""Which law a decision was made by: the one place that finds a rule set by its version."""

from functools import lru_cache

from schemas import lawbook
from schemas.lawbook import Lawbook
from sinks.store import Store

read = lru_cache(maxsize=4)(lawbook.of_content)


class UnknownRuleSet(RuntimeError):
    """No rule set of this version is kept."""


async def rule_set(store: Store, version: str) -> Lawbook:
    """The law book of that version; UnknownRuleSet, or LawError when this program cannot use it."""
    if version == lawbook.load().version:
        return lawbook.load()
    rows = await store.fetch("rule_set_content", version)
    if not rows:
        raise UnknownRuleSet(f"rule set {version} is not kept; `tidegate law list` shows those that are")
    return read(rows[0]["content"])
