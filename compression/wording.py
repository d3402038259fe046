"""What is wrong with a template or a library, in the language of the reviewer; the codec's own words are for programmers."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compression.codec.errors import CompressionError, LibraryError
from compression.codec.template import MAX_FIXED_BYTES, MAX_PARTS

_BOUNDS = {
    "parts": gettext_lazy("A template has %(slots)d slots at most."),
    "empty": gettext_lazy("Something has to stand between each two slots."),
    "surrogate": gettext_lazy("The text holds half a character."),
    "fixed": gettext_lazy("The fixed text of a template has 1 to %(bytes)d bytes."),
}


def in_words(error: CompressionError) -> str:
    """Return what an error says: that of a change as it stands, that of a template or a library in the reader's language."""
    if not isinstance(error, LibraryError):
        return str(error)
    if error.bound:
        return str(_BOUNDS[error.bound]) % {"slots": MAX_PARTS - 1, "bytes": MAX_FIXED_BYTES}
    return _("What is stored of this library is damaged: %s") % error
