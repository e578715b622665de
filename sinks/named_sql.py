"""Named SQL files."""

from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "sql"


@lru_cache
def sql(name: str) -> str:
    """The statement in sql/<name>.sql."""
    return (FOLDER / f"{name}.sql").read_text()
