"""Static files, served small, and right also when they change under a running server (an upgrade, an editor)."""

import asyncio
import gzip
import hashlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brotli  # type: ignore[import-untyped]
from servestatic import ServeStaticASGI
from servestatic.responders import IsDirectoryError, MissingFileError, StaticFile
from servestatic.utils import decode_path_info

# A compressed file beside the plain one is served in its place.
VARIANTS = ("", ".zstd", ".gz", ".br")
# What is compressed, when it is not smaller than a packet and not larger than what a moment suffices for.
PACKED = frozenset({".js", ".css", ".svg", ".json", ".wasm"})
SIZES = range(1_000, 1_000_000)
State = tuple[tuple[int, int, int] | None, ...]


def _state(path: str) -> State:
    """Return what changes when a file or a variant of it does: inode, size and time in nanoseconds of each."""
    found: list[tuple[int, int, int] | None] = []
    for variant in VARIANTS:
        try:
            stat = Path(path + variant).stat()
            found.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
        except OSError:
            found.append(None)
    return tuple(found)


class StaticFiles(ServeStaticASGI):
    """ServeStatic, which notes sizes and times once, with a look at each file before it is served (some 5 us).

    With `pack` a file is compressed by the first who asks for it, into a folder that goes with the process.
    """

    def __init__(self, *arguments: Any, pack: bool = False, **options: Any) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="aura-static-")) if pack else None
        #: Removes the folder. Not left to the interpreter's end: a server that a signal ends does not come that far.
        self.close: Callable[[], object] = lambda: None
        if self._folder is not None:
            self.close = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._packed: set[str] = set()
        self._seen: dict[str, tuple[str, State]] = {}
        super().__init__(*arguments, **options)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and not self.autorefresh:
            url = decode_path_info(scope["path"])
            self._look_again(url)
            if self._folder is not None and url in self._seen and url not in self._packed:
                self._packed.add(url)
                await asyncio.to_thread(self._pack, url, self._folder)
        await super().__call__(scope, receive, send)

    def get_static_file(self, path: str, url: str, stat_cache: Any = None) -> StaticFile:
        # The state comes first: a change between the two is then seen by the next request.
        self._seen[url] = (path, _state(path))
        return super().get_static_file(path, url, stat_cache=stat_cache)

    def _look_again(self, url: str) -> None:
        """Note a file anew that has changed; forget one that is gone until it is back."""
        if url not in self._seen:
            return
        path, before = self._seen[url]
        if _state(path) == before:
            return
        self._packed.discard(url)
        try:
            self.files[url] = self.get_static_file(path, url)
        except (MissingFileError, IsDirectoryError):
            self.files.pop(url, None)

    def _pack(self, url: str, folder: Path) -> None:
        """Serve a file from a copy that has compressed ones beside it, if it is worth that."""
        path, state = self._seen[url]
        if Path(path).suffix not in PACKED or _compressed(state):
            return
        try:
            data, stat = Path(path).read_bytes(), Path(path).stat()
        except OSError:
            return
        if len(data) not in SIZES:
            return
        copy = folder / f"{hashlib.sha256(data).hexdigest()}{Path(path).suffix}"
        for name, content in (
            (copy, data),
            (Path(f"{copy}.br"), brotli.compress(data, quality=9)),
            (Path(f"{copy}.gz"), gzip.compress(data, mtime=0)),
        ):
            name.write_bytes(content)
        # The entity tag is that of the file itself.
        os.utime(copy, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        if _state(path) == state:
            self.files[url] = super().get_static_file(str(copy), url)


def _compressed(state: State) -> bool:
    """Return whether compressed files lie beside the plain one."""
    return any(variant is not None for variant in state[1:])
