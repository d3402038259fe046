"""Django settings. Every value comes from the environment or `.env`; docs/reference/settings.md lists them.

One machine needs none of them: SQLite, the channel layer in memory, Celery over files in `AURA_DATA_DIR`.
`DATABASE_URL` and `REDIS_URL` turn the same code into a cluster.
"""

import os
from datetime import timedelta
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from zoneinfo import ZoneInfo

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from aura_site import dotenv, secret_files, variables
from aura_site.variables import Variables

BASE_DIR = Path(__file__).resolve().parent.parent
try:
    os.environ.update(dotenv.merged(BASE_DIR / ".env", os.environ))
except dotenv.DotenvError as error:
    raise ImproperlyConfigured(str(error)) from None
env = Variables()
# An empty value is the default, and a `$` is a `$`: django-environ would look for a variable of that name.
env.ENVIRON = {name: value.replace("$", r"\$") for name, value in os.environ.items() if value}
env.escape_proxy = True

AURA_HOST = env.str("AURA_HOST", "127.0.0.1")
AURA_PORT = env.int("AURA_PORT", 8000)
AURA_DATA_DIR = Path(env.str("AURA_DATA_DIR", str(BASE_DIR / "var"))).resolve()
AURA_FREE_DISK = env.int("AURA_FREE_DISK", 64 * 1024 * 1024)
AURA_GRPC_HOST = env.str("AURA_GRPC_HOST", AURA_HOST)
AURA_GRPC_PORT = env.int("AURA_GRPC_PORT", 0)
if AURA_GRPC_PORT > 65_535:
    raise ImproperlyConfigured(f"AURA_GRPC_PORT is {AURA_GRPC_PORT}: give a number from 1 to 65535.")
if (AURA_GRPC_HOST, AURA_GRPC_PORT) == (AURA_HOST, AURA_PORT):
    raise ImproperlyConfigured(f"AURA_GRPC_PORT is {AURA_GRPC_PORT}, as is AURA_PORT: give another port.")
AURA_GRPC_CALLS = env.int("AURA_GRPC_CALLS", 1_000)
AURA_ICE_SERVERS = env.json("AURA_ICE_SERVERS", default=[])
if not isinstance(AURA_ICE_SERVERS, list) or not all(
    isinstance(one, dict) and "urls" in one for one in AURA_ICE_SERVERS
):
    raise ImproperlyConfigured('AURA_ICE_SERVERS is a list in JSON: [{"urls": "stun:stun.example.org"}].')
AURA_WEBRTC_PEERS = env.int("AURA_WEBRTC_PEERS", 200)
REDIS_URL = env.str("REDIS_URL", "")
if REDIS_URL and not variables.is_redis(REDIS_URL):
    raise ImproperlyConfigured("REDIS_URL is redis://HOST:PORT, rediss://HOST:PORT with TLS, or unix:///SOCKET.")

DEBUG = env.bool("AURA_DEBUG", False)
SECRET_KEY = secret_files.read_or_create("AURA_SECRET_KEY", AURA_DATA_DIR / "keys" / "secret_key")
# `./aura` shows it to /health, to be told the reasons.
OPERATOR_TOKEN_FILE = AURA_DATA_DIR / "keys" / "operator_token"
OPERATOR_TOKEN = secret_files.read_or_create("AURA_OPERATOR_TOKEN", OPERATOR_TOKEN_FILE)
# This machine's own names besides those that are given: by them `./aura` and whoever watches AURA here ask.
ALLOWED_HOSTS = [*env.list("AURA_ALLOWED_HOSTS", default=[]), "localhost", "127.0.0.1", "[::1]", AURA_HOST]
CSRF_FAILURE_VIEW = "aura_site.views.csrf_failure"
CSRF_TRUSTED_ORIGINS = env.list("AURA_TRUSTED_ORIGINS", default=[])
for _origin in CSRF_TRUSTED_ORIGINS:
    if not _origin.startswith(("https://", "http://")):
        raise ImproperlyConfigured(
            f"AURA_TRUSTED_ORIGINS has {_origin!r}: write it with https:// in front, as in https://chat.example.org."
        )

