"""The app in the admin: templates and libraries, candidates and the runs that found them."""

from compression.admin import discovery, libraries

__all__ = ["discovery", "libraries"]
