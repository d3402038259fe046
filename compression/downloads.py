"""What clients of this process fetched of libraries and dictionaries: what coding saves has to earn that back."""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from datetime import date
from functools import wraps
from http import HTTPStatus

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from compression.models import Fetched

log = logging.getLogger(__name__)
View = Callable[[HttpRequest, str], HttpResponseBase]

#: Bytes of bodies that were sent, as they went over the wire, by what was fetched.
fetched: Counter[str] = Counter({"library": 0, "dictionary": 0})
# What is still to be written of them, by the day on which it was fetched.
_waiting: Counter[date] = Counter()
_lock = threading.Lock()
_TABLE = Fetched._meta.db_table
_ADD = (
    f"INSERT INTO {_TABLE} (day, size) VALUES (%s, %s)"
    f" ON CONFLICT (day) DO UPDATE SET size = {_TABLE}.size + excluded.size"
)


def counted(what: str) -> Callable[[View], View]:
    """Return a decorator for views that send libraries or dictionaries: what goes out whole is counted as `what`."""

    def decorate(view: View) -> View:
        @wraps(view)
        def counting(request: HttpRequest, digest: str) -> HttpResponseBase:
            response = view(request, digest)
            if response.status_code == HTTPStatus.OK and request.method == "GET":
                size = len(getattr(response, "content", b""))
                with _lock:
                    fetched[what] += size
                    _waiting[timezone.localdate()] += size
            return response

        return counting

    return decorate


def save() -> None:
    """Write what was fetched since the last time, in a statement a day. To be called about once a second, in a thread: so
    clients make no more of them, however often they fetch. What cannot be written now waits."""
    with _lock:
        taken = dict(_waiting)
        _waiting.clear()
    try:
        while taken:
            day, size = next(iter(taken.items()))
            with connection.cursor() as cursor:
                cursor.execute(_ADD, [connection.ops.adapt_datefield_value(day), size])
            del taken[day]
    except DatabaseError as error:
        log.warning("downloads are not counted yet: %s", type(error).__name__)
    finally:
        with _lock:
            _waiting.update(taken)
