"""AURA's app `compression`, which shares its name with a standard package of Python 3.14 and later.

Nothing else may stand here: `extend_path` lets both packages' modules be found under the one name, whichever
of the two folders Python meets first. See docs/explanation/architecture.md, "The name compression".
"""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
