"""What all environments share; without secrets, which each kind gets in its own way.

Whatever a deployment may want to change is read from the environment here. Nothing set means
everything under DATA_DIR, nothing to install, safe as it comes.
"""

from __future__ import annotations

import os
from pathlib import Path

from config.cross_origin import allowed_origins
from config.database import database_from_env
from config.env import Env
from config.limits import rate_of
from config.log_store import log_store_from_env
from config.queues import QUEUES
from config.redis import broker_from_env, cache_of, is_of_files, redis_from_env
from config.web_parts import journal_mode, web_parts

env = Env(os.environ)

BACKEND_DIR = Path(__file__).resolve().parents[2]
REPOSITORY_DIR = BACKEND_DIR.parent
VERSION = "0.1.0"

# ── Where things are kept ─────────────────────────────────────────────────────────────────────
DATA_DIR = env.path("DATA_DIR", REPOSITORY_DIR / "data")
SECRETS_DIR = DATA_DIR / "secrets"
RUN_DIR = env.path("RUN_DIR", DATA_DIR / "run")  # sockets and metrics: may be lost at any time
METRICS_DIR = RUN_DIR / "metrics"
BROKER_DIR = DATA_DIR / "broker"

LOG_STORE, LOG_STORE_LOCATION = log_store_from_env(env, DATA_DIR)
RETENTION_DAYS = env.integer("RETENTION_DAYS", 30, least=1)
JOURNAL_DIR = env.path("JOURNAL_DIR", DATA_DIR / "journal")
PLACES_HELD_SECONDS = env.seconds("PLACES_HELD_SECONDS", 600.0)
STREAM_DIRECTORY = "config.stream_directory.StoredStreams"
# What sees records once they are committed.
SHIPPER_OBSERVERS = ["app.live.process.live_observer"]
JOURNAL_MAX_BYTES = env.integer("JOURNAL_MAX_BYTES", 4 * 1024**3, least=1024**2)
JOURNAL_MODE = journal_mode(env, LOG_STORE)
WEB_PARTS = web_parts(env)

# ── Django ────────────────────────────────────────────────────────────────────────────────────
DEBUG = env.flag("DEBUG", default=False)
# Host only goes into the links of lists; a newcomer reaches the service by whatever name works.
# Probes come to the pod itself, under whatever address it has: config.web gives them this name.
PROBE_HOST = "probe.invalid"
ALLOWED_HOSTS = [*env.words("ALLOWED_HOSTS", ["*"]), PROBE_HOST]
CSRF_FAILURE_VIEW = "app.core.exception_handler.answer_csrf"
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
CORS_ALLOWED_ORIGINS = allowed_origins(env)
ROOT_URLCONF = "config.urls" if "api" in WEB_PARTS else "config.urls_of_intake"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = True
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LANGUAGE_CODE = "en"

DATABASES = {"default": database_from_env(env, DATA_DIR)}
DEFAULT_AUTO_FIELD = "app.core.fields.UUIDAutoField"
MIGRATION_MODULES = {
    name: f"third_party_migrations.{name}" for name in ("admin", "auth", "contenttypes")
}
SILENCED_SYSTEM_CHECKS = ["models.W027"]  # check constraints: validated in code, not by MongoDB

