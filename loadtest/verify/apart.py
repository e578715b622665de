"""The proof made in a new process.

Whoever has generated and published a set has a heap full of gaps. What is read afterwards would be scattered over them, and the
copies of that process be a third slower.
"""

import asyncio
import multiprocessing
import os
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

from loadtest.verify.processes import ProcessLost
from loadtest.verify.proof import Proof
from loadtest.verify.samples import Seeds
from loadtest.verify.verifying import Progress, verify
from schemas.endpoints import Endpoints
from schemas.registry import adopt_ids

Told = Proof | Exception | tuple[str, int, int]


async def verify_apart(
    endpoints: Endpoints, *, person_key: bytes, seeds: Seeds, answers: Path | None, complete: bool, progress: Progress
) -> Proof:
    """`verify` with the ids of the schema registry, if there is one. Its errors come through; ProcessLost when the process ends."""
    receiving, sending = multiprocessing.Pipe(duplex=False)
    asked = (endpoints, person_key, seeds, answers, complete)
    process = multiprocessing.get_context("spawn").Process(target=_in_new_process, args=(sending, *asked))
    process.start()
    sending.close()
    try:
        while True:
            told: Told = await asyncio.to_thread(receiving.recv)
            if isinstance(told, Proof):
                return told
            if isinstance(told, Exception):
                raise told
            progress(*told)
    except EOFError:
        raise ProcessLost("the process of the verifier was ended") from None
    finally:
        receiving.close()
        process.join()


def _in_new_process(
    sending: Connection, endpoints: Endpoints, person_key: bytes, seeds: Seeds, answers: Path | None, complete: bool
) -> None:
    async def prove() -> None:
        await adopt_ids(register=False)
        tell: Callable[[str, int, int], None] = lambda stage, done, total: sending.send((stage, done, total))  # noqa: E731
        told = partial(_send_and_end, sending)
        await verify(endpoints, person_key=person_key, seeds=seeds, answers=answers, complete=complete, progress=tell, told=told)

    try:
        asyncio.run(prove())
    except Exception as e:  # for who asked to raise
        sending.send(e)
    finally:
        sending.close()


def _send_and_end(sending: Connection, proof: Proof) -> NoReturn:
    """At once: to free millions of rows one by one takes seconds, in which nobody needs them any more."""
    sending.send(proof)
    sending.close()
    for process in multiprocessing.active_children():
        process.join()
    os._exit(0)
