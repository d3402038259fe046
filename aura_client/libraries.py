"""Libraries of the codec, fetched from the server by their hash."""

import asyncio

import aiohttp

from compression.codec.errors import CodecError
from compression.codec.library import Library

PATIENCE = 20.0


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
                async with (
                    aiohttp.ClientSession(headers=self._headers, timeout=timeout) as http,
                    http.get(f"{self._url}/{name}") as response,
                ):
                    if response.status != 200:
                        return None
                    data = await response.read()
                self._known[name] = await asyncio.to_thread(Library.from_manifest, data, name)
            except (aiohttp.ClientError, TimeoutError, CodecError):
                return None
        return self._known[name]
