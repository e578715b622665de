"""One Kafka broker in KRaft mode on loopback."""

import asyncio
import socket
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from ops.stack import processes
from ops.stack.errors import StackError
from ops.stack.jars import class_path, java, java_environment
from ops.stack.ports import HOST, free_ports, port_to_use
from ops.stack.state import Part

PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/log
auto.create.topics.enable=false
num.partitions=12
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=1000
group.min.session.timeout.ms=1000
log.retention.hours=-1
log.segment.bytes=268435456
log.index.size.max.bytes=1048576
log.index.interval.bytes=32768
"""


class Kafka:
    """The broker of one stack; everything it has lies in `folder`."""

    def __init__(self, folder: Path, jars: Path, part: Part, say: Callable[[str], None]) -> None:
        self.folder, self.jars, self.part, self.say = folder, jars, part, say
        self.log = folder / "kafka.log"

    @property
    def address(self) -> str:
        """host:port for clients."""
        return f"{HOST}:{self.part.port}"

    def start(self) -> None:
        """Start and wait until it answers; StackError with the reason otherwise."""
        if self.running():
            return
        path = class_path(self.jars, self.say)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.part.port = port_to_use(self.part.port, "Kafka", self.say)
        properties = self._configure()
        if not (self.folder / "log" / "meta.properties").exists():
            self._format(path, properties)
        self.say("Starting Kafka …")
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [java(), "-Xms256m", "-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", f"-Dkafka.logs.dir={self.folder}", "-cp", path,
                 "kafka.Kafka", str(properties)],
                env=java_environment(), stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                cwd=self.folder, start_new_session=True,
            )  # fmt: skip
        self.part.started(process.pid)
        processes.wait_until(self.answers, lambda: process.poll() is None, 60, "Kafka", self.log)

    def stop(self) -> None:
        """Clean stop; does nothing when it does not run."""
        if self.part.pid and self.part.since:
            processes.end(self.part.pid, self.part.since)
        self.part.stopped()

    def running(self) -> bool:
        return processes.is_ours(self.part.pid, self.part.since)

    def answers(self) -> bool:
        """Whether the broker answers a metadata request; asked only once the port is open, for clients log refusals."""
        with socket.socket() as probe:
            if probe.connect_ex((HOST, self.part.port)):
                return False
        return asyncio.run(self._ask())

    async def _ask(self) -> bool:
        client = AIOKafkaAdminClient(bootstrap_servers=self.address, request_timeout_ms=2000)
        try:
            await client.start()
            await client.describe_cluster()
        except (KafkaError, OSError, TimeoutError):
            return False
        finally:
            await client.close()
        return True

    def _configure(self) -> Path:
        (controller,) = free_ports(1)  # nobody else talks to it
        properties = self.folder / "server.properties"
        properties.write_text(
            PROPERTIES.format(host=HOST, port=self.part.port, controller=controller, folder=self.folder)
        )
        return properties

    def _format(self, path: str, properties: Path) -> None:
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A", 1)
        made = subprocess.run(
            [java(), "-cp", path, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)],
            env=java_environment(), capture_output=True, text=True, cwd=self.folder,
        )  # fmt: skip
        if made.returncode:
            raise StackError(f"Kafka's storage could not be formatted in {self.folder}:\n{made.stderr[-800:]}")
