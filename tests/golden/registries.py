"""The filings of the small market as the verifier and the baseline know them."""

from functools import cache

from loadtest.generate.filings import filings
from loadtest.plain_faust.registry import Registry as BaselineRegistry
from loadtest.verify.evidence import Record, RegistryEntryRow, Tables
from loadtest.verify.registry import Registry, registry_of
from schemas.filings import written

VERSION = 1  # of the registry: all was filed at once


@cache
def verifier_registry() -> Registry:
    """All of VERSION."""
    filed = {(0, n): Record(0, f.key.encode(), written(f)) for n, f in enumerate(filings("small"))}
    rows = [RegistryEntryRow(n, f.key, f.revision, VERSION, 0, 1, written(f)) for n, f in enumerate(filings("small"))]
    return registry_of(filed, Tables(registry_entries=rows))


@cache
def baseline_registry() -> BaselineRegistry:
    """After every one of them."""
    registry = BaselineRegistry()
    for filing in filings("small"):
        registry.apply(filing.key.encode(), written(filing))
    return registry
