"""Where the secrets lie, who makes them, and what is said when they are not there."""

from pathlib import Path

import pytest

from schemas.endpoints import SettingsError
from schemas.key_files import PERSON, SAMPLE, KeyFiles


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (PERSON, SAMPLE):
        monkeypatch.delenv(name, raising=False)


def test_they_are_made_once_and_read_by_their_owner_alone(tmp_path: Path) -> None:
    files = KeyFiles.resolve(tmp_path / "home").made()
    first = files.person_key(), files.seeds()
    assert (files.made().person_key(), files.seeds()) == first
    assert [path.stat().st_mode & 0o77 for path in (files.person, files.sample)] == [0, 0]


def test_the_environment_wins_over_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PERSON, str(tmp_path / "elsewhere"))
    assert KeyFiles.resolve(tmp_path) == KeyFiles(tmp_path / "elsewhere", tmp_path / "sample.key")
    monkeypatch.setenv(SAMPLE, str(tmp_path / "drawn"))
    assert KeyFiles.resolve(tmp_path).sample == tmp_path / "drawn"


def test_who_reads_makes_none(tmp_path: Path) -> None:
    files = KeyFiles.resolve(tmp_path)
    with pytest.raises(SettingsError, match=PERSON):
        files.person_key()
    with pytest.raises(SettingsError, match=SAMPLE):
        files.seeds()
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_a_key_is_named(tmp_path: Path) -> None:
    files = KeyFiles.resolve(tmp_path)
    files.person.write_bytes(b"short")
    files.sample.write_text("2019-01-01 abcd\n")
    with pytest.raises(SettingsError, match="holds 5 bytes"):
        files.person_key()
    with pytest.raises(SettingsError, match=r"sample\.key:1: a seed has 64"):
        files.seeds()
