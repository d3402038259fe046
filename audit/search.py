"""Search over blinded words: the index holds no word, and the search key blinds what is looked for."""

import contextlib
from uuid import UUID

from django.db.models import Q, QuerySet

from audit.examiner import search_key
from audit.models import Conversation, Summary, Word
from audit.records.words import blind, words_of


def matching(conversations: QuerySet[Conversation], text: str) -> QuerySet[Conversation]:
    """Return those of the conversations with a turn that has all the words, or whose user or number is the text."""
    text = text.strip()
    wanted = Q(user__username__iexact=text)
    with contextlib.suppress(ValueError):
        wanted |= Q(pk=UUID(text))
    key = search_key()
    blinded = blind(words_of(text), key) if key is not None else set()
    if blinded:
        turns = Summary.objects.all()
        for word in blinded:
            turns = turns.filter(stream__in=Word.objects.filter(word=word).values("stream"))
        wanted |= Q(pk__in=turns.values("conversation"))
    return conversations.filter(wanted)
