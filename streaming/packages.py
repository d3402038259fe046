"""What to type where a Python package is missing."""

import sys
from importlib.util import find_spec


def install(what: str) -> str:
    """Return the command that installs packages, as pip names them, where this process looks for them.

    The environment of a container's image has no pip: there it is another one's, in an image made on top.
    """
    if find_spec("pip") is not None:
        return f"{sys.executable} -m pip install --only-binary :all: {what}"
    return (
        f"pip --python {sys.executable} install --only-binary :all: {what} (for a container see docs/how-to/deploy.md)"
    )
