"""`manage.py bootstrap`: upgrades the database, makes the first administrator, prints a sign-in link, as a line of JSON."""

import json
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from aura_site import secret_files, services, upgrades


class Command(BaseCommand):
    help = "Prepare the database and print a one-time sign-in link for the first administrator as JSON."

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            backup = upgrades.upgrade()
            upgrades.check_keys()
        except upgrades.UpgradeError as error:
            raise CommandError(str(error)) from None
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
        if backup is not None:
            told["backup"] = str(backup)
        self.stdout.write(json.dumps(told))
