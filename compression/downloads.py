"""What clients of this process fetched of libraries and dictionaries: what coding saves has to earn that back."""

import threading
from collections import Counter
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus

from django.http import HttpRequest, HttpResponseBase

View = Callable[[HttpRequest, str], HttpResponseBase]

#: Bytes of bodies that were sent, as they went over the wire, by what was fetched.
fetched: Counter[str] = Counter({"library": 0, "dictionary": 0})
_lock = threading.Lock()


def counted(what: str) -> Callable[[View], View]:
    """Return a decorator for views that send libraries or dictionaries: what goes out whole is counted as `what`."""

    def decorate(view: View) -> View:
        @wraps(view)
        def counting(request: HttpRequest, digest: str) -> HttpResponseBase:
            response = view(request, digest)
            if response.status_code == HTTPStatus.OK and request.method == "GET":
                with _lock:
                    fetched[what] += len(getattr(response, "content", b""))
            return response

        return counting

    return decorate
