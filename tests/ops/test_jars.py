"""Kafka's jars are resolved once, however many need them at the same time."""

from pathlib import Path
from threading import Barrier, Thread

import pytest

from ops.stack import jars


def test_of_two_that_need_them_at_once_one_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resolved: list[Path] = []
    both, found = Barrier(2, timeout=30), list[str]()

    def resolve(folder: Path) -> list[str]:
        resolved.append(folder)
        (folder / "kafka.jar").touch()
        return [str(folder / "kafka.jar")]

    def say(_: str) -> None:  # each says that it has to resolve before either does
        both.wait()

    def ask() -> None:
        found.append(jars.class_path(tmp_path / "jars", say))

    monkeypatch.setattr(jars, "_resolve", resolve)
    threads = [Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(resolved) == 1
    assert found == [str(tmp_path / "jars" / "kafka.jar")] * 2


def test_they_are_resolved_anew_when_one_has_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jar = tmp_path / "kafka.jar"
    monkeypatch.setattr(jars, "_resolve", lambda _: [str(jar)])
    said: list[str] = []
    jars.class_path(tmp_path, said.append)
    jar.touch()
    jars.class_path(tmp_path, said.append)
    assert len(said) == 1
    jar.unlink()
    jars.class_path(tmp_path, said.append)
    assert len(said) == 2
