"""What is known to go wrong, as an exit code and a line that says what to do."""

import os

import asyncpg
from aiokafka.errors import KafkaError

from history.parts import NoHistory
from history.recall import Incomplete
from history.rule_sets import UnknownRuleSet
from loadtest.generate.sets import NoSuchSet
from ops.commands.show import FAILED, UNREACHABLE, USAGE, NotFound
from ops.failed import RunFailed
from ops.ruling import Refused
from ops.stack.errors import StackError
from schemas.endpoints import SettingsError, StackUnreachable
from schemas.law_check import LawError
from schemas.registry import RegistryError
from sinks.errors import Unavailable
from sinks.migrate import MigrationError
from sinks.topics import TopicError

UNPREPARED = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError)
REFUSED = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)
AWAY = (ConnectionError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError, asyncpg.InterfaceError)


def explained(error: Exception) -> tuple[int, str, str] | None:
    """Exit code, what kind of failure, and what to do; None for what nobody expected, which is a bug to be seen whole."""
    match error:
        case StackUnreachable() | StackError():
            return UNREACHABLE, "Unreachable", str(error)
        case KafkaError():
            return UNREACHABLE, "Kafka cannot be used", f"{error}. {_mend('TIDEGATE_KAFKA')}"
        case asyncpg.PostgresError() if isinstance(error, UNPREPARED):
            return FAILED, "The database is not prepared", "run `tidegate migrate`."
        case asyncpg.PostgresError() if isinstance(error, REFUSED):
            return UNREACHABLE, "PostgreSQL refuses", f"{type(error).__name__}: mend user, password or database in TIDEGATE_POSTGRES."
        case Unavailable():
            return UNREACHABLE, "Unreachable", f"{error}. {_mend('TIDEGATE_POSTGRES')}"
        case RegistryError():
            return UNREACHABLE, "Schema registry", f"{error}. Does TIDEGATE_SCHEMA_REGISTRY name the right place?"
        case NotFound() | NoSuchSet() | NoHistory():
            return USAGE, "Not found", str(error)
        case UnknownRuleSet() | Incomplete():
            return FAILED, "Cannot be recomputed", str(error)
        case SettingsError():
            return USAGE, "Setting", str(error)
        case MigrationError() | TopicError() | RunFailed():
            return FAILED, "Failed", str(error)
        case Refused():
            return FAILED, "Refused by a worker", str(error)
        case LawError():
            return FAILED, "This rule set cannot be used here", str(error)
        case _ if isinstance(error, AWAY):
            return UNREACHABLE, "Unreachable", f"PostgreSQL: {type(error).__name__}. {_mend('TIDEGATE_POSTGRES')}"
        case OSError() if error.filename:
            return USAGE, "File", f"{error.filename}: {error.strerror}"
        case _:
            return None


def _mend(variable: str) -> str:
    if os.environ.get(variable):
        return f"Does {variable} name the right place, and is it running?"
    return "See `tidegate status`; start it with `tidegate up`."
