"""Libraries over HTTP: whole, and as what is new in the next."""

from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from aura_client.libraries import Libraries
from compression.codec import Library, Template, delta
from compression.codec.delta import CONTENT_TYPE

PATH = "/api/compression/libraries"
TEXTS = [
    (f"Your parcel number {number} for ", " has left our house and will be there tomorrow.") for number in range(20)
]
OLD = Library([Template(128 + number, parts) for number, parts in enumerate(TEXTS)])
NEW = Library([*OLD.templates, Template(200, ("Something else for ", "."))])


async def fetched(answer: Callable[[web.Request], Awaitable[web.Response]]) -> tuple[Library | None, list[str]]:
    """Return the library NEW as a client gets it that holds OLD, and what it asked for."""
    asked: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        asked.append(request.rel_url.path_qs.removeprefix(PATH))
        if request.match_info["name"] == OLD.hash:
            return web.Response(body=OLD.manifest)
        return await answer(request)

    application = web.Application()
    application.router.add_get(PATH + "/{name}", handle)
    async with TestServer(application) as server:
        libraries = Libraries(str(server.make_url("/")), "key")
        assert await libraries.fetch(OLD.hash) == OLD
        return await libraries.fetch(NEW.hash), asked


async def test_the_next_one_comes_as_what_is_new() -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.query["have"] == OLD.hash
        return web.Response(body=delta(OLD.manifest, NEW.manifest), content_type=CONTENT_TYPE)

    library, asked = await fetched(answer)
    assert library == NEW
    assert asked == [f"/{OLD.hash}", f"/{NEW.hash}?have={OLD.hash}"]


@pytest.mark.parametrize("made", [b"\xff", delta(OLD.manifest, OLD.manifest)], ids=["damaged", "of other bytes"])
async def test_a_delta_that_will_not_do_is_no_harm(made: bytes) -> None:
    async def answer(request: web.Request) -> web.Response:
        if "have" in request.query:
            return web.Response(body=made, content_type=CONTENT_TYPE)
        return web.Response(body=NEW.manifest)

    library, asked = await fetched(answer)
    assert library == NEW
    assert len(asked) == 3


async def test_a_server_without_deltas_is_asked_once() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=NEW.manifest)

    library, asked = await fetched(answer)
    assert library == NEW
    assert len(asked) == 2


async def test_what_is_not_there_is_nothing() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=404)

    library, _ = await fetched(answer)
    assert library is None
