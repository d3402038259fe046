"""The page at /datasets/, jobs as resources, and the description of the endpoints."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

import orjson
from channels.db import database_sync_to_async
from django.contrib.auth.decorators import login_required
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from streaming.datasets.errors import BadParameter
from streaming.datasets.parameters import COMMON, ENDPOINTS, LARGE, Choice, shown
from streaming.datasets.payload import Content
from streaming.jobs import openapi, services
from streaming.jobs.endpoint import check_page, job_named
from streaming.jobs.errors import InputTooLarge, JobError, Mismatch, UnknownJob, Unreadable
from streaming.models import DatasetJob
from streaming.strings import dataset_strings
from streaming.views import for_users

View = Callable[..., Any]

LISTED = 100
VERSION = "1"
LARGEST_NUMBER = 2**53 - 1
CONTENT = Choice("content", tuple(Content), Content.BYTES.value, "What the input looks like.")
ENDPOINT = Choice("endpoint", tuple(ENDPOINTS), LARGE.name, "Which endpoint's job.")


@login_required
@require_GET
def datasets_page(request: HttpRequest) -> HttpResponse:
    """Return the page at /datasets/."""
    choices = {parameter.name: parameter for parameter in (*COMMON, *LARGE.own)}
    return render(request, "streaming/datasets.html", {"strings": dataset_strings(), "parameters": choices})


def for_clients(view: View) -> View:
    """Call the view for users, by key or from AURA's own pages, and answer errors as the endpoints do.

    Whose page asks is seen as there, so no CSRF token is needed.
    """

    @wraps(view)
    async def wrapped(request: Any, user: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            if request.headers.get("Authorization", "")[:7].lower() != "bearer ":
                check_page({**request.scope, "session": request.session})
            return await view(request, user, **kwargs)
        except BadParameter as error:
            details: dict[str, Any] = {"parameter": error.parameter, "allowed": error.allowed}
            body = {"code": "malformed", "message": str(error), **details}
            return JsonResponse({"error": body}, status=422)
        except JobError as error:
            body = {"code": error.code.label, "message": str(error), **error.details}
            return JsonResponse({"error": body}, status=error.status)

    return csrf_exempt(for_users(wrapped))


@for_clients
@require_http_methods(["GET", "POST"])
async def jobs(request: HttpRequest, user: Any) -> HttpResponseBase:
    """Return the user's jobs, or make one whose input comes in parts."""
    if request.method == "GET":
        found = await database_sync_to_async(_jobs_of, thread_sensitive=False)(user)
        return JsonResponse({"jobs": found})
    given = _object(request)
    endpoint = ENDPOINTS[ENDPOINT.read(given.get("endpoint"))]
    parameters = given.get("parameters", {})
    if not isinstance(parameters, dict):
        raise Unreadable("parameters must be an object.", parameter="parameters")
    values = endpoint.read(parameters)
    content = CONTENT.read(given.get("content", CONTENT.default))
    size = _size(given.get("size"))
    room = await database_sync_to_async(services.room, thread_sensitive=False)()
    if size is not None and size > room:
        raise InputTooLarge(f"An input may have {room} bytes here: send less, or ask the operator.")
    job = await services.create(user, endpoint.name, values, content, size)
    return JsonResponse(await database_sync_to_async(described, thread_sensitive=False)(job), status=201)


def _object(request: HttpRequest) -> dict[str, Any]:
    try:
        value = orjson.loads(request.body)
    except (orjson.JSONDecodeError, RequestDataTooBig):
        raise Unreadable("Send a JSON object.") from None
    if not isinstance(value, dict):
        raise Unreadable("Send a JSON object.")
    return value


def _size(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= LARGEST_NUMBER:
        allowed = {"minimum": 1, "maximum": LARGEST_NUMBER}
        raise BadParameter(f"size must be a whole number of bytes from 1 up, not {shown(value)}.", "size", allowed)
    return value


def _jobs_of(user: Any) -> list[dict[str, Any]]:
    return [described(job) for job in DatasetJob.objects.filter(user=user)[:LISTED]]


@for_clients
@require_http_methods(["GET", "DELETE"])
async def job(request: HttpRequest, user: Any, job: str) -> HttpResponseBase:
    """Return a job, or cancel it."""
    work = _cancelled if request.method == "DELETE" else _shown
    return JsonResponse(await database_sync_to_async(work, thread_sensitive=False)(user, job_named(job)))


def _shown(user: Any, identifier: UUID) -> dict[str, Any]:
    found = DatasetJob.objects.filter(pk=identifier, user=user).first()
    if found is None:
        raise UnknownJob("There is no such job of yours.")
    return described(found)


def _cancelled(user: Any, identifier: UUID) -> dict[str, Any]:
    found = DatasetJob.objects.filter(pk=identifier, user=user).first()
    if found is None:
        raise UnknownJob("There is no such job of yours.")
    if not services.cancel(found, user.get_username()):
        raise Mismatch(f"This job is over: it is {found.status}.")
    found.refresh_from_db()
    return described(found)


def described(job: DatasetJob) -> dict[str, Any]:
    """Return a job as JSON shows it; reads the spool for what has arrived by now."""
    try:
        received, complete = services.folder(job).look()
    except FileNotFoundError:
        received, complete = job.received, False
    return {
        "job": str(job.pk),
        "endpoint": job.endpoint,
        "parameters": job.parameters,
        "content": job.content,
        "status": job.status,
        "size": job.size,
        "received": received,
        "complete": complete,
        "position": job.position,
        "sha256": job.digest,
        "error": job.error,
        "created": job.created.isoformat(),
    }


@require_GET
@for_users
async def description(_request: HttpRequest, _user: Any) -> HttpResponseBase:
    """Return the OpenAPI document."""
    return JsonResponse(openapi.description(VERSION))
