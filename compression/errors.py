"""Errors of the app.

CompressionError             (compression.codec.errors)
├── CodecError               a payload or text is at fault
├── LibraryError             a template, library or manifest is outside its bounds
└── ManagementError          a change of libraries that cannot be; the message is for the reviewer
    ├── IdTaken              a template's id already stands for other parts, or is reserved
    ├── ActiveLibrary        the library is in use: promote another one instead
    ├── NoEarlierLibrary     there is nothing to roll back to
    ├── OwnProposal          somebody else has to approve what one proposed
    ├── Overtaken            the library was made of one that is not active any more
    └── Unfit                a candidate, or a library made of candidates, that cannot be used
"""

from compression.codec.errors import CodecError, CompressionError, LibraryError

__all__ = [
    "ActiveLibrary",
    "CodecError",
    "CompressionError",
    "IdTaken",
    "LibraryError",
    "ManagementError",
    "NoEarlierLibrary",
    "Overtaken",
    "OwnProposal",
    "Unfit",
]


class ManagementError(CompressionError):
    """A change of libraries that cannot be."""


class IdTaken(ManagementError):
    """A template's id already stands for other parts, or is reserved for the default library."""


class ActiveLibrary(ManagementError):
    """The library is the active one."""


class NoEarlierLibrary(ManagementError):
    """No library was active before this one."""


class OwnProposal(ManagementError):
    """Two people decide, and this one proposed the library."""


class Overtaken(ManagementError):
    """The library was made of one that is not active any more, and lacks what came since."""


class Unfit(ManagementError):
    """A candidate, or a library made of candidates, that cannot be used."""
