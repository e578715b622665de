"""Rule sets from the outside: found by name, kept in PostgreSQL, ordered through the rules topic."""

import asyncio
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.filings import taken_to
from history.rule_sets import rule_set
from ops.commands.show import NotFound
from ops.sending import Sending, send_each
from schemas import law_pack, lawbook
from schemas.contracts import REGISTRY_PARTITION, topic_name
from schemas.endpoints import Endpoints
from schemas.lawbook import Lawbook
from schemas.registry import adopt_ids
from schemas.rule_events import LIVE, SHADOW, RuleEvent, written
from sinks.store import Store

POLL_SECONDS = 0.1


class Refused(RuntimeError):
    """A worker did not take an event; says its dead letter's code and reason."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """What became of an event. `version`: from which on it holds, None while no worker has taken it."""

    rule_set: str
    offset: int
    version: int | None


async def stands(store: Store) -> dict[str, Any]:
    """`live` and `shadow`: the last event of each part; none of a part that nobody ever ordered anything of."""
    return {row["part"]: dict(row) for row in await store.fetch("rule_events_list")}


async def version_of(store: Store, name: str) -> str:
    """The hash of a kept rule set by `live`, `shadow` or the beginning of its hash; NotFound."""
    if name in (LIVE, SHADOW):
        found = (await stands(store)).get(name, {}).get("rule_set")
        if not found:
            raise NotFound(f"no rule set is {name}")
        return found
    names = [row["rule_set"] for row in await store.fetch("rule_set_named", name.lower())]
    if len(names) != 1:
        several = f"{len(names)} rule sets begin with {name}: write more of the hash" if names else f"no rule set {name} is kept"
        raise NotFound(f"{several}; see `tidegate law list`")
    return names[0]


async def book_of(store: Store, name: str) -> Lawbook:
    """A kept rule set by its name; NotFound, LawError when this program cannot use it."""
    return await rule_set(store, await version_of(store, name))


def _texts_in(content: bytes) -> dict[str, dict[str, Any]]:
    """Code → its entry, of a packed rule set, whether or not this program can use it."""
    files = law_pack.unpacked(content)
    return {x["code"]: x for name in ("risk.toml", "rules.toml") if name in files for table in tomllib.loads(files[name].decode()).values()
            if isinstance(table, list) for x in table if isinstance(x, dict) and "code" in x}  # fmt: skip # pyright: ignore


async def texts_of(store: Store, rule_set: str) -> dict[str, dict[str, Any]]:
    """Code → its entry in the rule set that a decision names."""
    rows = await store.fetch("rule_set_content", rule_set) if rule_set != lawbook.load().version else []
    return _texts_in(rows[0]["content"]) if rows else lawbook.load().texts()


async def keep(store: Store, folder: Path) -> str:
    """Keep a folder that was found usable under its hash; the hash."""
    content = law_pack.of_folder(folder, lawbook.FILES)
    name = law_pack.version_of(content)
    await store.fetch("rule_set_keep", name, content)
    return name


async def named(store: Store, which: str) -> str:
    """The hash of a folder, which is kept then, or of a set that is kept already (`version_of`)."""
    return await keep(store, Path(which)) if Path(which).is_dir() else await version_of(store, which)


async def order(endpoints: Endpoints, store: Store, part: str, rule_set: str, share: int, by: str, seconds: float) -> Ordered:
    """Publish that a set is live, or tried, from now on, and wait so long for a worker to take it. Refused."""
    await adopt_ids()
    highest = (await stands(store)).get(part, {}).get("revision", 0)
    event = RuleEvent(part, max(highest + 1, time.time_ns() // 1_000_000), rule_set, share, by)
    (sent,) = await send_each(endpoints, [Sending(topic_name("rules"), event.key.encode(), written(event), REGISTRY_PARTITION)])
    return Ordered(rule_set, sent.offset, await _taken(store, sent.offset, seconds))


async def _taken(store: Store, offset: int, seconds: float) -> int | None:
    deadline = time.monotonic() + seconds
    while (await taken_to(store, "rules"))[0] <= offset:
        if time.monotonic() > deadline:
            return None
        await asyncio.sleep(POLL_SECONDS)
    rows = [row for row in await store.fetch("rule_events_list") if row["kafka_offset"] == offset]
    if not rows:
        (letter,) = await store.fetch("dead_letters_at", [topic_name("rules")], [REGISTRY_PARTITION], [offset])
        raise Refused(f"{letter['code']}: {letter['reason']}")
    return rows[0]["version"]
