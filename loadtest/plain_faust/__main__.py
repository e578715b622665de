"""`python -m loadtest.plain_faust`: one worker of the baseline, until SIGTERM or SIGINT.

Environment: where Kafka is, as schemas.endpoints says (TIDEGATE_KAFKA or the local stack); TIDEGATE_TOPIC_PREFIX;
TIDEGATE_GROUP: id of the app, so also its consumer group and the prefix of its changelog topics (default `plain-faust`);
TIDEGATE_DATADIR: Faust's folder, one for each worker (default: a new temporary one).
A line of JSON to stdout at the start says which extensions are compiled, another at the end what was counted.
"""

import asyncio
import json
import logging
import os
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import mode.loop

mode.loop.use("uvloop")  # only before Faust is imported does it take effect

import aiokafka.record.default_records  # noqa: E402
import faust  # noqa: E402
import faust.streams  # noqa: E402
import faust.transport.conductor  # noqa: E402

from loadtest.plain_faust.app import Counts, build_app  # noqa: E402
from loadtest.plain_faust.changelogs import ensure_changelogs  # noqa: E402
from loadtest.plain_faust.registry import read_registry  # noqa: E402
from schemas.endpoints import Endpoints  # noqa: E402


def compiled() -> dict[str, bool]:
    """Which compiled parts are in use; without them the baseline would be slower than it can be."""
    records = aiokafka.record.default_records
    return {
        "faust.streams": getattr(faust.streams, "_CStreamIterator", None) is not None,
        "faust.transport.conductor": getattr(faust.transport.conductor, "ConductorHandler", None) is not None,
        "aiokafka.record": records.DefaultRecordBatchBuilder.__module__.startswith("aiokafka.record._crecords"),
    }


def main() -> None:
    """Run a worker; ends the process."""
    endpoints = Endpoints.resolve()
    if endpoints.security_protocol != "PLAINTEXT":
        sys.exit("The baseline speaks to plaintext brokers only.")
    datadir = Path(os.environ.get("TIDEGATE_DATADIR") or tempfile.mkdtemp(prefix="plain-faust-"))
    counts = Counts()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    registry = loop.run_until_complete(read_registry(endpoints.kafka))
    app = build_app(endpoints.kafka, os.environ.get("TIDEGATE_GROUP", "plain-faust"), datadir, counts, registry)
    _quiet_logs()
    _say({"faust": metadata.version("faust-streaming"), "compiled": compiled()})
    loop.run_until_complete(
        ensure_changelogs([table.changelog_topic_name for table in app.tables.values()], endpoints.kafka)
    )
    try:
        faust.Worker(app, loop=loop, override_logging=False, quiet=True, stdout=sys.stderr).execute_from_commandline()
    finally:
        _say(counts.as_dict())


def _quiet_logs() -> None:
    """Warnings and worse to stderr. Not by Faust's own `loglevel="warning"`: its progress spinner sets the root logger to
    DEBUG, and every message sent then makes two log records that nobody sees."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # "producer buffer full", once for almost every record: the buffer holds 100 messages and that is not a setting.
    logging.getLogger("faust.transport.producer").setLevel(logging.ERROR)


def _say(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
