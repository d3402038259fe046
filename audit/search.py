"""Search over blinded words: the index holds no word, and the search key blinds what is looked for."""

import contextlib
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from audit import selectors
from audit.examiner import search_key
from audit.models import Conversation, Summary, Word
from audit.records.words import blind, fold, words_of

# Conversations of a user whose titles are looked through; what was said is found in all of them.
TITLES = 500


def on_list(user: Any, text: str, limit: int = 100) -> list[Conversation]:
    """Return conversations on the user's list whose title has the text, or with a turn that has all its words."""
    own = selectors.on_list(user)
    wanted = fold(text.strip())
    titled = [row.pk for row in own[:TITLES] if wanted in fold(row.title)]
    return list(own.filter(Q(pk__in=titled) | saying(text))[:limit])


def matching(conversations: QuerySet[Conversation], text: str) -> QuerySet[Conversation]:
    """Return those of the conversations with a turn that has all the words, or whose user or number is the text."""
    text = text.strip()
    wanted = Q(user__username__iexact=text)
    with contextlib.suppress(ValueError):
        wanted |= Q(pk=UUID(text))
    return conversations.filter(wanted | saying(text))


def saying(text: str) -> Q:
    """Return the condition of a conversation with a turn that has all the words of a text; without words for none."""
    key = search_key()
    blinded = blind(words_of(text), key) if key is not None else set()
    if not blinded:
        return Q(pk__in=())
    turns = Summary.objects.all()
    for word in blinded:
        turns = turns.filter(stream__in=Word.objects.filter(word=word).values("stream"))
    return Q(pk__in=turns.values("conversation"))
