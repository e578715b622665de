"""JSON files that commands send from."""

import json
from pathlib import Path
from typing import Any

import typer


def content_of(path: Path) -> Any:
    """What a file holds; typer.BadParameter when it is not JSON."""
    try:
        return json.loads(path.read_text())
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{path} is not text in UTF-8") from None
    except ValueError as e:
        raise typer.BadParameter(f"{path} is not JSON: {e}") from None
