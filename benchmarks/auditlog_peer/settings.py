"""AURA's settings with django-auditlog and the messages that it logs."""

from aura_site.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "auditlog", "benchmarks.auditlog_peer"]  # noqa: F405
