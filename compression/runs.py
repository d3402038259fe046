"""Runs of discovery: begun once at a time, resumed after a crash, cancelled, and what they propose."""

import logging
import re
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Max, Min, QuerySet
from django.db.models.functions import Substr
from django.utils import timezone

from compression import proposals
from compression.discovery import Level, Miner
from compression.discovery.masks import invented
from compression.models import Candidate, Dictionary, DiscoveryRun, Library, Sample

log = logging.getLogger(__name__)

Status = DiscoveryRun.Status

#: Samples mined between two signs of life.
BATCH: Final = 500
#: A run without a sign of life for so long has lost its worker.
SILENT: Final = timedelta(seconds=90)
#: Runs kept to be looked at, candidates that may wait, and dictionaries of the last runs for candidates that wait.
RUNS_KEPT: Final = 1_000
WAITING_KEPT: Final = 2_000
DICTIONARIES_KEPT: Final = 8
#: Bytes of a state that is written: a larger one would keep the database from others too long.
STATE: Final = 8 * 1024 * 1024


class RunLost(Exception):
    """The run was cancelled, or belongs to another worker by now."""


def due() -> bool:
    """Return whether enough samples came since the last run, if runs begin by their number, or a run has lost its worker."""
    last = DiscoveryRun.objects.order_by("-pk").first()
    if last is not None and last.status == Status.RUNNING:
        return silent().filter(pk=last.pk).exists()
    new = Sample.objects.filter(pk__gt=last.last if last is not None else 0)[: settings.DISCOVERY_EVERY]
    return 0 < settings.DISCOVERY_EVERY <= new.count()


def begin(trigger: str = DiscoveryRun.Trigger.SAMPLES) -> DiscoveryRun | None:
    """Return a run that is now this worker's: one that lost its worker, or a new one.

    None while another worker is at it, or without samples. The database decides who comes first.
    """
    owner = secrets.token_hex(16)
    running = DiscoveryRun.objects.filter(status=Status.RUNNING).first()
    if running is not None:
        lost = silent().filter(pk=running.pk, owner=running.owner)
        taken = lost.update(owner=owner, beat=timezone.now())
        return DiscoveryRun.objects.get(pk=running.pk) if taken else None
    bounds = Sample.objects.aggregate(first=Min("pk"), last=Max("pk"))
    if bounds["first"] is None:
        return None
    total = Sample.objects.filter(pk__range=(bounds["first"], bounds["last"])).count()
    try:
        with transaction.atomic():
            return DiscoveryRun.objects.create(
                trigger=trigger, owner=owner, total=total, position=bounds["first"] - 1, **bounds
            )
    except IntegrityError:
        return None


def carry_out(run: DiscoveryRun) -> DiscoveryRun:
    """Mine the samples of a run, go on where it stopped, and store what it proposes. Returns the run as it ended.

    Takes seconds to minutes; never call it in an event loop.
    """
    try:
        with _beating(run):
            found = _mine(run).found()
            proposed = proposals.proposals(found, lambda: _sign(run))
            dictionary = proposals.dictionary(run, proposed, lambda: _sign(run))
            proposals.measure_active(lambda: _sign(run))
            _finish(run, proposed, found=len(found), dictionary=dictionary)
    except RunLost:
        cancelled = DiscoveryRun.objects.filter(pk=run.pk, owner=run.owner, status=Status.RUNNING, cancel_asked=True)
        cancelled.update(status=Status.CANCELLED, finished=timezone.now(), state=None)
    except Exception as error:
        log.exception("Discovery run %s failed", run.pk)
        message = f"{type(error).__name__}: see the worker's log."
        _own(run).update(status=Status.FAILED, finished=timezone.now(), state=None, error=message)
    run.refresh_from_db()
    return run


def cancel(run: DiscoveryRun) -> bool:
    """Ask a run to stop; return whether it was running. It stops within a batch, at once when its worker is gone."""
    asked = DiscoveryRun.objects.filter(pk=run.pk, status=Status.RUNNING).update(cancel_asked=True)
    silent().filter(pk=run.pk).update(status=Status.CANCELLED, finished=timezone.now(), state=None)
    return bool(asked)


