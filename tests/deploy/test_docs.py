"""The pages for those who publish and for those who build: generated parts are fresh, code in them runs."""

import re
from pathlib import Path
from typing import Any

import aiokafka
import pytest

from ops import rule_pages
from schemas.codec import decode, encode
from schemas.contracts import newest, topics
from schemas.lawbook import load

ROOT = Path(__file__).parents[2]
PLATFORMS = (ROOT / "docs/platforms.md").read_text()
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "CONTRIBUTING.md"]


class FakeProducer:
    """Keeps what is sent."""

    sent: list[tuple[str, bytes, bytes]]
    options: dict[str, Any]

    def __init__(self, **options: Any) -> None:
        FakeProducer.options, FakeProducer.sent = options, []

    async def __aenter__(self) -> "FakeProducer":
        return self

    async def __aexit__(self, *_error: object) -> None:
        return None

    async def send_and_wait(self, topic: str, value: bytes, key: bytes) -> None:
        self.sent.append((topic, key, value))


class FakeConsumer(FakeProducer):
    """Yields one receipt."""

    value: bytes

    def __init__(self, *_topics: str, **options: Any) -> None:
        super().__init__(**options)

    async def __aiter__(self) -> Any:
        yield type("Record", (), {"value": self.value})


def blocks() -> list[str]:
    """The Python of docs/platforms.md: the producer, then the reader of receipts."""
    return re.findall(r"```python\n(.*?)```", PLATFORMS, re.DOTALL)


def run(block: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(block, "docs/platforms.md", "exec"), names)
    return names


async def test_the_producer_of_the_page_sends_a_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiokafka, "AIOKafkaProducer", FakeProducer)
    names = run(blocks()[0])
    await names["publish"]("127.0.0.1:1", "cbec.payment", "payment-1", names["PAYMENT"])
    ((topic, key, value),) = FakeProducer.sent
    assert topic == "cbec.payment"
    document = decode("payment", value)
    assert key == f"{document['ebpCode']}|{document['orderNo']}".encode()
    assert document["amountPaid"] == names["PAYMENT"]["amountPaid"]
    assert FakeProducer.options["acks"] == "all" and FakeProducer.options["enable_idempotence"]


async def test_the_reader_of_the_page_reads_a_receipt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiokafka, "AIOKafkaConsumer", FakeConsumer)
    text = "receiptId subject ebpCode orderNo kind topic code returnStatus orderStatus paymentStatus waybillStatus returnInfo"
    receipt = dict.fromkeys(text.split(), "x") | {"attempt": 1, "partition": 2, "offset": 3, "returnTime": 0}
    FakeConsumer.value = encode("receipt-1", receipt)
    names = run(blocks()[1])
    (read,) = [one async for one in names["receipts"]("127.0.0.1:1", "platform")]
    assert read["orderNo"] == "x" and read["offset"] == 3
    assert FakeProducer.options["isolation_level"] == "read_committed"


def test_aiokafka_clients_are_used_as_they_are() -> None:
    for client in (aiokafka.AIOKafkaProducer, aiokafka.AIOKafkaConsumer):
        assert hasattr(client, "__aenter__") and hasattr(client, "__aexit__")


def test_the_page_names_every_topic_and_schema_id() -> None:
    for topic in topics():
        if topic.role != "clock":
            assert f"`{topic.name}`" in PLATFORMS, topic.name
    for number, name in {i: n for t in topics() for i, n in t.schemas.items()}.items():
        assert f"`{name}`, {number}" in PLATFORMS, name
    for kind in ("order", "payment", "waybill"):
        assert f"`{newest(kind)}`" in PLATFORMS


@pytest.mark.parametrize("path", rule_pages.pages(), ids=lambda p: p.name)
def test_generated_pages_are_fresh(path: Path) -> None:
    assert path.read_text() == rule_pages.pages()[path], "run python -m ops.rule_pages"


def test_every_code_stands_in_both_pages() -> None:
    rules = (ROOT / "docs/rules.md").read_text()
    indicators = {entry["code"] for entry in load().risk.entries["indicator"]}  # no findings: they give points
    for code, entry in load().texts().items():
        if code in indicators:
            assert f"| {code} |" in rules and entry["zh"] in rules
            continue
        assert f"\n### {code}\n" in rules and f"| {code} |" in PLATFORMS
        assert entry["zh"] in rules and entry["zh"] in PLATFORMS


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="markers"):
        rule_pages.with_codes("no markers", "codes")


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
        assert (path.parent / target).exists(), f"{path.name} links to {target}"


@pytest.mark.parametrize("path", sorted((ROOT / "docs/adr").glob("*.md")), ids=lambda p: p.name)
def test_a_decision_record_is_titled_by_its_number(path: Path) -> None:
    assert path.read_text().startswith(f"# {path.name[:4]} ")
