"""Free ports on loopback."""

import socket
from collections.abc import Callable
from contextlib import ExitStack

HOST = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on right now; held open together so that none is given out twice."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]


def port_to_use(wanted: int, who: str, say: Callable[[str], None]) -> int:
    """`wanted` (0: none yet) when nobody listens there, else another one, and that is said."""
    if wanted and is_free(wanted):
        return wanted
    (port,) = free_ports(1)
    if wanted:
        say(f"Port {wanted} is taken by another process: {who} listens on {port} from now on.")
    return port


def is_free(port: int) -> bool:
    """Whether one could listen there right now."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that ended a moment ago do not count
        try:
            one.bind((HOST, port))
        except OSError:
            return False
    return True
