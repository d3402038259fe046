"""Signals of the record, for the apps above it."""

from django.dispatch import Signal

# Sent after content was erased, with `user` (None when only conversations were), `name` (the user's name before, or empty),
# `conversations` (their ids) and `streams`. Receivers erase what they keep: caches, replay, samples, dictionaries.
erased = Signal()
