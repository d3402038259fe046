"""Static files, served right also when they change under a running server (an upgrade, an editor)."""

from pathlib import Path
from typing import Any

from servestatic import ServeStaticASGI
from servestatic.responders import IsDirectoryError, MissingFileError, StaticFile
from servestatic.utils import decode_path_info

# A compressed file beside the plain one is served in its place.
VARIANTS = ("", ".zstd", ".gz", ".br")
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
    """ServeStatic, which notes sizes and times once, with a look at each file before it is served (some 5 us)."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._seen: dict[str, tuple[str, State]] = {}
        super().__init__(*arguments, **options)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and not self.autorefresh:
            self._look_again(decode_path_info(scope["path"]))
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
        try:
            self.files[url] = self.get_static_file(path, url)
        except (MissingFileError, IsDirectoryError):
            self.files.pop(url, None)
