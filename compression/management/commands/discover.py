"""`manage.py discover`: runs discovery here and now, and says what it found."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from compression import review, runs
from compression.models import DiscoveryRun


class Command(BaseCommand):
    help = "Mine the samples for templates now; candidates wait for a reviewer in the admin."

    def handle(self, *_args: Any, **_options: Any) -> None:
        run = runs.begin(DiscoveryRun.Trigger.MANUAL)
        if run is None:
            running = DiscoveryRun.objects.filter(status=DiscoveryRun.Status.RUNNING).exists()
            raise CommandError(
                "A run is at work already: see discovery runs in the admin." if running else "There are no samples yet."
            )
        run = runs.carry_out(run)
        if run.status != DiscoveryRun.Status.DONE:
            raise CommandError(f"Run {run.pk}: {run.get_status_display()}. {run.error}".strip())
        library = review.after(run)
        self.stdout.write(f"Run {run.pk}: {run.total} samples, {run.found} templates, {run.proposed} new candidates.")
        if library is not None:
            self.stdout.write(f"Library {library} is active now.")
