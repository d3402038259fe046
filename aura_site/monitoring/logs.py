"""Log lines: for people, or one JSON object each (AURA_LOG_JSON). Both name the request they belong to."""

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

# The id of the request or connection that is being answered; tasks begun for it inherit it.
request_id: ContextVar[str] = ContextVar("request_id", default="")
# What code may say of a line beside its words, by `extra=`. Other extras are not written: Django's hold whole requests.
FIELDS = ("method", "path", "status", "duration_ms", "client", "stream", "model", "code")


class RequestIds(logging.Filter):
    """Gives every record the id of its request."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get() or "-"
        return True


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC, RFC 3339), level, logger, message, and if there are any request_id, FIELDS,
    exception (its type and where it was raised, without its words, which may quote a message)."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if getattr(record, "request_id", "-") != "-":
            line["request_id"] = record.__dict__["request_id"]
        line.update({name: record.__dict__[name] for name in FIELDS if name in record.__dict__})
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = _told(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def _told(exc_info: Any) -> dict[str, Any]:
    kind, _error, traceback = exc_info
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append(f"{code.co_filename}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return {"type": f"{kind.__module__}.{kind.__qualname__}", "frames": frames[-20:]}
