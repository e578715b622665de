"""The filings of the small market as the verifier and the baseline know them."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from loadtest.generate.filings import filings
from loadtest.plain_faust.registry import Registry as BaselineRegistry
from loadtest.verify.evidence import Record, RegistryEntryRow, Tables
from loadtest.verify.registry import Registry, registry_of
from schemas.filings import KEYED, Filing, read, written

VERSION = 1  # of the registry: all was filed at once


@cache
def verifier_registry() -> Registry:
    """All of VERSION."""
    return _registry(filings("small"))


def verifier_registry_with(changed: Sequence[Filing]) -> Registry:
    """The same with what else was filed in VERSION."""
    return _registry([*filings("small"), *changed]) if changed else verifier_registry()


def _registry(some: Sequence[Filing]) -> Registry:
    filed = {(0, n): Record(0, f.key.encode(), written(f)) for n, f in enumerate(some)}
    rows = [RegistryEntryRow(n, f.key, f.revision, VERSION, 0, 1, written(f)) for n, f in enumerate(some)]
    return registry_of(filed, Tables(registry_entries=rows))


def filed_otherwise(entries: Mapping[str, Mapping[str, Any]]) -> list[Filing]:
    """Filings that change those of the small market: record key → the fields that differ; all of them where it filed no such entry."""
    known = {f.key: f for f in filings("small")}
    changed: list[Filing] = []
    for key, fields in entries.items():
        part, *names = key.split("|")
        before = known.get(key, Filing(part, 0, dict(zip(KEYED[part], names, strict=True))))
        changed.append(Filing(part, before.revision + 1, {**before.content, **fields}))
        assert read(key.encode(), written(changed[-1])) == changed[-1]  # nothing is said that no entry can be
    return changed


@cache
def baseline_registry() -> BaselineRegistry:
    """After every one of them."""
    registry = BaselineRegistry()
    for filing in filings("small"):
        registry.apply(filing.key.encode(), written(filing))
    return registry
