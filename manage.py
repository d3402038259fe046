#!/usr/bin/env python
"""Django's command line for AURA."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aura_site.settings")
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    from aura_site.launcher.errors import explained

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    except (OSError, OperationalError) as error:
        if "--traceback" in sys.argv or not settings.configured:
            raise
        sys.exit(explained(error, settings.AURA_DATA_DIR))


if __name__ == "__main__":
    main()
