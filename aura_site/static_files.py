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
        #: Removes the copies. Not left to the interpreter's end: a server that a signal ends does not come that far.
        self.close: Callable[[], object] = lambda: None
        self._folder = self._new_folder() if pack else None
        self._packed: set[str] = set()
        # What an answer depends on: the file, and the copy that is served in its place.
        self._seen: dict[str, dict[str, State]] = {}
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
        self._seen[url] = {path: _state(path)}
        return super().get_static_file(path, url, stat_cache=stat_cache)

    def _new_folder(self) -> Path:
        """Make a folder for copies that goes with the process."""
        folder = Path(tempfile.mkdtemp(prefix="aura-static-"))
        self.close = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder

    def _look_again(self, url: str) -> None:
        """Note a file anew that has changed; forget one that is gone until it is back. A copy that is gone is made again."""
        if url not in self._seen:
            return
        path, *copies = self._seen[url]
        changed = [one for one, before in self._seen[url].items() if _state(one) != before]
        if not changed:
            return
        if self._folder is not None and set(copies) & set(changed):
            # Cleaners of temporary files take what is ten days old. The folder's name may be somebody else's by now.
            self._folder = self._new_folder()
        self._packed.discard(url)
        try:
            self.files[url] = self.get_static_file(path, url)
        except (MissingFileError, IsDirectoryError):
            self.files.pop(url, None)

    def _pack(self, url: str, folder: Path) -> None:
        """Serve a file from a copy that has compressed ones beside it, if it is worth that."""
        path, state = next(iter(self._seen[url].items()))
        if Path(path).suffix not in PACKED or _compressed(state):
            return
        try:
            data, stat = Path(path).read_bytes(), Path(path).stat()
        except OSError:
            return
        if len(data) not in SIZES:
            return
        copy = folder / f"{hashlib.sha256(url.encode() + data).hexdigest()}{Path(path).suffix}"
        for name, content in (
            (copy, data),
            (Path(f"{copy}.br"), brotli.compress(data, quality=9)),
            (Path(f"{copy}.gz"), gzip.compress(data, mtime=0)),
        ):
            name.write_bytes(content)
        # The entity tag is that of the file itself.
        os.utime(copy, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        if _state(path) == state:
            self._seen[url][str(copy)] = _state(str(copy))
            self.files[url] = super().get_static_file(str(copy), url)


def _compressed(state: State) -> bool:
    """Return whether compressed files lie beside the plain one."""
    return any(variant is not None for variant in state[1:])
