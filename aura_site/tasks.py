"""Celery tasks of the site."""

from celery import shared_task

from aura_site import services, upgrades


@shared_task(name="aura_site.tasks.heartbeat")
def heartbeat() -> None:
    """Write down that a worker took a task from the broker just now; `/health` reads it."""
    services.record_heartbeat("worker")


@shared_task(name="aura_site.tasks.forget_attempts")
def forget_attempts() -> None:
    """Forget wrong passwords that no longer count against anybody."""
    services.forget_attempts()


@shared_task(name="aura_site.tasks.forget_backups")
def forget_backups() -> None:
    """Delete what upgrades backed up long ago."""
    upgrades.forget_backups()
