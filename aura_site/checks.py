"""System checks of the installation, run by every management command."""

from importlib import import_module
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

APPS = ("aura_site", "streaming", "bridges", "compression", "audit", "routing_ai")


@register()
def apps_are_the_projects_own(**_kwargs: Any) -> list[CheckMessage]:
    """Return `aura.E001` for each of AURA's apps that was imported from outside the project.

    Python 3.14 has a standard package called `compression`; a path set up wrongly could put it, or another
    checkout, in the place of ours.
    """
    errors: list[CheckMessage] = []
    for label in APPS:
        module = import_module(f"{apps.get_app_config(label).name}.apps")
        origin = Path(str(module.__file__)).resolve()
        if not origin.is_relative_to(settings.BASE_DIR):
            errors.append(
                Error(
                    f"The app `{label}` was imported from {origin}, outside the project.",
                    hint=f"Start Python in {settings.BASE_DIR}, or put that folder first in PYTHONPATH.",
                    id="aura.E001",
                )
            )
    return errors
