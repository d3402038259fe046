"""Retention: content is erased some days after the last question of its conversation, by the policies in force."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from audit import erasure
from audit.models import Conversation, Entry, Receipt, RetentionPolicy
from audit.records.event import SYSTEM

BATCH = 200


@dataclass(frozen=True, slots=True)
class Due:
    """What a policy would erase now, and what legal holds keep from it."""

    policy: RetentionPolicy
    conversations: list[Conversation]
    held: int


def due(now: datetime | None = None) -> list[Due]:
    """Return what each policy in force would erase; a conversation counts for the first of them only."""
    moment = now or timezone.now()
    found: list[Due] = []
    seen: set[UUID] = set()
    for policy in RetentionPolicy.objects.filter(enabled=True).select_related("group"):
        old = _with_content(Conversation.objects.filter(updated__lt=moment - timedelta(days=policy.days)))
        if policy.group is not None:
            old = old.filter(user__groups=policy.group)
        kept = set(erasure.held(old).values_list("pk", flat=True))
        take = [one for one in old.order_by("updated") if one.pk not in kept and one.pk not in seen]
        seen.update(one.pk for one in take)
        found.append(Due(policy, take, len(kept)))
    return found


def apply(*, by: str, now: datetime | None = None) -> list[Receipt]:
    """Erase what is due, and return the receipts."""
    receipts = []
    for one in due(now):
        for first in range(0, len(one.conversations), BATCH):
            some = [conversation.pk for conversation in one.conversations[first : first + BATCH]]
            reason = f"retention policy {one.policy.name}: {one.policy.days} days"
            receipts.append(erasure.erase_conversations(some, by=by, reason=reason))
    return receipts


def _with_content(conversations: QuerySet[Conversation]) -> QuerySet[Conversation]:
    """Return those of which anything is left to erase."""
    spoken = Entry.objects.exclude(kind__in=[kind.value for kind in SYSTEM]).exclude(content=None)
    return conversations.filter(pk__in=spoken.values("conversation"))
