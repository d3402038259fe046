"""Samples of answers for discovery: taken without waiting, redacted, kept in the database up to a limit."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Count, F
from django.utils.crypto import salted_hmac

from compression.discovery import conservative
from compression.discovery.masks import masked
from compression.models import Candidate, DiscoveryRun, Sample

log = logging.getLogger(__name__)

#: Answers that may wait to be written, and characters that one may have: of more, the oldest are dropped.
WAITING: Final = 1_000
MAX_LENGTH: Final = 16_384
#: The share of all samples that may be a single user's: who says very much does not drive out what others were told.
SHARE: Final = 0.1
#: Seconds between two writes, samples of one, and rest for every second of work: who reads an answer waits for the
#: interpreter meanwhile, and discovery does not need every answer.
PAUSE: Final = 1.0
BATCH: Final = 100
REST: Final = 19

Redact = Callable[[str], str]


def cautious(text: str) -> str:
    """Return the text with the form alone of what may be personal data. Linear in it."""
    return masked(text, conservative(text))


def pseudonym(user: object) -> str:
    """Return what stands for a user in samples: a keyed hash of the primary key, 32 characters."""
    return salted_hmac("compression.samples", str(user)).hexdigest()[:32]


def forget_user(user: object) -> int:
    """Delete the samples of a user, whose primary key it is; return how many there were.

    What was taken from samples goes with them: examples of candidates come back with the next run, a run that is at work
    begins anew. Templates and dictionaries hold nothing of single users.
    """
    with transaction.atomic():
        count = Sample.objects.filter(user=pseudonym(user)).delete()[0]
        Candidate.objects.exclude(examples=[]).update(examples=[])
        running = DiscoveryRun.objects.filter(status=DiscoveryRun.Status.RUNNING)
        running.update(state=None, position=F("first") - 1, done=0, owner="")
    return count


class Sampler:
    """Takes answers from any thread or event loop; a thread of its own redacts and writes them.

    `redact` takes personal data out of a text; whoever wires the apps together may set a better one. `after` is called
    with nothing after each write.
    """

    def __init__(self) -> None:
        self.redact: Redact = cautious
        self.after: Callable[[], None] = lambda: None
        self._waiting: deque[tuple[object, str]] = deque(maxlen=WAITING)
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def record(self, user: object, text: str) -> None:
        """Take an answer to a user, by primary key. Costs about a microsecond; never waits, never fails."""
        if 0 < len(text) <= MAX_LENGTH:
            self._waiting.append((user, text))

    def start(self) -> None:
        """Begin to write. Until then what is recorded waits."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="samples", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Write what waits, and end the thread. Takes as long as a write."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopping.set()
            thread.join()

    def flush(self, most: int = WAITING) -> int:
        """Redact and write what waits, at most so many; return how many samples that were. Raises DatabaseError."""
        rows: list[Sample] = []
        while self._waiting and len(rows) < most:
            user, text = self._waiting.popleft()
            rows.append(Sample(user=pseudonym(user), text=self.redact(text)))
        if rows:
            with transaction.atomic():
                Sample.objects.bulk_create(rows)
                _trim({row.user for row in rows})
        return len(rows)

    def _run(self) -> None:
        rest = PAUSE
        try:
            while not self._stopping.wait(rest):
                begun = time.thread_time()
                if self._waiting:
                    self._write(BATCH)
                rest = max(PAUSE, REST * (time.thread_time() - begun))
            if self._waiting:
                self._write(WAITING)
        finally:
            connection.close()

    def _write(self, most: int) -> None:
        try:
            self.flush(most)
            self.after()
        except DatabaseError:
            # Samples are no record: what cannot be written now is dropped.
            log.exception("Samples could not be written; discovery goes on without them")
            connection.close()
        except Exception:
            log.exception("Samples could not be taken")


def _trim(users: Collection[str]) -> None:
    """Delete the oldest samples of each of these users over their share, then the oldest of all over the limit."""
    most = max(1, int(SHARE * settings.DISCOVERY_SAMPLES))
    counted = Sample.objects.filter(user__in=users).values("user").annotate(count=Count("pk")).filter(count__gt=most)
    for user in counted.order_by().values_list("user", flat=True):
        mine = Sample.objects.filter(user=user)
        for pk in mine.order_by("-pk").values_list("pk", flat=True)[most:][:1]:
            mine.filter(pk__lte=pk).delete()
    for pk in Sample.objects.order_by("-pk").values_list("pk", flat=True)[settings.DISCOVERY_SAMPLES :][:1]:
        Sample.objects.filter(pk__lte=pk).delete()


sampler = Sampler()
