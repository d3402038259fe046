"""`manage.py createkey NAME`: makes an API key and prints it, once."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from routing_ai.models import ApiKey
from routing_ai.services import create_key


class Command(BaseCommand):
    help = "Make an API key for a program and print it. It is shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what the key is for")
        parser.add_argument("--user", default="", help="whose key it is (default: the first administrator)")

    def handle(self, *_args: Any, **options: Any) -> None:
        name, longest = options["name"].strip(), ApiKey._meta.get_field("name").max_length or 0
        if not name or len(name) > longest or not name.isprintable():
            raise CommandError(f"Give the key a name of 1 to {longest} characters, in one line.")
        users = get_user_model()._default_manager
        if options["user"]:
            user = users.filter(username=options["user"]).first()
            if user is None:
                raise CommandError(f"There is no user called {options['user']!r}.")
        else:
            user = users.filter(is_superuser=True, is_active=True).order_by("pk").first()
            if user is None:
                raise CommandError("There is no administrator yet: ./aura up makes one, or manage.py bootstrap.")
        _, secret = create_key(user, name)
        self.stdout.write(secret)
