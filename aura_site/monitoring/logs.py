"""Log lines: for people, or one JSON object each (AURA_LOG_JSON). Both name the request they belong to."""

import json
import logging
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

# The id of the request or connection that is being answered; tasks begun for it inherit it.
request_id: ContextVar[str] = ContextVar("request_id", default="")
# The logger of AURA_LOG_REQUESTS.
REQUESTS = "aura.requests"
CLIENT_ERROR, SERVER_ERROR = 400, 500
CALLERS_WORDS = 300
# What code may say of a line beside its words, by `extra=`. Other extras are not written: Django's hold whole requests.
FIELDS = ("method", "path", "status", "duration_ms", "client", "stream", "model", "code")


class RequestIds(logging.Filter):
    """Gives every record the id of its request."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get() or "-"
        return True


class Bounded(logging.Filter):
    """Keeps what strangers do from filling the log.

    From one place in the code at most `limit` lines pass in `period` seconds; the next that does says how many did not.
    What a caller did wrong (Django's lines of a status below 500, and of its security) is one line without a traceback, of
    at most CALLERS_WORDS characters. Lines of requests are what AURA_LOG_REQUESTS asks for, and all pass.
    """

    def __init__(self, limit: int = 60, period: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._limit, self._period, self._clock = limit, period, clock
        # By place, so bounded by the code: when its period began, lines that passed, lines that did not.
        self._places: dict[tuple[str, int, str, int], tuple[float, int, int]] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == REQUESTS:
            return True
        left_out = self._count((record.name, record.levelno, record.pathname, record.lineno))
        if left_out is None:
            return False
        if (
            record.name.startswith("django.security")
            or CLIENT_ERROR <= getattr(record, "status_code", 0) < SERVER_ERROR
        ):
            record.msg, record.args = record.getMessage()[:CALLERS_WORDS], None
            record.exc_info = record.exc_text = None
        if left_out:
            record.msg, record.args = f"{record.getMessage()} ({left_out} more like this were left out)", None
        return True

    def _count(self, place: tuple[str, int, str, int]) -> int | None:
        """Return how many lines were left out before this one, None when it is left out itself."""
        now = self._clock()
        with self._lock:
            began, passed, left_out = self._places.get(place, (now, 0, 0))
            if now - began >= self._period:
                began, passed = now, 0
            if passed >= self._limit:
                self._places[place] = (began, passed, left_out + 1)
                return None
            self._places[place] = (began, passed + 1, 0)
            return left_out


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
