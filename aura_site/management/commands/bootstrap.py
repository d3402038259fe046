"""`manage.py bootstrap`: migrates, makes the first administrator, and prints a sign-in link, as one line of JSON."""

import json
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand

from aura_site import secret_files, services


class Command(BaseCommand):
    help = "Prepare the database and print a one-time sign-in link for the first administrator as JSON."

    def handle(self, *_args: Any, **_options: Any) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        secret_files.kept(settings.OPERATOR_TOKEN_FILE)
        made = services.create_first_admin()
        users = get_user_model()._default_manager
        admin = users.filter(is_superuser=True, is_active=True).order_by("pk").first()
        told = {
            "user": admin.get_username() if admin else "",
            "link": services.create_sign_in_link(admin) if admin else "/",
        }
        if made is not None:
            told["password"] = made[1]
        self.stdout.write(json.dumps(told))
