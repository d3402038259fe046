"""The description of the dataset endpoints (OpenAPI 3.1), made from the tables that requests are checked by."""

from typing import Any

from streaming.datasets.envelope import NAME
from streaming.datasets.parameters import COMMON, ENDPOINTS, Endpoint, Parameter
from streaming.protocol.codes import FaultCode

JOB = "6f1c1f0e-6d7a-4a55-9d3c-0d3d6f0a2b11"
ID = f"{JOB.replace('-', '')}:1:16384"
JSON = "application/json"
EVENTS = "text/event-stream"

_EXAMPLE = (
    f"id: {ID.rsplit(':', 1)[0]}:0\nevent: metadata\n"
    f'data: {{"job":"{JOB}","endpoint":"stream_process","content":"text","size":11,"position":0,"chunk":1024}}\n\n'
    f"id: {ID.rsplit(':', 1)[0]}:11\nevent: chunk\n"
    'data: {"offset":0,"position":0,"length":11,"novelty":0.5,"mean":[0.1],"energy":[0.6]}\n\n'
    f"id: {ID.rsplit(':', 1)[0]}:12\nevent: completion\n"
    f'data: {{"job":"{JOB}","summary":{{"chunks":1,"bytes":11,"mean_novelty":0.5}},"throughput_mb_s":0.4}}\n\n'
)


def description(version: str) -> dict[str, Any]:
    """Return the document."""
    paths: dict[str, Any] = {}
    for endpoint in ENDPOINTS.values():
        methods = {"post": _post(endpoint)}
        if endpoint.readable:
            methods["get"] = _get(endpoint)
        paths[f"/deep_tree_echo/{endpoint.name}"] = methods
    paths["/deep_tree_echo/jobs"] = {"get": _list_jobs(), "post": _create_job()}
    paths["/deep_tree_echo/jobs/{job}"] = {"get": _show_job(), "delete": _cancel_job()}
    paths["/deep_tree_echo/jobs/{job}/input"] = {"patch": _add_input()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "AURA datasets", "version": version, "description": "docs/reference/datasets.md says more."},
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": _ERROR, "Job": _JOB},
        },
    }


_EVENT: dict[str, Any] = {
    "description": "Of each event.",
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9a-f]{32}:1:[0-9]+$"},
        "event": {"enum": ["metadata", "chunk", "heartbeat", "completion", "error"]},
        "data": {"type": "string", "contentMediaType": JSON},
    },
}
_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"enum": sorted(code.label for code in FaultCode)},
                "message": {"type": "string"},
                "parameter": {"type": "string", "description": "What is out of range."},
                "allowed": {
                    "type": "object",
                    "description": "The range: minimum and maximum, or enum.",
                    "properties": {
                        "minimum": {"type": "integer"},
                        "maximum": {"type": "integer"},
                        "enum": {"type": "array"},
                    },
                },
                "received": {"type": "integer", "description": "Bytes of the input that are there."},
            },
        }
    },
}
_JOB: dict[str, Any] = {
    "type": "object",
    "required": ["job", "endpoint", "parameters", "status", "received", "complete", "position"],
    "properties": {
        "job": {"type": "string", "format": "uuid"},
        "endpoint": {"enum": list(ENDPOINTS)},
        "parameters": {"type": "object"},
        "content": {"enum": ["text", "json", "bytes", ""]},
        "status": {"enum": ["running", "waiting", "done", "failed", "cancelled"]},
        "size": {"type": ["integer", "null"]},
        "received": {"type": "integer"},
        "complete": {"type": "boolean"},
        "position": {"type": "integer"},
        "sha256": {"type": "string"},
        "error": {"type": "string"},
    },
}
_JOB_EXAMPLE = {
    "job": JOB,
    "endpoint": "stream_large_dataset",
    "parameters": {"membrane_depth": 3, "esn_size": 64},
    "content": "text",
    "status": "waiting",
    "size": 1048576,
    "received": 262144,
    "complete": False,
    "position": 245760,
    "sha256": "",
    "error": "",
}
_SAYS = {
    401: "Sign in, or send an API key.",
    403: "Another site's page asked.",
    404: "No such job of yours.",
    409: "The upload goes on elsewhere, or the job is over or another endpoint's.",
    410: "The input is not kept any more.",
    413: "More than an input may have.",
    415: "A form was sent.",
    422: "A parameter is out of its range, or the body makes no sense; `allowed` has the range.",
    429: "Too many jobs at once.",
    503: "The server restarts, or cannot write.",
}


