"""Decided attempts recomputed in pieces, in this process or over several."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice

from loadtest.verify import law
from loadtest.verify.decided import Case, Facts, check
from loadtest.verify.evidence import manifest_place
from loadtest.verify.proof import Report

CHUNK = 1_000  # cases a task: about 2 MB to hand over
IN_FLIGHT = 8  # tasks handed over and not yet taken back, so that memory stays bounded
ALONE = 4_000  # up to so many cases starting processes costs more than it gains

Result = tuple[Report, list[Facts]]


def check_chunk(cases: list[Case], person_key: bytes) -> Result:
    """Check some cases against the law data on disk."""
    report, data = Report(), law.load()
    found: list[Facts] = []
    for case in cases:
        try:
            facts = check(case, data, person_key, report)
        except Exception as e:  # a row that breaks the check is a discrepancy too; the others are still checked
            report.differs(manifest_place(case.row), "the check itself", "an end", type(e).__name__)
            continue
        if facts is not None:
            found.append(facts)
    return report, found


def check_all(
    cases: Iterable[Case],
    count: int,
    person_key: bytes,
    processes: int,
    report: Report,
    progress: Callable[[int], None],
) -> dict[int, Facts]:
    """Facts by manifest_id; `progress` is told how many cases are done. `count`: how many cases there are."""
    results = _alone(cases, person_key) if count <= ALONE or processes < 2 else _spread(cases, person_key, processes)
    facts: dict[int, Facts] = {}
    done = 0
    for part, found in results:
        report.take(part)
        facts.update((f.manifest_id, f) for f in found)
        done += CHUNK
        progress(min(done, count))
    return facts


def _chunks(cases: Iterable[Case]) -> Iterator[list[Case]]:
    remaining = iter(cases)
    while chunk := list(islice(remaining, CHUNK)):
        yield chunk


def _alone(cases: Iterable[Case], person_key: bytes) -> Iterator[Result]:
    for chunk in _chunks(cases):
        yield check_chunk(chunk, person_key)


def _spread(cases: Iterable[Case], person_key: bytes, processes: int) -> Iterator[Result]:
    # spawn: the caller runs an event loop and polars has threads, neither of which survives a fork
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        waiting: deque[Future[Result]] = deque()
        for chunk in _chunks(cases):
            waiting.append(pool.submit(check_chunk, chunk, person_key))
            if len(waiting) >= IN_FLIGHT:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
