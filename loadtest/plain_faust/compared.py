"""The baseline's decisions on the topics against the known answers of the set: how far it verifies, and where it does not."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from loadtest.generate import GeneratedSet
from schemas.codec import decode_output
from schemas.contracts import PARTITIONS, topic_name

SAMPLES, GUARANTEE = frozenset({"SMP-01", "SMP-02"}), frozenset({"GUA-01", "GUA-02", "STK-01", "STK-02"})
DECISIONS = ("release", "hold", "reject")
Attempt = tuple[str, frozenset[str], int]  # outcome, finding codes, tax in fen
Key = tuple[str, str]  # ebpCode, orderNo


@dataclass(slots=True)
class Compared:
    """Order numbers by how they compare. `missing`: an attempt that had to be decided was not; `doubled`: one was decided
    more than once; `differ`: anything else that is in no right history; `unknown`: not of the set; `groups`: rivals of
    which not exactly as many were accepted as may be. `stories`: the wrong ones by their story."""

    right: int = 0
    differ: int = 0
    missing: int = 0
    doubled: int = 0
    unknown: int = 0
    groups: int = 0
    stories: Counter[str] = field(default_factory=Counter[str])

    @property
    def verified(self) -> bool:
        return not (self.differ or self.missing or self.doubled or self.unknown or self.groups)

    def to_json(self) -> dict[str, Any]:
        """`verified`, and how many of what."""
        return {
            "verified": self.verified, "right": self.right, "differ": self.differ, "missing": self.missing,
            "doubled": self.doubled, "unknown": self.unknown, "groups_wrong": self.groups,
            "wrong_by_story": dict(self.stories.most_common()),
        }  # fmt: skip


def compare(answers: Iterable[Mapping[str, Any]], found: Mapping[Key, list[tuple[int, Attempt]]]) -> Compared:
    """`found`: (attempt number, decision) by order number, as they were published."""
    compared, left = Compared(), dict(found)
    accepted, wanted = Counter[str](), dict[str, int]()
    for answer in answers:
        decisions = left.pop((answer["ebp_code"], answer["order_no"]), [])
        histories = [tuple((a["outcome"], frozenset(a["codes"]), a["tax_fen"]) for a in h) for h in answer["histories"]]
        by_attempt = dict(sorted(decisions))
        mine: tuple[Attempt, ...] = tuple(by_attempt.values())
        if len(by_attempt) < len(decisions):
            compared.doubled += 1
        elif mine in histories:
            compared.right += 1
        elif any(h[: len(mine)] == mine for h in histories):
            compared.missing += 1
        else:
            compared.differ += 1
        if len(by_attempt) < len(decisions) or mine not in histories:
            compared.stories[answer["story"]] += 1
        if answer["group"]:
            wanted[answer["group"]] = answer["accepted"]
            accepted[answer["group"]] += any(outcome != "REJECT" for outcome, _, _ in mine)
    compared.unknown = len(left)
    compared.groups = sum(accepted[group] != count for group, count in wanted.items())
    return compared


async def compare_topics(kafka: Mapping[str, Any], documents: GeneratedSet) -> Compared:
    """Read the decision topics to their present ends and compare."""
    found: dict[Key, list[tuple[int, Attempt]]] = {}
    for value in await _decisions(kafka):
        d = decode_output("decision-1", value)
        codes = frozenset(f["code"] for f in d["findings"])
        # the set cannot know a sample: it would be released, unless guarantee or stock hold it as well
        drawn = d["outcome"] == "HOLD" and not codes.isdisjoint(SAMPLES) and codes.isdisjoint(GUARANTEE)
        attempt = "RELEASE" if drawn else d["outcome"], codes - SAMPLES, d["taxFen"]
        found.setdefault((d["ebpCode"], d["orderNo"]), []).append((d["attempt"], attempt))
    return compare(documents.answers().iter_rows(named=True), found)


async def _decisions(kafka: Mapping[str, Any]) -> list[bytes]:
    places = [TopicPartition(topic_name(name), p) for name in DECISIONS for p in range(PARTITIONS)]
    consumer = AIOKafkaConsumer(**kafka, enable_auto_commit=False, auto_offset_reset="earliest")
    values: list[bytes] = []
    await consumer.start()
    try:
        consumer.assign(places)
        left = {place: end for place, end in (await consumer.end_offsets(places)).items() if end}
        while left:
            for place, records in (await consumer.getmany(timeout_ms=200)).items():
                values += [r.value or b"" for r in records if r.offset < left.get(place, 0)]
            for place in [p for p in left if await consumer.position(p) >= left[p]]:
                del left[place]
        return values
    finally:
        await consumer.stop()
