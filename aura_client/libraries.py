"""Libraries of the codec, fetched from the server by their hash."""

import asyncio

import aiohttp

from compression.codec.delta import CONTENT_TYPE, patch
from compression.codec.errors import CodecError, LibraryError
from compression.codec.library import Library

PATIENCE = 20.0
#: Bytes that a manifest may have.
MAX_MANIFEST = 16 << 20


class Libraries:
    """The libraries that the server at `url` has."""

    def __init__(self, url: str, key: str) -> None:
        self._url = f"{url.rstrip('/')}/api/compression/libraries"
        self._headers = {"Authorization": f"Bearer {key}"}
        self._known: dict[str, Library] = {}

    async def fetch(self, name: str) -> Library | None:
        """Return a library by its hash, None when it cannot be had: then messages are longer, and that is all."""
        if name not in self._known:
            timeout = aiohttp.ClientTimeout(total=PATIENCE)
            try:
                async with aiohttp.ClientSession(headers=self._headers, timeout=timeout) as http:
                    library = await self._newer(http, name) or await self._fetch(http, name)
            except (aiohttp.ClientError, TimeoutError, CodecError, LibraryError):
                return None
            if library is None:
                return None
            self._known[name] = library
        return self._known[name]

    async def _newer(self, http: aiohttp.ClientSession, name: str) -> Library | None:
        """Return the library put together from the last one that was fetched and what is new in it; None if that fails."""
        if not self._known:
            return None
        try:
            return await self._fetch(http, name, next(reversed(self._known.values())))
        except LibraryError:
            return None

    async def _fetch(self, http: aiohttp.ClientSession, name: str, held: Library | None = None) -> Library | None:
        """Return the library, asked for by who holds another or none; None when it is not there. Raises LibraryError."""
        params = {"have": held.hash} if held is not None else None
        async with http.get(f"{self._url}/{name}", params=params) as response:
            if response.status != 200:
                return None
            data = await response.read()
        if held is not None and response.content_type == CONTENT_TYPE:
            data = patch(held.manifest, data, MAX_MANIFEST)
        return await asyncio.to_thread(Library.from_manifest, data, name)