def _errors(*statuses: int) -> dict[str, Any]:
    return {
        str(status): {
            "description": _SAYS[status],
            "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
        for status in statuses
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    example: object = parameter.default
    return {
        "name": parameter.name,
        "in": "query",
        "required": False,
        "description": parameter.meaning,
        "schema": parameter.schema,
        "example": example,
    }


_RESUME = [
    {
        "name": "Last-Event-ID",
        "in": "header",
        "required": False,
        "description": "The id of the last event you have: you get exactly the rest. The job keeps its parameters.",
        "schema": {"type": "string", "pattern": "^[0-9a-f]{32}:1:[0-9]{1,15}$"},
        "example": ID,
    },
    {
        "name": "job",
        "in": "query",
        "required": False,
        "description": "A job to read from its beginning, or from Last-Event-ID.",
        "schema": {"type": "string", "format": "uuid"},
        "example": JOB,
    },
]
_UPLOAD_OFFSET = {
    "name": "Upload-Offset",
    "in": "header",
    "required": False,
    "description": "Where the body goes on in an input of which a part is there.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 10**15 - 1},
}


def _stream(endpoint: Endpoint) -> dict[str, Any]:
    headers = ["X-Server-Rendered", "X-Compression-Level", "X-Timeout-Prevention", "AURA-Job", *endpoint.headers]
    return {
        "description": "Events: metadata, chunk, heartbeat, completion, error.",
        "headers": {name: {"schema": {"type": "string"}, "required": True} for name in headers},
        "content": {EVENTS: {"schema": _EVENT, "example": _EXAMPLE}},
    }


def _responses(endpoint: Endpoint, *more: int) -> dict[str, Any]:
    return {
        "200": _stream(endpoint),
        "204": {"description": "You have everything: do not come back."},
        **_errors(401, 403, 404, 409, 410, 422, 429, 503, *more),
    }


def _envelope(endpoint: Endpoint) -> dict[str, Any]:
    members: dict[str, Any] = {parameter.name: parameter.schema for parameter in endpoint.parameters}
    members[NAME] = {
        "description": "Text, or JSON; in a body over 1 MB it stands after the parameters.",
        "anyOf": [{"type": "string", "minLength": 1}, {"type": "object"}, {"type": "array"}],
    }
    return {"type": "object", "required": [NAME], "properties": members}


def _post(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "description": "A body over 1 MB is worked on while it comes. Parameters in the query count before the body's.",
        "parameters": [*map(_parameter, endpoint.parameters), *_RESUME, _UPLOAD_OFFSET],
        "requestBody": {
            "required": True,
            "content": {
                JSON: {
                    "schema": _envelope(endpoint),
                    "example": {NAME: "hello world", "membrane_depth": 2, "esn_size": 32},
                },
                "text/plain": {"schema": {"type": "string", "minLength": 1}, "example": "hello world"},
                "application/octet-stream": {"schema": {"type": "string", "format": "binary", "minLength": 1}},
            },
        },
        "responses": _responses(endpoint, 413, 415),
    }


def _get(endpoint: Endpoint) -> dict[str, Any]:
    small = {
        "name": NAME,
        "in": "query",
        "required": False,
        "description": "A short input; or give a job.",
        "schema": {"type": "string"},
        "example": "hello world",
    }
    return {
        "operationId": f"{endpoint.name}_get",
        "summary": "The same for EventSource: a short input, or a job's events",
        "parameters": [small, *map(_parameter, endpoint.parameters), *_RESUME],
        "responses": _responses(endpoint, 413),
    }


_JOB_ID = {
    "name": "job",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
    "example": JOB,
}
_JOB_ANSWER = {
    "description": "The job.",
    "content": {JSON: {"schema": {"$ref": "#/components/schemas/Job"}, "example": _JOB_EXAMPLE}},
}


def _list_jobs() -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {"jobs": {"type": "array", "items": {"$ref": "#/components/schemas/Job"}}},
    }
    answer = {"description": "Your last hundred jobs.", "content": {JSON: {"schema": schema}}}
    return {"operationId": "list_jobs", "summary": "Your jobs", "responses": {"200": answer, **_errors(401)}}


def _create_job() -> dict[str, Any]:
    properties = {
        "endpoint": {"enum": list(ENDPOINTS)},
        "parameters": {
            "type": "object",
            "description": "As of the endpoint.",
            "properties": {parameter.name: parameter.schema for parameter in COMMON},
        },
        "size": {"type": ["integer", "null"], "minimum": 1, "maximum": 2**53 - 1},
        "content": {"enum": ["text", "json", "bytes"], "default": "bytes"},
    }
    example = {"endpoint": "stream_large_dataset", "parameters": {"compression_level": 1}, "size": 1048576}
    return {
        "operationId": "create_job",
        "summary": "Make a job whose input is sent in parts",
        "requestBody": {
            "required": True,
            "content": {
                JSON: {
                    "schema": {"type": "object", "required": ["endpoint"], "properties": properties},
                    "example": example,
                }
            },
        },
        "responses": {"201": _JOB_ANSWER, **_errors(401, 403, 413, 422, 503)},
    }


def _show_job() -> dict[str, Any]:
    answers = {"200": _JOB_ANSWER, **_errors(401, 404)}
    return {"operationId": "show_job", "summary": "A job", "parameters": [_JOB_ID], "responses": answers}


def _cancel_job() -> dict[str, Any]:
    answers = {"200": _JOB_ANSWER, **_errors(401, 403, 404, 409)}
    return {
        "operationId": "cancel_job",
        "summary": "Cancel a job: its worker is free at once, its input is deleted",
        "parameters": [_JOB_ID],
        "responses": answers,
    }


def _add_input() -> dict[str, Any]:
    complete = {
        "name": "Upload-Complete",
        "in": "header",
        "required": False,
        "description": "?1 with the last part of an input whose size was not given; 409 before all of one that was.",
        "schema": {"enum": ["?0", "?1"]},
    }
    schema = {
        "type": "object",
        "required": ["job", "received", "complete"],
        "properties": {
            "job": {"type": "string", "format": "uuid"},
            "received": {"type": "integer"},
            "complete": {"type": "boolean"},
        },
    }
    return {
        "operationId": "add_input",
        "summary": "A further part of an input",
        "parameters": [_JOB_ID, {**_UPLOAD_OFFSET, "required": True, "example": 0}, complete],
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
        "responses": {
            "200": {"description": "What is there now.", "content": {JSON: {"schema": schema}}},
            **_errors(401, 403, 404, 409, 410, 413, 422, 503),
        },
    }
