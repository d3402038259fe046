"""Django settings. Every value comes from the environment or `.env`; docs/reference/settings.md lists them.

One machine needs none of them: SQLite, the channel layer in memory, Celery over files in `AURA_DATA_DIR`.
`DATABASE_URL` and `REDIS_URL` turn the same code into a cluster.
"""

from decimal import Decimal
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from aura_site import secret_files

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

AURA_HOST = env.str("AURA_HOST", "127.0.0.1")
AURA_PORT = env.int("AURA_PORT", 8000)
AURA_DATA_DIR = Path(env.str("AURA_DATA_DIR", str(BASE_DIR / "var"))).resolve()
REDIS_URL = env.str("REDIS_URL", "")

DEBUG = env.bool("AURA_DEBUG", False)
SECRET_KEY = secret_files.read_or_create("AURA_SECRET_KEY", AURA_DATA_DIR / "keys" / "secret_key")
ALLOWED_HOSTS = env.list("AURA_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", AURA_HOST])
CSRF_TRUSTED_ORIGINS = env.list("AURA_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "aura_site.apps.SiteConfig",
    "streaming",
    "compression",
    "audit",
    "routing_ai",
    "channels",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "aura_site.middleware.bearer_keys",
    "aura_site.middleware.NewPasswordFirst",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "aura_site.urls"
ASGI_APPLICATION = "aura_site.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": env.db_url("DATABASE_URL", f"sqlite:///{AURA_DATA_DIR / 'aura.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        # IMMEDIATE takes the write lock when a transaction begins, so that two writers wait for each other
        # instead of failing half way; WAL lets readers go on meanwhile.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;",
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# Opening a connection costs more than what most requests ask of it.
DATABASES["default"]["CONN_MAX_AGE"] = 60

if REDIS_URL:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [REDIS_URL]},
        }
    }
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# Celery. Without Redis the broker is a folder: Kombu's filesystem transport, no server and no further package.
CELERY_TASK_IGNORE_RESULT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
if REDIS_URL:
    CELERY_BROKER_URL = REDIS_URL
else:
    _broker = AURA_DATA_DIR / "broker"
    CELERY_BROKER_URL = "filesystem://"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_broker / "queue"),
        "data_folder_out": str(_broker / "queue"),
        "control_folder": str(_broker / "control"),
        "polling_interval": 0.2,
    }
CELERY_BEAT_SCHEDULE = {
    "worker-heartbeat": {"task": "aura_site.tasks.heartbeat", "schedule": 5.0},
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ar", "العربية")]
LOCALE_PATHS = [BASE_DIR / "templates" / "locale"]
TIME_ZONE = env.str("AURA_TIME_ZONE", "UTC")
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("AURA_HTTPS", False)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        # WebAssembly of the codec; no inline script and no eval anywhere.
        "script-src": [SELF, "'wasm-unsafe-eval'"],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}

# Models. Names in `code` of the environment are promises; the tiers fall back to the embedded model.
ALLOW_MOCK_LLM = env.bool("ALLOW_MOCK_LLM", False)
OPENROUTER_API_KEY = env.str("OPENROUTER_API_KEY", "")
OPENAI_BASE_URL = env.str("OPENAI_BASE_URL", "")
OPENAI_API_KEY = env.str("OPENAI_API_KEY", "")
NANO_MODEL = env.str("NANO_MODEL", "")
FAST_MODEL = env.str("FAST_MODEL", "")
SMART_MODEL = env.str("SMART_MODEL", "")
GENIUS_MODEL = env.str("GENIUS_MODEL", "")
LLM_DAILY_BUDGET = env.get_value("LLM_DAILY_BUDGET", cast=Decimal, default=Decimal("10"))
if LLM_DAILY_BUDGET < 0:
    raise ImproperlyConfigured("LLM_DAILY_BUDGET is an amount in US dollars and cannot be negative.")

# Streaming. Sizes in bytes, times in seconds.
STREAMING_CHUNK_SIZE = env.int("STREAMING_CHUNK_SIZE", 64)
STREAMING_CHUNK_DELAY = env.float("STREAMING_CHUNK_DELAY", 0.05)
STREAMING_HEARTBEAT_INTERVAL = env.float("STREAMING_HEARTBEAT_INTERVAL", 30.0)
STREAMING_MESSAGE_LIMIT = env.int("STREAMING_MESSAGE_LIMIT", 256 * 1024)
STREAMING_REPLAY_WINDOW = env.int("STREAMING_REPLAY_WINDOW", 1024 * 1024)
STREAMING_RESUME_GRACE = env.float("STREAMING_RESUME_GRACE", 15.0)
STREAMING_SESSIONS_PER_USER = env.int("STREAMING_SESSIONS_PER_USER", 20)
STREAMING_STREAMS_PER_USER = env.int("STREAMING_STREAMS_PER_USER", 8)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("AURA_LOG_LEVEL", "INFO")},
}
