"""The secrets of an installation, each in a file only its owner reads: the key of the pseudonyms and the seeds of the samples."""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from schemas.endpoints import SettingsError, home_folder
from schemas.samples import SecretSeeds, fresh_seeds, seeds

PERSON, SAMPLE = "TIDEGATE_PERSON_KEY_FILE", "TIDEGATE_SAMPLE_KEY_FILE"


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where they lie. Whoever only reads never makes one: with another key nothing that is stored would agree."""

    person: Path
    sample: Path

    @classmethod
    def resolve(cls, home: Path | None = None) -> "KeyFiles":
        """TIDEGATE_PERSON_KEY_FILE and TIDEGATE_SAMPLE_KEY_FILE win over `person.key` and `sample.key` in the home folder."""
        home = home or home_folder()
        return cls(Path(os.environ.get(PERSON) or home / "person.key"), Path(os.environ.get(SAMPLE) or home / "sample.key"))

    def made(self) -> "KeyFiles":
        """The same; what is not there has been made, as workers do on first use."""
        _make(self.person, lambda: secrets.token_bytes(32))
        _make(self.sample, lambda: fresh_seeds().encode())
        return self

    def person_key(self) -> bytes:
        """The key of the pseudonyms, 16 to 64 bytes; SettingsError when there is none."""
        key = _read(self.person, PERSON)
        if not 16 <= len(key) <= 64:
            raise SettingsError(f"{self.person} holds {len(key)} bytes; a key has 16 to 64")
        return key

    def seeds(self) -> SecretSeeds:
        """The seeds of the samples; SettingsError when there are none, or one of them is wrong."""
        text = _read(self.sample, SAMPLE).decode()
        try:
            return seeds(text)
        except ValueError as e:
            raise SettingsError(f"{self.sample}:{e}") from None


def _make(path: Path, content: Callable[[], bytes]) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return  # another worker was first
    with os.fdopen(descriptor, "wb") as f:
        f.write(content())


def _read(path: Path, variable: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise SettingsError(f"{path} cannot be read ({e.strerror}): workers make it as they start; name the one they use in {variable}.") from None
