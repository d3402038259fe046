"""Celery tasks of the record."""

from celery import shared_task
from django.conf import settings

from audit import erasure, examiner, retention


@shared_task(name="audit.tasks.examine")
def examine() -> None:
    """Examine the turns that a killed process left unexamined."""
    examiner.examine_pending()


@shared_task(name="audit.tasks.search_names")
def search_names() -> None:
    """Flag the names in turns, where AURA_EXAMINE_NAMES is on."""
    if settings.AUDIT_EXAMINE_NAMES:
        examiner.search_pending()


@shared_task(name="audit.tasks.apply_retention")
def apply_retention() -> None:
    """Erase what the retention policies no longer allow to keep."""
    retention.apply(by="retention")


@shared_task(name="audit.tasks.finish_erasures")
def finish_erasures() -> None:
    """Finish the erasures that a killed process left when other apps had not yet erased what they keep."""
    erasure.finish_pending()
