"""`make fault`: SEED (1), KILLS (20), RATE (500 manifests/s), WORKERS (3), STOP_SECONDS (60) from the environment."""

import argparse
import asyncio
import json
import logging
import os
import sys
from pathlib import Path

from rich.console import Console

from ops.capacity import commit_id
from ops.failed import RunFailed
from ops.fault.plan import Plan
from ops.fault.run import run
from ops.fault.show import Show, summary
from ops.stack.errors import StackError
from schemas.endpoints import home_folder


def main() -> int:
    """Exit code 0 verified, 1 not, 3 no stack."""
    parser = argparse.ArgumentParser(prog="python -m ops.fault", description=__doc__)
    env = os.environ
    parser.add_argument("--seed", type=int, default=int(env.get("SEED", "1")))
    parser.add_argument("--kills", type=int, default=int(env.get("KILLS", "20")))
    parser.add_argument("--workers", type=int, default=int(env.get("WORKERS", "3")))
    parser.add_argument("--rate", type=float, default=float(env.get("RATE", "500")), help="manifests a second")
    parser.add_argument("--stop-seconds", type=float, default=float(env.get("STOP_SECONDS", "60")))
    parser.add_argument("--json", type=Path, metavar="FILE")
    asked = parser.parse_args()
    plan = Plan(asked.seed, asked.kills, asked.workers, asked.rate, stop_seconds=asked.stop_seconds)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # our own clients meet the faults too, and retry
    console = Console()
    try:
        with Show(console) as show:
            outcome = asyncio.run(run(plan, home_folder().resolve(), say=show.say, told=show.told))
    except (RunFailed, StackError) as e:
        console.print(str(e), style="red", soft_wrap=True)
        return 3 if isinstance(e, StackError) else 1
    summary(outcome, console)
    if asked.json:
        asked.json.write_text(json.dumps({**outcome.to_json(), "commit": commit_id()}, indent=1, default=str) + "\n")
    return 0 if outcome.verified else 1


if __name__ == "__main__":
    sys.exit(main())
