"""Logs as JSON, one object a line, on standard error. Values of documents never get here."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

INNERMOST = 12  # frames of a trace that are told


class JsonFormatter(logging.Formatter):
    """time, level, logger, message, then whatever `extra` brought."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {k: v for k, v in vars(record).items() if k not in STANDARD}
        if record.exc_info and record.exc_info[0]:
            # the type and the places, not the text: an exception may quote a value
            line["error"] = record.exc_info[0].__name__
            frames = traceback.extract_tb(record.exc_info[2], limit=-INNERMOST)
            line["at"] = [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames]
        return json.dumps(line, ensure_ascii=False, default=str)


class Sparing(logging.Filter):
    """Of a library's message that comes again and again (a broker is away), one in some seconds, with how many were not."""

    def __init__(self, libraries: tuple[str, ...], seconds: float = 5.0) -> None:
        super().__init__()
        self._libraries, self._seconds = libraries, seconds
        self._told: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(self._libraries):
            return True
        kind = (record.name, str(record.msg)[:80])
        last, unsaid = self._told.get(kind, (0.0, 0))
        if record.created - last < self._seconds:
            self._told[kind] = (last, unsaid + 1)
            return False
        self._told[kind] = (record.created, 0)
        if unsaid:
            record.unsaid = unsaid
        return True


def configure(level: str = "INFO") -> None:
    """Everything to standard error; Faust and aiokafka only from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(Sparing(("aiokafka", "faust", "mode")))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for noisy in ("faust", "mode", "aiokafka", "agents"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
