"""Talks, erases, applies retention and rotates keys for ever, printing a line for each; to be killed.

`python -m tests.audit.upkeep ROUND`, in a data folder of its own.
"""

import os
import sys
from datetime import timedelta

os.environ["DJANGO_SETTINGS_MODULE"] = "aura_site.settings"

import django

django.setup()

from django.utils import timezone  # noqa: E402

from audit import erasure, examiner, retention, rotation, selectors, tracking  # noqa: E402
from audit.models import RetentionPolicy  # noqa: E402
from compression.models import Sample  # noqa: E402
from compression.samples import pseudonym  # noqa: E402
from tests.audit.scenario import converse, user_named  # noqa: E402


def main(number: str) -> None:
    """Do it for ever."""
    if not RetentionPolicy.objects.exists():
        tracking.keep(RetentionPolicy(name="all", days=1, enabled=True), text="a policy")
    count = 0
    while True:
        name = f"user-{number}-{count}"
        for _ in range(3):
            converse(name, "What is said here goes", "And so does the answer")
        examiner.examine_pending()
        Sample.objects.create(user=pseudonym(user_named(name).pk), text="a sample of what was said")
        os.write(1, b"said\n")
        subject = selectors.subject_named(name)
        assert subject is not None
        erasure.erase_subject(subject, by="officer", reason="asked for", keep_account=count % 2 == 0)
        os.write(1, b"erased\n")
        converse(f"{name}-old", "What is old goes", "By itself")
        retention.apply(by="retention", now=timezone.now() + timedelta(days=2))
        os.write(1, b"retained\n")
        rotation.rotate_subjects()
        rotation.rotate_master()
        rotation.rotate_signing()
        os.write(1, b"rotated\n")
        count += 1


if __name__ == "__main__":
    main(sys.argv[1])
