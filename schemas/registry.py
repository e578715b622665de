"""Ids of our schemas in a schema registry (Confluent's API), if one is named; else those of topics.toml are used.

TIDEGATE_SCHEMA_REGISTRY is its URL; TIDEGATE_SCHEMA_REGISTRY_AUTH_FILE names a file with `user:password`.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from schemas.contracts import avro, topics, use_ids
from schemas.endpoints import SettingsError

URL, AUTH_FILE = "TIDEGATE_SCHEMA_REGISTRY", "TIDEGATE_SCHEMA_REGISTRY_AUTH_FILE"
CONTENT = {"Content-Type": "application/vnd.schemaregistry.v1+json", "Accept": "application/vnd.schemaregistry.v1+json"}
SECONDS = 10  # for each question
NOT_FOUND = 404


class RegistryError(RuntimeError):
    """The registry cannot be reached, or refuses; the text names the subject."""


async def adopt_ids(register: bool = True) -> Mapping[str, int]:
    """Use the registry's ids in this process from now on, and return them by schema name; without a registry, none.

    What it does not know is registered, or with `register` False left to the ids of topics.toml. Call it before
    anything is decoded. RegistryError, SettingsError.
    """
    url = os.environ.get(URL, "").rstrip("/")
    if not url:
        return {}
    if not url.startswith(("http://", "https://")):
        raise SettingsError(f"{URL} is no URL: give http://host:port or https://host:port")
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    async with aiohttp.ClientSession(auth=_auth(), headers=CONTENT, timeout=timeout) as session:
        found: dict[str, int] = {}
        for topic in topics():
            for name in dict.fromkeys(topic.schemas.values()):
                number = await _id(session, f"{url}/subjects/{quote(f'{topic.name}-value', safe='')}", name, register)
                if number is not None and found.setdefault(name, number) != number:
                    raise RegistryError(f"{name} has two ids: {found[name]} and, as {topic.name}-value, {number}")
    try:
        use_ids(found)
    except ValueError as e:
        raise RegistryError(str(e)) from None
    return found


def _auth() -> aiohttp.BasicAuth | None:
    path = os.environ.get(AUTH_FILE)
    if not path:
        return None
    try:
        user, colon, password = Path(path).read_text().strip().partition(":")
    except OSError as e:
        raise SettingsError(f"{AUTH_FILE}: {path} cannot be read: {e.strerror}") from None
    if not colon:
        raise SettingsError(f"{AUTH_FILE}: {path} does not hold user:password")
    return aiohttp.BasicAuth(user, password)


async def _id(session: aiohttp.ClientSession, subject: str, name: str, register: bool) -> int | None:
    """The id of a schema under a subject; looked up first, for whoever may only read."""
    body = {"schema": json.dumps(avro(name), ensure_ascii=False)}
    status, answer = await _ask(session, subject, body)
    if status == NOT_FOUND and not register:
        return None
    if status == NOT_FOUND:
        status, answer = await _ask(session, f"{subject}/versions", body)
    number = answer.get("id") if isinstance(answer, dict) else None  # pyright: ignore
    if status != 200 or not isinstance(number, int):
        raise RegistryError(f"{_subject(subject)} refuses {name}: HTTP {status}")
    return number


async def _ask(session: aiohttp.ClientSession, url: str, body: Mapping[str, str]) -> tuple[int, Any]:
    try:
        async with session.post(url, json=body) as answer:
            return answer.status, await answer.json(content_type=None) if answer.status == 200 else None
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as e:
        raise RegistryError(f"{_subject(url)}: {type(e).__name__}") from None


def _subject(url: str) -> str:
    """Without the registry's address, which may hold a password."""
    return url.rpartition("/subjects/")[2]
