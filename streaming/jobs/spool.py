"""The spool: inputs and checkpoints of jobs on disk, a folder a job."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

BLOCK = 1024 * 1024


@dataclass(frozen=True)
class Folder:
    """The files of one job: `input.part` while it grows, `input` when all of it is there, `<position>.state`."""

    path: Path

    @classmethod
    def of(cls, root: Path, job: UUID) -> "Folder":
        return cls(root / job.hex)

    def create(self) -> None:
        """Make the folder with an empty input. Raises OSError."""
        self.path.mkdir(parents=True, mode=0o700)
        (self.path / "input.part").touch()

    @property
    def complete(self) -> bool:
        """Return whether all of the input is there."""
        return (self.path / "input").exists()

    def open(self) -> BinaryIO:
        """Return the input, to be read. Raises FileNotFoundError when nothing is kept any more."""
        try:
            # In this order: it gets its last name at any moment, and has one or the other.
            return (self.path / "input.part").open("rb")
        except FileNotFoundError:
            return (self.path / "input").open("rb")

    def look(self) -> tuple[int, bool]:
        """Return the bytes that are there, and whether they are all. Raises FileNotFoundError."""
        complete = self.complete
        with self.open() as file:
            return os.fstat(file.fileno()).st_size, complete

    def append(self, data: bytes, at: int) -> None:
        """Add bytes to the input, which has `at`. Raises BlockingIOError when it has not, and other OSErrors."""
        with (self.path / "input.part").open("r+b", buffering=0) as file:
            if file.seek(0, os.SEEK_END) != at:
                raise BlockingIOError(f"the input is at {file.tell()}, not {at}")
            file.write(data)

    def finish(self) -> None:
        """Say that the input is whole; to say it twice is no error."""
        if not self.complete:
            (self.path / "input.part").rename(self.path / "input")

    def digest(self) -> "hashlib._Hash":
        """Return the SHA-256 of what is there, ready to go on."""
        made = hashlib.sha256()
        with self.open() as file:
            while block := file.read(BLOCK):
                made.update(block)
        return made

    def save(self, position: int, state: bytes) -> None:
        """Keep a checkpoint. It is there whole or not at all."""
        whole = self.path / f"{position}.state"
        part = whole.with_suffix(".part")
        part.write_bytes(state)
        part.rename(whole)

    def nearest(self, position: int) -> bytes | None:
        """Return the last checkpoint that is not behind `position`, None when there is none."""
        kept = [int(file.stem) for file in self.path.glob("*.state")]
        fit = [number for number in kept if number <= position]
        return (self.path / f"{max(fit)}.state").read_bytes() if fit else None

    def remove(self) -> None:
        """Delete all; that it is gone already is no error."""
        shutil.rmtree(self.path, ignore_errors=True)


def used(root: Path) -> int:
    """Return the bytes that all folders together take."""
    total = 0
    for _, folder in folders(root):
        # A job may be deleted meanwhile.
        with suppress(FileNotFoundError):
            total += sum(file.stat().st_size for file in folder.path.iterdir())
    return total


def folders(root: Path) -> Iterator[tuple[UUID, Folder]]:
    """Yield the jobs that have files."""
    if root.exists():
        for path in root.iterdir():
            # Whatever else somebody put there is none of ours.
            with suppress(ValueError):
                yield UUID(hex=path.name), Folder(path)
