"""Roles: groups with the least that their work needs. Made once by migrate; what an administrator changes then stays."""

from typing import Any

from audit import tracking, vault
from audit.models import Subject
from audit.records.event import Event

# The permissions of the app `audit` that each group has.
ROLES = {
    # Reads everything and exports it; changes nothing.
    "auditor": (
        "view_conversation", "read_record", "export_record", "view_entry", "view_checkpoint", "view_flag", "view_review",
        "view_rule", "view_receipt", "view_hold", "view_subject", "view_retentionpolicy",
    ),
    # Reads conversations and decides on them.
    "reviewer": (
        "view_conversation", "read_record", "review_record", "view_flag", "view_review", "view_rule", "view_savedfilter",
        "add_savedfilter", "change_savedfilter", "delete_savedfilter",
    ),
    # Serves the rights of subjects without reading what others said.
    "privacy officer": (
        "view_conversation", "export_record", "erase_record", "hold_record", "view_subject", "view_receipt", "view_hold",
        "add_hold", "change_hold", "view_retentionpolicy", "add_retentionpolicy", "change_retentionpolicy",
        "delete_retentionpolicy", "view_rule", "add_rule", "change_rule", "delete_rule",
    ),
    # Keeps the machine running; sees that the record is whole and how much it grows, and nothing that was said.
    "operator": ("view_checkpoint", "view_summary"),
}  # fmt: skip


def create(using: str = "default", apps: Any = None, **_options: Any) -> None:
    """Make the groups that do not exist, once their permissions do."""
    from django.apps import apps as installed
    from django.contrib.auth.management import create_permissions
    from django.contrib.auth.models import Group, Permission

    create_permissions(installed.get_app_config("audit"), verbosity=0, using=using)
    for name, codes in ROLES.items():
        group, created = Group.objects.using(using).get_or_create(name=name)
        if created:
            found = Permission.objects.using(using).filter(content_type__app_label="audit", codename__in=codes)
            group.permissions.set(found)


def follow_name(instance: Any, created: bool = False, raw: bool = False, **_options: Any) -> None:
    """Keep the name of a subject that of its user, so that the same key serves a renamed user."""
    if created or raw:
        return
    name = instance.get_username()
    if not Subject.objects.filter(user=instance).exclude(name=name).exists():
        return

    def work(_head: int) -> list[Event]:
        subject = Subject.objects.get(user=instance)
        subject.name = name
        return [tracking.state([tracking.save(subject), tracking.save(vault.bump())], "a user got another name")]

    from django.db import transaction

    transaction.on_commit(lambda: tracking.write(work))