INSTALLED_APPS = [
    "aura_site.apps.SiteConfig",
    "streaming",
    "streaming.bridges",
    "compression",
    "audit",
    "routing_ai",
    "channels",
    "aura_site.administration.AdministrationConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "csp",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
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
    "aura_site.middleware.SecondFactorFirst",
    "aura_site.middleware.NewPasswordFirst",
    "aura_site.middleware.MethodsTold",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
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
    DATABASES["default"]["ENGINE"] = "aura_site.sqlite3"
    # One database, wherever a command is given.
    if DATABASES["default"]["NAME"] != ":memory:":
        DATABASES["default"]["NAME"] = str(BASE_DIR / DATABASES["default"]["NAME"])
    # Secrets make the folder, unless all of them come from the environment.
    try:
        AURA_DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(
            f"The data folder {AURA_DATA_DIR} cannot be made ({error.strerror}): mend that, or set AURA_DATA_DIR."
        ) from None
    if not os.access(AURA_DATA_DIR, os.W_OK | os.X_OK):
        raise ImproperlyConfigured(
            f"The data folder {AURA_DATA_DIR} cannot be written: mend that, or set AURA_DATA_DIR."
        )
    DATABASES["default"]["OPTIONS"] = {
        # IMMEDIATE takes the write lock when a transaction begins, so that two writers wait for each other
        # instead of failing half way; WAL lets readers go on meanwhile.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # Every answer of the moment writes to another page of the record's indexes. What has gone to the log goes to the
        # file when 40 MB have come, not 4: the page is then copied there once, and not after a few transactions again.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;"
        " PRAGMA wal_autocheckpoint=10000;",
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
CELERY_BEAT_SCHEDULER = "aura_site.schedule:Scheduler"
CELERY_BEAT_SCHEDULE = {
    "worker-heartbeat": {"task": "aura_site.tasks.heartbeat", "schedule": 5.0},
    "examine-turns": {"task": "audit.tasks.examine", "schedule": 60.0},
    "search-names": {"task": "audit.tasks.search_names", "schedule": 60.0},
    "forget-attempts": {"task": "aura_site.tasks.forget_attempts", "schedule": 3600.0},
    "forget-backups": {"task": "aura_site.tasks.forget_backups", "schedule": 3600.0},
    "finish-erasures": {"task": "audit.tasks.finish_erasures", "schedule": 300.0},
    "retention": {"task": "audit.tasks.apply_retention", "schedule": 3600.0},
    # What the trigger missed: a broker that was away, a run whose worker was killed.
    "discovery": {"task": "compression.tasks.discover", "schedule": 60.0},
}

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
# Wrong passwords for one name from one address; behind a proxy the server must know the caller's (FORWARDED_ALLOW_IPS).
AXES_FAILURE_LIMIT = 8
AXES_CLIENT_IP_CALLABLE = "aura_site.services.address_of"
AXES_COOLOFF_TIME = timedelta(minutes=5)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "aura_site.views.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
# Who signed in when is not kept beyond what sessions need.
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
AXES_HTTP_RESPONSE_CODE = 429
# A one-time code besides the password, for staff.
AURA_MULTI_FACTOR = env.bool("AURA_MULTI_FACTOR", False)
OTP_TOTP_ISSUER = "AURA"
OTP_ADMIN_HIDE_SENSITIVE_DATA = True

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ar", "العربية")]
FORMAT_MODULE_PATH = "aura_site.formats"
# Amounts are read in groups of three digits. A template that gives a number to a program says `unlocalize`.
USE_THOUSAND_SEPARATOR = True
LOCALE_PATHS = [BASE_DIR / "templates" / "locale"]
TIME_ZONE = env.str("AURA_TIME_ZONE", "UTC")
try:
    ZoneInfo(TIME_ZONE)
except (KeyError, ValueError, OSError):
    raise ImproperlyConfigured(f"AURA_TIME_ZONE is {TIME_ZONE!r}: write it as in Europe/Berlin.") from None
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = env.int("AURA_SESSION_SECONDS", 14 * 86_400)
SESSION_COOKIE_SAMESITE = "Lax"
AURA_HTTPS = env.bool("AURA_HTTPS", False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = AURA_HTTPS
if AURA_HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    # Health is asked for inside, without TLS.
    SECURE_REDIRECT_EXEMPT = [r"^health"]
    SECURE_HSTS_SECONDS = env.int("AURA_HSTS_SECONDS", 31_536_000)
    # Other names of the domain are not AURA's to decide about.
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        # WebAssembly of the codec; no inline script and no eval anywhere.
        "script-src": [SELF, "'wasm-unsafe-eval'"],
        "connect-src": [SELF],
        "style-src": [SELF],
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
# Further endpoints by name, and their keys: "vllm=http://10.0.0.5:8000/v1,ollama=http://127.0.0.1:11434/v1".
AURA_ENDPOINTS = env.dict("AURA_ENDPOINTS", default={})
AURA_ENDPOINT_KEYS = env.dict("AURA_ENDPOINT_KEYS", default={})
_endpoints = {"embedded", "mock", *AURA_ENDPOINTS}
if OPENROUTER_API_KEY:
    _endpoints.add("openrouter")
if OPENAI_BASE_URL or OPENAI_API_KEY:
    _endpoints.add("openai")
for _name in ("NANO_MODEL", "FAST_MODEL", "SMART_MODEL", "GENIUS_MODEL"):
    variables.check_models(_name, globals()[_name], _endpoints)
# Whether a request may name a model that is in no tier.
AURA_OPEN_MODELS = env.bool("AURA_OPEN_MODELS", True)
# Whether the question decides which tier answers (`auto`); without, it is always FAST.
ENABLE_INTELLIGENT_ROUTING = env.bool("ENABLE_INTELLIGENT_ROUTING", True)
# Whether what a model will probably say next is shown as tentative.
ENABLE_HYBRID_STREAMING = env.bool("ENABLE_HYBRID_STREAMING", False)
# Tokens of an answer to a program that states no limit.
AURA_MAX_TOKENS = env.int("AURA_MAX_TOKENS", 4096)
# Seconds; further tries before the first token; seconds after which a second model is asked too (0: never).
AURA_CONNECT_TIMEOUT = env.float("AURA_CONNECT_TIMEOUT", 5.0)
AURA_FIRST_TOKEN_TIMEOUT = env.float("AURA_FIRST_TOKEN_TIMEOUT", 60.0)
AURA_STALL_TIMEOUT = env.float("AURA_STALL_TIMEOUT", 10.0)
AURA_RETRIES = env.int("AURA_RETRIES", 2)
AURA_HEDGE_AFTER = env.float("AURA_HEDGE_AFTER", 0.0)
# Seconds that an answer is kept at first (0: never); whether users share them; whether warm answers are kept, too.
AURA_CACHE_LIFE = env.float("AURA_CACHE_LIFE", 600.0)
AURA_CACHE_SHARED = env.bool("AURA_CACHE_SHARED", False)
AURA_CACHE_ALL = env.bool("AURA_CACHE_ALL", False)
# What the operator adds to the page at /privacy/: who answers for it, and how to reach them.
AURA_PRIVACY_NOTE = env.str("AURA_PRIVACY_NOTE", "")
# Whom to tell of a weakness: what /.well-known/security.txt names, with "mailto:" or "https://" before it.
AURA_SECURITY_CONTACT = env.str("AURA_SECURITY_CONTACT", "")
if AURA_SECURITY_CONTACT and not AURA_SECURITY_CONTACT.startswith(("mailto:", "https://", "tel:")):
    AURA_SECURITY_CONTACT = f"mailto:{AURA_SECURITY_CONTACT}"
# The providers that are given texts without personal data; "*" for all but the models of this process.
AURA_REDACT_FOR = env.list("AURA_REDACT_FOR", default=[])
# The providers and models that are given pictures; "*" for every endpoint. The embedded model never is.
AURA_PICTURES_FOR = env.list("AURA_PICTURES_FOR", default=["*"])
# Whether the configured endpoints go on with a last message of the assistant (vLLM and llama.cpp can be told to).
AURA_CONTINUE_ANSWERS = env.bool("AURA_CONTINUE_ANSWERS", False)
LLM_DAILY_BUDGET = env.dollars("LLM_DAILY_BUDGET", Decimal("10"))

# The record. Keys come from the environment, else from files made at first start (docs/how-to/keep-the-record.md).
AUDIT_MASTER_KEY = env.str("AURA_RECORD_KEY", "")
AUDIT_MASTER_KEY_FILE = AURA_DATA_DIR / "keys" / "record_key"
AUDIT_SIGNING_KEY = env.str("AURA_SIGNING_KEY", "")
AUDIT_SIGNING_KEY_FILE = AURA_DATA_DIR / "keys" / "signing_key"
for _name, _file in (("AURA_RECORD_KEY", AUDIT_MASTER_KEY_FILE), ("AURA_SIGNING_KEY", AUDIT_SIGNING_KEY_FILE)):
    # As the vault wants them, which reads them with the first question.
    if min(map(len, secret_files.read_or_create(_name, _file).split()), default=0) < 32:
        raise ImproperlyConfigured(
            f"{_name} (or {_file}) has at least 32 characters in each key: python3 -c"
            ' "import secrets; print(secrets.token_urlsafe(50))" makes one.'
        )
AUDIT_CHECKPOINT_DIR = AURA_DATA_DIR / "checkpoints"
# Flag and index each turn when it has ended.
AUDIT_EXAMINE = env.bool("AURA_EXAMINE", True)
# Flag names of people, by a Celery task: see requirements-names.txt.
AUDIT_EXAMINE_NAMES = env.bool("AURA_EXAMINE_NAMES", False)
# Score each prompt for injection when its turn has ended, if the model for it is installed.
AUDIT_PROMPT_GUARD = env.bool("AURA_PROMPT_GUARD", True)
AUDIT_FOUR_EYES = env.bool("AURA_FOUR_EYES", True)
AUDIT_CHECKPOINT_SECONDS = env.float("AURA_CHECKPOINT_SECONDS", 2.0)

# Streaming. Sizes in bytes, times in seconds.
STREAMING_CHUNK_SIZE = env.int("STREAMING_CHUNK_SIZE", 64)
STREAMING_CHUNK_DELAY = env.float("STREAMING_CHUNK_DELAY", 0.05)
STREAMING_HEARTBEAT_INTERVAL = env.float("STREAMING_HEARTBEAT_INTERVAL", 30.0)
if not STREAMING_HEARTBEAT_INTERVAL:
    raise ImproperlyConfigured("STREAMING_HEARTBEAT_INTERVAL is 0: give seconds, more than 0; 30 is usual.")
STREAMING_MESSAGE_LIMIT = env.int("STREAMING_MESSAGE_LIMIT", 256 * 1024)
STREAMING_REPLAY_WINDOW = env.int("STREAMING_REPLAY_WINDOW", 1024 * 1024)
STREAMING_RESUME_GRACE = env.float("STREAMING_RESUME_GRACE", 15.0)
STREAMING_PROMPTS_PER_MINUTE = env.int("STREAMING_PROMPTS_PER_MINUTE", 120)
STREAMING_BANDWIDTH_PER_USER = env.int("STREAMING_BANDWIDTH_PER_USER", 0)
STREAMING_MEMORY_LIMIT = env.int("STREAMING_MEMORY_LIMIT", 256 * 1024 * 1024)
STREAMING_LAG_LIMIT = env.float("STREAMING_LAG_LIMIT", 1.0)
STREAMING_TOPICS = env.int("STREAMING_TOPICS", 10_000)
STREAMING_EVENT_LIMIT = env.int("STREAMING_EVENT_LIMIT", 32 * 1024)
STREAMING_REPLAY_TIME = env.float("STREAMING_REPLAY_TIME", 600.0)
STREAMING_SESSIONS = env.int("STREAMING_SESSIONS", 20_000)
STREAMING_SESSIONS_PER_USER = env.int("STREAMING_SESSIONS_PER_USER", 20)
STREAMING_STREAMS_PER_USER = env.int("STREAMING_STREAMS_PER_USER", 8)
# Datasets. 0 workers: one core less than the machine has, at least one.
STREAMING_DATASET_WORKERS = env.int("STREAMING_DATASET_WORKERS", 0)
STREAMING_DATASET_LIMIT = env.int("STREAMING_DATASET_LIMIT", 4 * 1024**3)
STREAMING_DATASET_SPACE = env.int("STREAMING_DATASET_SPACE", 16 * 1024**3)
STREAMING_DATASET_KEEP = env.float("STREAMING_DATASET_KEEP", 3600.0)
STREAMING_DATASETS_PER_USER = env.int("STREAMING_DATASETS_PER_USER", 16)
# Bridges. Brokers by name: {"bus": "nats://127.0.0.1:4222"}; whether this process runs the routes between them and topics.
AURA_BROKERS = env.json("AURA_BROKERS", default={})
if not isinstance(AURA_BROKERS, dict) or not all(isinstance(one, str) for one in AURA_BROKERS.values()):
    raise ImproperlyConfigured('AURA_BROKERS is an object in JSON: {"bus": "nats://127.0.0.1:4222"}.')
AURA_BRIDGES = env.bool("AURA_BRIDGES", True)
AURA_OUTBOX_LIMIT = env.int("AURA_OUTBOX_LIMIT", 100_000)

# Whether libraries and dictionaries may be read by everybody who knows their hash, and kept by shared caches.
COMPRESSION_PUBLIC_LIBRARIES = env.bool("AURA_PUBLIC_LIBRARIES", False)

# Voice. Engines: auto, off, double (for tests); whisper, hibari, or endpoint; detectors: auto, silero, loudness.
AURA_VOICE_RECOGNISER = env.str("AURA_VOICE_RECOGNISER", "auto")
AURA_VOICE_SYNTHESISER = env.str("AURA_VOICE_SYNTHESISER", "auto")
AURA_VOICE_DETECTOR = env.str("AURA_VOICE_DETECTOR", "auto")
AURA_VOICE_WHISPER = env.str("AURA_VOICE_WHISPER", "")
AURA_VOICE_ENDPOINT = env.str("AURA_VOICE_ENDPOINT", "")
AURA_VOICE_ENDPOINT_KEY = env.str("AURA_VOICE_ENDPOINT_KEY", "")
AURA_VOICE_TRANSCRIPTION_MODEL = env.str("AURA_VOICE_TRANSCRIPTION_MODEL", "whisper-1")
AURA_VOICE_SPEECH_MODEL = env.str("AURA_VOICE_SPEECH_MODEL", "tts-1")
AURA_VOICE_SPEECH_VOICE = env.str("AURA_VOICE_SPEECH_VOICE", "alloy")
# Seconds of silence that end a turn, seconds that a turn may last, people who speak at once.
AURA_VOICE_SILENCE = env.float("AURA_VOICE_SILENCE", 0.7)
AURA_VOICE_TURN = env.float("AURA_VOICE_TURN", 120.0)
AURA_VOICE_SPEAKERS = env.int("AURA_VOICE_SPEAKERS", 8)
# Whether what was said is kept as sound, too. What was understood always is, in writing.
AURA_VOICE_KEEP_AUDIO = env.bool("AURA_VOICE_KEEP_AUDIO", False)
for _name, _known in (
    ("AURA_VOICE_RECOGNISER", ("auto", "off", "whisper", "endpoint", "double")),
    ("AURA_VOICE_SYNTHESISER", ("auto", "off", "hibari", "endpoint", "double")),
    ("AURA_VOICE_DETECTOR", ("auto", "silero", "loudness")),
):
    if globals()[_name] not in _known:
        raise ImproperlyConfigured(f"{_name} is one of {', '.join(_known)}.")
    if globals()[_name] == "endpoint" and not AURA_VOICE_ENDPOINT:
        raise ImproperlyConfigured(f"{_name}=endpoint needs AURA_VOICE_ENDPOINT, the base URL of an endpoint.")

# Discovery. `DISCOVERY_USERS` is k: text of fewer distinct users never becomes a template. With `DISCOVERY_EVERY` 0 no run
# begins by itself.
DISCOVERY_EVERY = env.int("DISCOVERY_EVERY", 1_000)
DISCOVERY_USERS = env.int("DISCOVERY_USERS", 5)
DISCOVERY_SAMPLES = env.int("DISCOVERY_SAMPLES", 20_000)
DISCOVERY_AUTO_PROMOTE = env.bool("DISCOVERY_AUTO_PROMOTE", False)
# A library that was never in use is proposed by one person and approved by another.
DISCOVERY_FOUR_EYES = env.bool("DISCOVERY_FOUR_EYES", False)
DISCOVERY_TEMPLATES = env.int("DISCOVERY_TEMPLATES", 2_000)
DISCOVERY_DICTIONARY = env.int("DISCOVERY_DICTIONARY", 128 * 1024)
if DISCOVERY_USERS < 2:
    raise ImproperlyConfigured("DISCOVERY_USERS is at least 2: text of a single user must never become a template.")
if DISCOVERY_FOUR_EYES and DISCOVERY_AUTO_PROMOTE:
    raise ImproperlyConfigured(
        "With DISCOVERY_FOUR_EYES two people promote, with DISCOVERY_AUTO_PROMOTE nobody: set one."
    )
STREAMING_STREAMS_PER_PROGRAM = env.int("STREAMING_STREAMS_PER_PROGRAM", 256)
STREAMING_REQUEST_LIMIT = env.int("STREAMING_REQUEST_LIMIT", 8 * 1024 * 1024)

# Monitoring. Who may read /metrics without the operator's token: addresses and networks, directly and not through a proxy.
try:
    METRICS_NETWORKS = [ip_network(one.strip()) for one in env.list("AURA_METRICS_ALLOW", default=[])]
except ValueError as error:
    raise ImproperlyConfigured(f"AURA_METRICS_ALLOW: {error}; give addresses or networks like 10.0.0.0/8.") from None
AURA_LOG_LEVEL = env.str("AURA_LOG_LEVEL", "INFO").strip().upper()
if AURA_LOG_LEVEL not in variables.LOG_LEVELS:
    raise ImproperlyConfigured(f"AURA_LOG_LEVEL is {AURA_LOG_LEVEL!r}: give one of {', '.join(variables.LOG_LEVELS)}.")
AURA_TRACES = env.bool("AURA_TRACES", False)
AURA_LOG_JSON = env.bool("AURA_LOG_JSON", False)
# A line for each request: method, path without its query, status, duration.
AURA_LOG_REQUESTS = env.bool("AURA_LOG_REQUESTS", False)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request": {"()": "aura_site.monitoring.logs.RequestIds"},
        "bounded": {"()": "aura_site.monitoring.logs.Bounded"},
    },
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name} {request_id} {message}", "style": "{"},
        "json": {"()": "aura_site.monitoring.logs.JsonLines"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "json" if AURA_LOG_JSON else "line",
            "filters": ["request", "bounded"],
        }
    },
    # The server's own lines come by the same way, and so in the same form.
    "loggers": {
        **{name: {"handlers": [], "propagate": True} for name in ("uvicorn", "uvicorn.error")},
        # Its lines have queries in them, and those are questions.
        "uvicorn.access": {"handlers": [], "propagate": False},
    },
    "root": {"handlers": ["console"], "level": AURA_LOG_LEVEL},
}