INSTALLED_APPS = [
    "config.apps.Admin",
    "config.apps.Auth",
    "config.apps.ContentTypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "app.core",
    "app.audit",
    "app.users",
    "app.streams",
    "app.ingest",
    "app.logs",
    "app.health",
]
MIDDLEWARE = [
    "app.telemetry.middleware.Telemetry",
    "django.middleware.security.SecurityMiddleware",
    "app.core.security_headers.SecurityHeaders",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BACKEND_DIR / "config" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
# Without it limits and the cache are each process's own, which is right for the embedded default.
REDIS = redis_from_env(env)
CACHES = {"default": cache_of(REDIS)}

# Static files come from the apps' own folders, unless they were collected into STATIC_ROOT.
STATIC_URL = "static/"
STATIC_ROOT = env.find("STATIC_ROOT")
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
WHITENOISE_AUTOREFRESH = False

# ── People and tokens ─────────────────────────────────────────────────────────────────────────
AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = ["app.users.backends.AccountBackend"]
PASSWORD_HASHERS = ["app.users.hashers.Argon2id"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
# Called with the scope of each organisation that is made, in the same transaction.
ORGANISATION_FOUNDERS = ["app.streams.services.add_default_stream"]
REGISTRATION_RATE = rate_of("REGISTRATION_RATE", env.text("REGISTRATION_RATE", "20/hour"))
REFRESH_RATE = rate_of("REFRESH_RATE", env.text("REFRESH_RATE", "600/minute"))
LOGIN_FAILURES_PER_MINUTE = env.integer("LOGIN_FAILURES_PER_MINUTE", 10, least=1)
LOGIN_FAILURES_PER_MINUTE_OF_ADDRESS = env.integer(
    "LOGIN_FAILURES_PER_MINUTE_OF_ADDRESS", 100, least=1
)
# What an organisation may send, unless it has a quota of its own (manage.py set_quota). 0: no limit.
INGEST_RECORDS_PER_SECOND = env.integer("INGEST_RECORDS_PER_SECOND", 0)
INGEST_BYTES_PER_DAY = env.integer("INGEST_BYTES_PER_DAY", 0)
# 0: audit entries are kept for ever. More days than a century has are a mistake.
AUDIT_RETENTION_DAYS = env.integer("AUDIT_RETENTION_DAYS", 400, most=36_500)
# How many proxies of ours stand in front and write X-Forwarded-For; 0: the peer's address counts.
TRUSTED_PROXIES = env.integer("TRUSTED_PROXIES", 0)

# ── Seeing itself ─────────────────────────────────────────────────────────────────────────────
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", LOG_LEVELS)
LOGGING_CONFIG = "app.telemetry.structured_logs.configure"
LOGGING = {
    "format": env.choice("LOG_FORMAT", "console", ("console", "json")),
    "level": LOG_LEVEL,
    "django_level": env.choice("DJANGO_LOG_LEVEL", LOG_LEVEL, LOG_LEVELS),
    "app_level": env.choice("APP_LOG_LEVEL", LOG_LEVEL, LOG_LEVELS),
}
METRICS_TOKEN = env.find("METRICS_TOKEN")
if METRICS_DIR.is_relative_to(DATA_DIR):
    # With the database in it, which nobody else on the machine has any business with.
    DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
# prometheus_client reads this when it is imported, which is after the settings are.
METRICS_DIR.mkdir(parents=True, exist_ok=True)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(METRICS_DIR)

# ── HTTP ──────────────────────────────────────────────────────────────────────────────────────
SEARCH_CONCURRENCY = env.integer("SEARCH_CONCURRENCY", 4, least=1)
SEARCH_WAIT_SECONDS = env.seconds("SEARCH_WAIT_SECONDS", 5.0)
# Beyond the searches that may wait, so that health and sign-in always find a thread.
WEB_THREADS = env.integer("WEB_THREADS", 9 * SEARCH_CONCURRENCY + 12, least=1)
# Between "not ready any more" and the end under gunicorn: whoever sends requests here has to notice.
SHUTDOWN_DELAY_SECONDS = env.integer("SHUTDOWN_DELAY_SECONDS", 3)
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024**2  # of config requests; logs do not pass through Django
HEALTH_CHECK_TIMEOUT = env.seconds("HEALTH_CHECK_TIMEOUT", 2.0)
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["app.core.json.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["app.core.json.OrjsonParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "app.core.negotiation.LenientNegotiation",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "app.core.exception_handler.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "config.operation_names.PathNamedSchema",
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_VERSION": "v1",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "ELK Vision",
    "DESCRIPTION": "Multi-tenant log analytics: send logs, keep them safe, find them.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": r"/api(/v[0-9]+)?",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.openapi.add_intake",
        "config.openapi.add_problems",
    ],
}

# ── Background jobs ───────────────────────────────────────────────────────────────────────────
CELERY_BROKER_URL = broker_from_env(env)
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {
        "data_folder_in": str(BROKER_DIR / "messages"),
        "data_folder_out": str(BROKER_DIR / "messages"),
        "control_folder": str(BROKER_DIR / "control"),
    }
    if is_of_files(CELERY_BROKER_URL)
    else {}
)
JOB_QUEUES = QUEUES
WORKER_PROCESSES = env.integer("WORKER_PROCESSES", 2, least=1)
# How long a worker that is told to end may go on with what it is at.
WORKER_SHUTDOWN_SECONDS = env.seconds("WORKER_SHUTDOWN_SECONDS", 20.0)
CELERY_TASK_IGNORE_RESULT = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TIMEZONE = TIME_ZONE
CELERY_ENABLE_UTC = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
