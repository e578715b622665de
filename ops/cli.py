"""The command line `tidegate`.

Exit codes: 0 done, 1 a check failed, 2 wrong usage or not found, 3 Kafka or PostgreSQL cannot be reached.
"""

import logging
import signal
import sys

import typer

from ops.commands import (
    dead_letters,
    doctor,
    explain,
    guarantee,
    history,
    law,
    load,
    lookups,
    redecide,
    registry,
    replay,
    sample,
    stack,
    stock,
    trace,
    work,
)
from ops.commands.demo import demo
from ops.commands.failures import explained
from ops.commands.show import ERR, fail

INTERRUPTED = 130
HELP = """Releases cross-border e-commerce customs manifests from Kafka streams, exactly once.

Start with `tidegate demo`, or by hand: `tidegate up`, `tidegate worker` in another terminal,
`tidegate registry sample`, `tidegate send schemas/examples/release/*.json`, `tidegate decisions`.

TIDEGATE_KAFKA and TIDEGATE_POSTGRES name an outside broker and database; without them the local stack is used.

Exit codes: 0 done, 1 a check failed, 2 wrong usage or not found, 3 Kafka or PostgreSQL cannot be reached."""

app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False)
for command, panel in (
    (demo, "Begin here"),
    (stack.up, "Stack"),
    (stack.down, "Stack"),
    (stack.status, "Stack"),
    (stack.topics, "Stack"),
    (stack.migrate, "Stack"),
    (doctor.doctor, "Stack"),
    (work.worker, "Work"),
    (work.send, "Work"),
    (lookups.decisions, "Look"),
    (lookups.waiting, "Look"),
    (trace.trace, "Look"),
    (explain.explain, "Look"),
    (load.capacity, "Load and proof"),
    (replay.replay, "Load and proof"),
    (load.verify, "Load and proof"),
    (redecide.redecide, "Load and proof"),
):
    app.command(rich_help_panel=panel)(command)
app.add_typer(law.app, name="law", rich_help_panel="Look")
app.add_typer(history.app, name="history", rich_help_panel="Load and proof")
app.add_typer(registry.app, name="registry", rich_help_panel="Look")
app.add_typer(guarantee.app, name="guarantee", rich_help_panel="Look")
app.add_typer(stock.app, name="stock", rich_help_panel="Look")
app.add_typer(sample.app, name="sample", rich_help_panel="Look")
app.add_typer(dead_letters.app, name="dead-letters", rich_help_panel="Look")


def main(arguments: list[str] | None = None) -> None:
    """Run a command; what is known to go wrong becomes one line and an exit code. `arguments`: those of the process."""
    for library in ("aiokafka", "asyncio", "jgo"):  # what they have to say comes again as the error of the command
        logging.getLogger(library).setLevel(logging.CRITICAL)
    if arguments is None:  # the process is the command's own: ended, it stops what it started, as by Ctrl-C
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app(arguments)
    except KeyboardInterrupt:
        ERR.print("Interrupted.")
        sys.exit(INTERRUPTED)
    except Exception as e:
        if (known := explained(e)) is None:
            raise
        code, what, why = known
        fail(what, why)
        sys.exit(code)


if __name__ == "__main__":
    main()
