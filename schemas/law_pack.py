"""The files of a rule set as one value, and the hash of it that names the set (docs/decisions.md section 10)."""

import hashlib
import struct
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

LENGTH = struct.Struct(">I")
DIGEST_BYTES = 16


class NoPack(ValueError):
    """The bytes are no packed files."""


def packed(files: Mapping[str, bytes]) -> bytes:
    """Name and content of each file, each behind its length in four bytes, in the order of the names."""
    parts = [part for name, data in sorted(files.items()) for part in (name.encode(), data)]
    return b"".join(LENGTH.pack(len(part)) + part for part in parts)


def unpacked(content: bytes) -> dict[str, bytes]:
    """The files by name; NoPack."""
    parts = list(_parts(content))
    names = [name.decode(errors="replace") for name in parts[::2]]
    if len(parts) % 2 or names != sorted(set(names)):
        raise NoPack("not a name and a content each, in the order of the names")
    return dict(zip(names, parts[1::2], strict=True))


def _parts(content: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(content):
        begin = at + LENGTH.size
        if begin > len(content) or begin + (length := LENGTH.unpack_from(content, at)[0]) > len(content):
            raise NoPack("it ends within a file")
        at = begin + length
        yield content[begin:at]


def version_of(content: bytes) -> str:
    """What names a set: BLAKE2b-128 of its packed files, in hex."""
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).hexdigest()


def of_folder(folder: Path, names: Iterable[str]) -> bytes:
    """The files of these names, packed; OSError when one is not there."""
    return packed({name: (folder / name).read_bytes() for name in names})


@contextmanager
def as_folder(files: Mapping[str, bytes], names: Iterable[str]) -> Generator[Path]:
    """Those of the files that have one of these names, in a folder that is gone at the end."""
    with TemporaryDirectory() as made:
        folder = Path(made)
        for name in names:
            if name in files:
                (folder / name).write_bytes(files[name])
        yield folder
