"""Comparison with the answers that the generator knows of its own set (loadtest/generate)."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from itertools import islice
from operator import itemgetter
from pathlib import Path

import polars as pl

from loadtest.generate import GeneratedSet
from loadtest.verify.evidence import KINDS, Place, record_place
from loadtest.verify.part import Attempt, Settled
from loadtest.verify.processes import Beside
from loadtest.verify.proof import Report
from loadtest.verify.samples import CODES as SAMPLES
from loadtest.verify.whereabouts import Whereabouts

History = tuple[tuple[str, frozenset[str], int], ...]
"""(outcome, finding codes, tax in fen) of each attempt."""
Documents = dict[tuple[int, int], tuple[list[int], bytes]]
"""By kind and partition: place in the set of each document, and the SHA-256 of each value in a row."""
NOTHING: tuple[list[int], bytes] = ([], b"")
GUARANTEE = {"GUA-01", "GUA-02", "STK-01", "STK-02"}


class KnownAnswers:
    """The answers of one set, whose documents are all that the topics hold."""

    def __init__(self, folder: Path, *, alone: bool = True) -> None:
        """`alone`: its documents are read when they are asked for, else by a copy of this process from now on."""
        self._set = GeneratedSet.open(folder)
        self._documents = Beside(partial(_documents_of, self._set), alone=alone)

    def check(self, settled: Sequence[Settled], found: Whereabouts, report: Report) -> None:
        """Histories of order numbers, groups of rivals, and what became of each document."""
        histories = _histories(attempt for share in settled for attempt in share.attempts)
        accepted: dict[str, int] = {}
        wanted: dict[str, int] = {}
        answers = self._set.answers()
        told = answers.select("ebp_code", "order_no", "story", "group", "accepted").iter_rows()
        for (ebp_code, order_no, story, group, count), allowed in zip(told, _allowed(answers["histories"]), strict=True):
            history = tuple(map(_undrawn, histories.pop((ebp_code, order_no), ())))
            if history not in allowed:
                place = f"order {ebp_code}|{order_no} ({story})"
                report.differs(place, "attempts", " or ".join(map(_told, allowed)), _told(history))
            if group:
                wanted[group] = count
                is_accepted = any(outcome != "REJECT" for outcome, _, _ in history)
                accepted[group] = accepted.get(group, 0) + is_accepted
        report.counts["answers"] += len(answers)
        for group, count in wanted.items():
            report.same(f"group {group}", "accepted", count, accepted[group])
        for ebp_code, order_no in histories:
            report.differs(f"order {ebp_code}|{order_no}", "attempts", "an order of the set", "one that is not")
        self._check_documents(settled, found, report)

    def _check_documents(self, settled: Sequence[Settled], found: Whereabouts, report: Report) -> None:
        special: dict[int, list[str]] = dict(self._set.fates().select("sequence", "fates").iter_rows())
        documents, held = self._documents.result(), {where: of for share in settled for where, of in share.values.items()}
        expected: dict[Place, list[str]] = {}
        last: dict[tuple[int, int], int] = {}
        for where in sorted(documents.keys() | held.keys()):
            (sequences, hashes), (offsets, have) = documents.get(where, NOTHING), held.get(where, NOTHING)
            if have != hashes:
                _check_values(where, sequences, hashes, offsets, have, report)
            sent = offsets[: len(sequences)]
            expected |= {(*where, offset): special[n] for n, offset in zip(sequences, sent, strict=False) if n in special}
            last[where] = max(sent, default=-1)
        unusual = {place for told in (found.fates, found.dead, found.open, found.lost) for place in told if place[2] <= last.get(place[:2], -1)}
        for place in sorted(expected.keys() | unusual):
            if (became := _became(place, found)) not in (wanted := expected.get(place, ["used"])):
                report.differs(record_place(*place), "what became of it", wanted, became)


def _documents_of(generated: GeneratedSet) -> Documents:
    """The documents of a set, partition by partition in the order they were sent in."""
    numbers = {kind: number for number, kind in enumerate(KINDS, start=1)}
    found: dict[tuple[int, int], tuple[list[int], list[bytes]]] = {}
    for sequence, (_, kind, partition, _, value, _) in enumerate(generated.documents()):
        sequences, hashes = found.setdefault((numbers[kind], partition), ([], []))
        sequences.append(sequence)
        hashes.append(sha256(value).digest())
    return {where: (sequences, b"".join(hashes)) for where, (sequences, hashes) in found.items()}


def _check_values(
    where: tuple[int, int], sequences: Sequence[int], hashes: bytes, offsets: Sequence[int], have: bytes, report: Report
) -> None:
    """Name the documents of a partition that are not what was sent."""
    name = "document {} of the set".format
    for n, (sequence, offset) in enumerate(zip(sequences, offsets, strict=False)):
        digest = slice(32 * n, 32 * n + 32)
        if hashes[digest] != have[digest]:
            report.differs(record_place(*where, offset), "value", name(sequence), "something else")
    for sequence in sequences[len(offsets) :]:
        report.differs(name(sequence), "record", f"one in partition {where[1]} of {KINDS[where[0] - 1]}", "none")
    for offset in offsets[len(sequences) :]:
        report.differs(record_place(*where, offset), "record", "a document of the set", "one more")


def _undrawn(attempt: tuple[str, frozenset[str], int]) -> tuple[str, frozenset[str], int]:
    """An attempt as it would be without samples, which nobody can know before: what was drawn would have been released."""
    outcome, codes, tax_fen = attempt
    if codes.isdisjoint(SAMPLES):
        return attempt
    held = outcome == "HOLD" and not codes.isdisjoint(GUARANTEE)  # its guarantor would have held it as well
    return outcome if held or outcome != "HOLD" else "RELEASE", codes.difference(SAMPLES), tax_fen


def _became(place: Place, found: Whereabouts) -> str:
    if place in found.fates:
        return found.fates[place].code
    if place in found.dead:
        return found.dead[place].code
    return "open" if place in found.open else "lost" if place in found.lost else "used"


def _histories(attempts: Iterable[Attempt]) -> dict[tuple[str, str], History]:
    histories: dict[tuple[str, str], History] = {}
    for ebp_code, order_no, _, outcome, codes, tax_fen in sorted(attempts, key=itemgetter(2)):
        key = ebp_code, order_no
        histories[key] = (*histories.get(key, ()), (outcome, codes, tax_fen))
    return histories


def _allowed(histories: pl.Series) -> Iterator[list[History]]:
    """What may have been decided for each order number: by columns, because a dict of each attempt costs ten times that."""
    each = histories.explode(empty_as_null=False)
    attempts = each.explode(empty_as_null=False).struct.unnest()
    codes = map(frozenset, attempts["codes"].to_list())
    flat = zip(attempts["outcome"].to_list(), codes, attempts["tax_fen"].to_list(), strict=True)
    told = (tuple(islice(flat, count)) for count in each.list.len().to_list())
    return (list(islice(told, count)) for count in histories.list.len().to_list())


def _told(history: History) -> str:
    told = [f"{outcome} {'+'.join(sorted(codes))} tax {tax}".replace("  ", " ") for outcome, codes, tax in history]
    return ", then ".join(told) or "open"
