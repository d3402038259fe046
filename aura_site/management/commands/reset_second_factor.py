"""`manage.py reset_second_factor USER`: for somebody whose phone and recovery codes are lost."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from audit.errors import AuditError
from aura_site import second_factor


class Command(BaseCommand):
    help = "Take the second factor of a user away; the next sign-in sets up a new one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user")
        parser.add_argument("--by", default="command line", help="who; it goes on the record")

    def handle(self, *_args: Any, user: str, by: str, **_options: Any) -> None:
        found = get_user_model()._default_manager.filter(username=user).first()
        if found is None:
            raise CommandError(f"There is no user called {user}.")
        try:
            gone = second_factor.reset(found, by)
        except AuditError as error:
            raise CommandError(f"{error}: the second factor of {user} still counts.") from None
        self.stdout.write(f"{gone} devices of {user} are gone.")