def silent() -> QuerySet[DiscoveryRun]:
    """Return the runs that have lost their workers. A sign of life from a time that is yet to come was given before the
    clock was set back; whoever lives gives another one."""
    now = timezone.now()
    return DiscoveryRun.objects.filter(status=Status.RUNNING).exclude(beat__range=(now - SILENT, now + SILENT))


def _own(run: DiscoveryRun) -> Any:
    return DiscoveryRun.objects.filter(pk=run.pk, owner=run.owner, status=Status.RUNNING)


@contextmanager
def _beating(run: DiscoveryRun) -> Iterator[None]:
    """Give signs of life all the while, from a thread: texts made to be slow to mine must not hand the run from one worker
    to the next for ever."""
    over = threading.Event()

    def beat() -> None:
        try:
            while not over.wait(SILENT.total_seconds() / 4):
                try:
                    _own(run).update(beat=timezone.now())
                except DatabaseError as error:
                    log.warning("Discovery run %s could not give a sign of life: %s", run.pk, error)
        finally:
            connection.close()

    thread = threading.Thread(target=beat, name="discovery", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _finish(run: DiscoveryRun, proposed: Sequence[proposals.Proposal], **changed: Any) -> None:
    """Store what a run proposes and end it, both or neither. Raises RunLost."""
    with transaction.atomic():
        if not _own(run).filter(cancel_asked=False).select_for_update().exists():
            raise RunLost
        new = proposals.store(run, proposed)
        ended = {"status": Status.DONE, "finished": timezone.now(), "state": None, "done": run.total}
        _own(run).update(proposed=new, **ended, **changed)
    _tidy()


def _sign(run: DiscoveryRun, **changed: Any) -> None:
    """Give a sign of life. Raises RunLost."""
    if not _own(run).filter(cancel_asked=False).update(beat=timezone.now(), **changed):
        raise RunLost


def _mine(run: DiscoveryRun) -> Miner:
    miner, position, done = Miner(settings.DISCOVERY_USERS), run.first - 1, 0
    if run.state:
        try:
            miner, position = Miner.from_state(bytes(run.state)), run.position
            done = Sample.objects.filter(pk__range=(run.first, position)).count()
        except ValueError:
            # Another version of AURA began it, or the state is damaged.
            log.warning("Discovery run %s begins anew: its state cannot be read", run.pk)
    _sign(run)
    while True:
        rows = list(Sample.objects.filter(pk__gt=position, pk__lte=run.last).order_by("pk")[:BATCH])
        if not rows:
            break
        mined = [row for row in rows if row.pk % proposals.HELD_OUT_EVERY]
        miner.add([(row.user, invented(row.text, row.pk, short=True)) for row in mined])
        position, done = rows[-1].pk, done + len(rows)
        state = miner.state()
        _sign(run, **({"position": position, "done": done, "state": state} if len(state) <= STATE else {"done": done}))
    miner.finish()
    _sign(run)
    return miner


def _tidy() -> None:
    """Delete what nobody asks for any more, so that no table grows for ever: old runs, the least of too many candidates,
    dictionaries of no library."""
    for pk in DiscoveryRun.objects.order_by("-pk").values_list("pk", flat=True)[RUNS_KEPT:][:1]:
        DiscoveryRun.objects.filter(pk__lte=pk).exclude(status=Status.RUNNING).delete()
    waiting = Candidate.objects.filter(status=Candidate.Status.WAITING).order_by("-saved", "pk")
    Candidate.objects.filter(pk__in=list(waiting.values_list("pk", flat=True)[WAITING_KEPT:])).delete()
    # A canonical manifest begins with the name of its dictionary.
    beginnings = Library.objects.annotate(beginning=Substr("manifest", 1, 80)).values_list("beginning", flat=True)
    named = {name for one in beginnings for name in re.findall(r'^{"dictionary":"([0-9a-f]{64})"', one)}
    recent = DiscoveryRun.objects.order_by("-pk").values_list("dictionary", flat=True)[:DICTIONARIES_KEPT]
    # A younger one may belong to a library that is being measured.
    old = Dictionary.objects.filter(created__lt=timezone.now() - timedelta(days=1)).exclude(hash__in=named)
    old.exclude(pk__in=[pk for pk in recent if pk is not None]).delete()


assert {str(level) for level in Level} == set(Candidate.Level.values)
