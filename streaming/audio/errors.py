"""Errors of the audio core.

AudioError      bytes that are no audio of the kind that was announced
"""


class AudioError(ValueError):
    """The message says what to send instead."""
