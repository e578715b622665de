"""Ids from a schema registry: looked up, registered when missing, written, and read beside those of topics.toml."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import BasicAuth

from loadtest.generate import wire
from loadtest.verify import messages
from schemas import contracts
from schemas.codec import decode, decode_output, encode
from schemas.columnar import decode_columns
from schemas.contracts import avro, id_of, newest, topic_name, topics, use_ids
from schemas.endpoints import SettingsError
from schemas.packed import Packed
from schemas.registry import AUTH_FILE, URL, RegistryError, adopt_ids
from tests.schemas.fake_registry import FakeRegistry
from tests.schemas.wire import KINDS, calm

NAMES = {name for t in topics() for name in t.schemas.values()}


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No registry before the test, and none after it."""
    for name in (URL, AUTH_FILE):
        monkeypatch.delenv(name, raising=False)
    yield
    use_ids({})
    messages._frames.cache_clear()
    messages._starts.cache_clear()


@pytest.fixture
async def registry(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeRegistry]:
    async with FakeRegistry().running() as running:
        monkeypatch.setenv(URL, f"{running.url}/")
        yield running


def plain(name: str) -> bytes:
    return wire.encode(name, calm(avro(name)["fields"]))


async def test_without_a_registry_the_files_ids_are_used() -> None:
    before = {name: id_of(name) for name in NAMES}
    assert await adopt_ids() == {}
    assert {name: id_of(name) for name in NAMES} == before


async def test_what_is_missing_is_registered_under_its_topic_and_then_found(registry: FakeRegistry) -> None:
    found = await adopt_ids()
    assert set(found) == NAMES
    assert {name: id_of(name) for name in NAMES} == found
    assert list(registry.subjects[f"{topic_name('order')}-value"].values()) == [avro("order-1"), avro("order-2")]
    assert registry.subjects.keys() == {f"{t.name}-value" for t in topics() if t.schemas}
    registry.refused = f"{topic_name('order')}-value"  # nothing is registered any more: all of it is found
    assert await adopt_ids() == found


@pytest.mark.parametrize("kind", KINDS)
async def test_both_ids_are_read_and_the_registrys_is_written(registry: FakeRegistry, kind: str) -> None:
    names = list(contracts.schemas_of(kind).values())
    old = [plain(name) for name in names]
    found = await adopt_ids()
    new = [plain(name) for name in names]
    assert [int.from_bytes(v[1:5], "big") for v in new] == [found[name] for name in names]
    assert [decode(kind, v) for v in new] == [decode(kind, v) for v in old]
    decoded = decode_columns(kind, Packed.of([*old, *new] * 10))
    assert (len(decoded.frame), decoded.undecodable) == (20 * len(names), [])
    assert newest(kind) == names[-1]


async def test_messages_of_both_ids_are_told_apart_by_the_verifier(registry: FakeRegistry) -> None:
    golden = (Path(__file__).parents[1] / "golden" / "bytes" / "receipt-1.bin").read_bytes()
    record = decode_output("receipt-1", golden) | {"receiptId": "a" * 32}
    old = encode("receipt-1", record)
    await adopt_ids()
    new = encode("receipt-1", record)
    assert (old[:5] != new[:5], old[5:]) == (True, new[5:])
    assert [messages.message_id("receipt", v) for v in (old, new)] == [record["receiptId"]] * 2
    assert decode_output("receipt-1", new) == record


async def test_who_may_only_look_registers_nothing(registry: FakeRegistry) -> None:
    assert await adopt_ids(register=False) == {}
    assert registry.subjects == {}


async def test_a_name_and_a_password_from_a_file(registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    registry.auth = BasicAuth("somebody", "of:colons")
    with pytest.raises(RegistryError, match="HTTP 401"):
        await adopt_ids()
    secret = tmp_path / "registry.auth"
    monkeypatch.setenv(AUTH_FILE, str(secret))
    with pytest.raises(SettingsError, match="cannot be read"):
        await adopt_ids()
    secret.write_text("somebody")
    with pytest.raises(SettingsError, match="does not hold user:password"):
        await adopt_ids()
    secret.write_text("somebody:of:colons\n")
    assert set(await adopt_ids()) == NAMES


async def test_a_registry_that_refuses_or_is_away(registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.refused = f"{topic_name('receipt')}-value"
    with pytest.raises(RegistryError, match="refuses receipt-1: HTTP 409"):
        await adopt_ids()
    monkeypatch.setenv(URL, "http://127.0.0.1:1")
    with pytest.raises(RegistryError, match="ClientConnectorError"):
        await adopt_ids()
    monkeypatch.setenv(URL, "127.0.0.1:1")
    with pytest.raises(SettingsError, match="no URL"):
        await adopt_ids()


async def test_an_id_that_would_mean_two_schemas_of_one_topic(registry: FakeRegistry) -> None:
    """Documents stored under the file's id could not be read any more."""
    before = id_of("order-1"), id_of("order-2")
    registry.first_id = before[1]
    with pytest.raises(RegistryError, match=f"id {before[1]} would be both order-1 and order-2"):
        await adopt_ids()
    assert (id_of("order-1"), id_of("order-2")) == before
