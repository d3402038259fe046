"""Processes that share the work of a verification. Imported by them before Django is set up."""

from collections.abc import Mapping
from typing import Any


def inherited() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a process needs of this one: the databases' settings and those of the record."""
    from django.conf import settings
    from django.db import connections

    databases = {name: dict(one) for name, one in connections.databases.items()}
    return databases, {name: getattr(settings, name) for name in dir(settings) if name.startswith("AUDIT_")}


def begin(databases: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any]) -> None:
    """Prepare a process of its own: the same databases and keys, whatever it would have by itself."""
    import django
    from django.conf import settings
    from django.db import connections

    django.setup()
    for name, one in databases.items():
        connections.databases[name].update(one)
    for name, value in values.items():
        setattr(settings, name, value)
