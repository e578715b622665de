"""From profile, number and seed to documents in sending order: chunk by chunk, the same whatever the process count."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from random import Random
from typing import NamedTuple

from loadtest.curve import schedule
from loadtest.generate import (
    arrivals,
    classed,
    controls,
    faults,
    guaranteed,
    identities,
    poison,
    registrations,
    risks,
    rivals,
    stocked,
    taxes,
    velocity,
    versions,
    weights,
)  # fmt: skip
from loadtest.generate.answers import USED, Answer, Fate
from loadtest.generate.cases import STORIES, Case, Draft, Headers, Maker
from loadtest.generate.placing import partition_of
from loadtest.generate.profiles import Profile
from loadtest.generate.wire import encode
from schemas.contracts import PARTITIONS, newest

CHUNK = 5_000  # order numbers planned together: rivals never stand in two chunks
DEFAULT_BASE_MS = 1_573_401_600_000  # 2019-11-11 00:00 in Shanghai: in the past on any machine
# imported for the stories they register
TOLD = (
    arrivals, classed, controls, faults, guaranteed, identities, poison, registrations, risks, rivals, stocked, taxes, velocity, versions,
    weights,
)  # fmt: skip
_GAP_MS = 30_000  # between the last order or payment and the first waybill, where waybills are late
_OTHER_PARTITION = 5


class Planned(NamedTuple):
    """One record to produce `due_ms` after the start. `key` None: the record has none."""

    due_ms: int
    kind: str
    partition: int
    key: bytes | None
    value: bytes
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Slice:
    """The next documents in sending order, and the answers known by then (those of one chunk at a time)."""

    documents: list[Planned]
    answers: list[Answer]
    fates: list[Fate]


_Placed = tuple[int, Planned, str, str, tuple[str, ...]]  # due_ms, document, ebpCode, orderNo, fates


def generate(
    profile: Profile, manifests: int, seed: int, base_ms: int = DEFAULT_BASE_MS, processes: int = 2
) -> Iterator[Slice]:
    """Documents of exactly `manifests` order numbers in sending order.

    Nothing but the stories about wrong dates is dated after `base_ms`, the first moment the set may be sent.
    """
    waiting: list[_Placed] = []
    sequence = 0
    starts = list(range(0, manifests, CHUNK))
    orders = order_times(profile, manifests)
    for number, (placed, answers) in enumerate(_chunks(profile, manifests, seed, base_ms, processes)):
        waiting += placed
        waiting.sort(key=itemgetter(0))
        last = number + 1 == len(starts)
        ready = len(waiting) if last else _before(waiting, orders[starts[number + 1]])
        documents = [p[1] for p in waiting[:ready]]
        fates = [
            Fate(sequence + n, p[1].kind, p[2], p[3], p[4])
            for n, p in enumerate(waiting[:ready])
            if p[4] != (USED,)
        ]
        yield Slice(documents, answers, fates)
        sequence += ready
        del waiting[:ready]


@lru_cache(maxsize=4)
def order_times(profile: Profile, manifests: int) -> list[int]:
    """When each order comes, in ms after the start."""
    if profile.curve_peak_per_second:
        return schedule(manifests, manifests / profile.orders_per_second, profile.curve_peak_per_second)
    return [int(n * 1000 / profile.orders_per_second) for n in range(manifests)]


def _before(waiting: list[_Placed], due_ms: int) -> int:
    return next((n for n, placed in enumerate(waiting) if placed[0] >= due_ms), len(waiting))


def _chunks(
    profile: Profile, manifests: int, seed: int, base_ms: int, processes: int
) -> Iterator[tuple[list[_Placed], list[Answer]]]:
    starts = range(0, manifests, CHUNK)
    if processes == 1 or len(starts) == 1:
        for start in starts:
            yield _chunk(profile, manifests, seed, base_ms, start)
        return
    with ProcessPoolExecutor(processes) as pool:
        ahead: deque[Future[tuple[list[_Placed], list[Answer]]]] = deque()
        for start in starts:
            ahead.append(pool.submit(_chunk, profile, manifests, seed, base_ms, start))
            if len(ahead) > processes + 1:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _chunk(
    profile: Profile, manifests: int, seed: int, base_ms: int, start: int
) -> tuple[list[_Placed], list[Answer]]:
    """The documents and answers of order numbers `start` to `start` + CHUNK."""
    maker = Maker(Random(f"{seed}/{start}"), profile, seed, base_ms, start)
    orders = order_times(profile, manifests)
    late_ms = orders[-1] + _GAP_MS if profile.waybills_late else 0
    placed: list[_Placed] = []
    answers: list[Answer] = []
    position = start
    for name, cases in _told(maker, min(CHUNK, manifests - start)):
        for case in cases:
            answers.append(Answer(*case.key, name, case.histories, case.group, case.accepted))
            key = "|".join(case.key).encode()
            for draft in case.drafts:
                due = orders[position] + draft.delay_ms + (late_ms if draft.kind == "waybill" else 0)
                placed.append((due, _planned(draft, key, due), *case.key, draft.fates))
            position += 1
    return placed, answers


def _told(maker: Maker, count: int) -> Iterator[tuple[str, list[Case]]]:
    """Cases of exactly `count` order numbers; the stories come in turn, from where the chunk before would have stopped."""
    names = sorted(STORIES)
    Random(maker.seed).shuffle(names)
    turn = int(maker.index * maker.profile.special_share / _mean_size())
    end = maker.index + count
    while maker.index < end:
        if maker.rng.random() < maker.profile.special_share / _mean_size():
            name = names[turn % len(names)]
            turn += 1
            size, told = STORIES[name]
            if maker.index + size <= end:
                yield name, told(maker)
                continue
        yield "clean", [maker.case(maker.clean())]


@lru_cache
def _mean_size() -> float:
    return sum(size for size, _ in STORIES.values()) / len(STORIES)


def _planned(draft: Draft, key: bytes, due_ms: int) -> Planned:
    value = encode(draft.schema or newest(draft.kind), draft.document, in_single_object=draft.single_object)
    if draft.alter:
        value = draft.alter(value)
    sent_key = key if draft.key is None else draft.key
    partition = partition_of(sent_key)
    if draft.misroute:
        partition = (partition + _OTHER_PARTITION) % PARTITIONS
    return Planned(due_ms, draft.kind, partition, None if draft.no_key else sent_key, value, draft.headers)
