"""Settings of the test run: AURA's own, in a data folder of its own, with no key of the operator's in reach."""

import os
import tempfile

_folder = tempfile.TemporaryDirectory(prefix="aura-tests-")
os.environ["AURA_DATA_DIR"] = os.environ.get("AURA_TEST_DATA_DIR", _folder.name)
for _name in ("OPENROUTER_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
    os.environ[_name] = ""

from aura_site.settings import *  # noqa: E402, F403

# A file, not memory: the journal writes on a connection of its own.
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    DATABASES["default"]["TEST"] = {"NAME": AURA_DATA_DIR / "test.sqlite3"}  # noqa: F405
# Threads of a test leave no connection behind.
DATABASES["default"]["CONN_MAX_AGE"] = 0  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Tests that want turns examined say so.
AUDIT_EXAMINE = False
