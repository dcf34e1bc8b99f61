"""Every setting, read from the environment once. `docs/reference/settings.md` lists the variables.

Outside demo mode a missing secret stops the start with its name; demo mode (`PORTICO_DEMO=1`, what `manage.py up`
sets) makes its own and keeps it in the state directory.
"""

import re
from pathlib import Path
from urllib.parse import unquote, urlparse

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from portal.env import env_bool, env_choice, env_int, env_list, env_map, env_str

BASE_DIR = Path(__file__).resolve().parent.parent
DEMO = env_bool("PORTICO_DEMO", default=False)
DEBUG = env_bool("PORTICO_DEBUG", default=False)
VERSION = "0.1.0"

# Where the embedded services, the gateway's files and logs live.
STATE_DIR = Path(env_str("PORTICO_STATE", str(BASE_DIR / "var"))).resolve()

_DEMO_SECRET = "demo-only-secret-key-not-for-any-deployment" if DEMO else None
SECRET_KEY = env_str("PORTICO_SECRET_KEY", _DEMO_SECRET)
# Encrypts private signing keys at rest; derived from SECRET_KEY unless it is set apart.
ENCRYPTION_KEY = env_str("PORTICO_ENCRYPTION_KEY", SECRET_KEY)

# ---- addresses ----------------------------------------------------------------------------------------------------
PORTAL_URL = env_str("PORTICO_URL", "http://127.0.0.1:8000").rstrip("/")
ISSUER = f"{PORTAL_URL}/o"
GATEWAY_URLS = {
    "production": env_str("PORTICO_GATEWAY_PRODUCTION_URL", "http://127.0.0.1:8081").rstrip("/"),
    "sandbox": env_str("PORTICO_GATEWAY_SANDBOX_URL", "http://127.0.0.1:8082").rstrip("/"),
}
# What the gateway binds, where that differs from its public address: host:port.
GATEWAY_LISTEN = {
    environment: env_str(f"PORTICO_GATEWAY_{environment.upper()}_LISTEN", urlparse(url).netloc)
    for environment, url in GATEWAY_URLS.items()
}
# Where the agent reaches the gateway for its probes, where that is not what it binds: host:port.
GATEWAY_PROBE = {
    environment: env_str(f"PORTICO_GATEWAY_{environment.upper()}_PROBE", address)
    for environment, address in GATEWAY_LISTEN.items()
}
# How many proxies stand in front of the gateway and add their caller's address to X-Forwarded-For.
TRUSTED_HOPS = env_int("PORTICO_TRUSTED_HOPS", 0)
# A PEM file of the authorities whose certificates backends may have, instead of the system's. Envoy reads it as it starts.
UPSTREAM_CA = env_str("PORTICO_UPSTREAM_CA", "")
GATEWAY_DIR = Path(env_str("PORTICO_GATEWAY_DIR", str(STATE_DIR / "gateway")))
# Envoy's access log is rotated once it is larger, in megabytes; an old file is deleted when every line of it is counted.
ACCESS_LOG_BYTES = env_int("PORTICO_ACCESS_LOG_MB", 64) * 1024 * 1024
# Days that counts by the minute are kept, at least 2.
USAGE_MINUTE_DAYS = max(2, env_int("PORTICO_USAGE_MINUTE_DAYS", 3))
# Days that counts by the hour are kept.
USAGE_HOUR_DAYS = env_int("PORTICO_USAGE_HOUR_DAYS", 90)
# Days that counts by the day are kept.
USAGE_DAY_DAYS = env_int("PORTICO_USAGE_DAY_DAYS", 800)
# Days that single refused and failed calls are kept.
REQUEST_LOG_DAYS = env_int("PORTICO_REQUEST_LOG_DAYS", 7)
# How many single refused and failed calls are kept at most.
REQUEST_LOG_ROWS = env_int("PORTICO_REQUEST_LOG_ROWS", 200_000)
# Services at another address, `name.namespace=host:port`, and hosts of outside issuers that may be private, `host=address:port`.
SERVICE_ADDRESSES = env_map("PORTICO_SERVICE_ADDRESSES")

# What Prometheus shows at /metrics as its bearer token; without one only signed-in administrators may read it.
METRICS_TOKEN = env_str("PORTICO_METRICS_TOKEN", "")

_portal_host = urlparse(PORTAL_URL).hostname or "localhost"
ALLOWED_HOSTS = env_list("PORTICO_ALLOWED_HOSTS", f"{_portal_host},localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = [PORTAL_URL]
_https = PORTAL_URL.startswith("https://")

# ---- clusters -----------------------------------------------------------------------------------------------------
# Several clusters by name, `prod,git`; each then has its own variables with its name in them, hyphens as underscores.
_cluster_names = env_list("PORTICO_CLUSTERS")
# What the one cluster is called where PORTICO_CLUSTERS names none.
CLUSTER_NAME = (_cluster_names or [env_str("PORTICO_CLUSTER_NAME", "demo" if DEMO else "default")])[0]
_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_KIND_PATTERN = re.compile(r"[A-Za-z0-9.*-]+(/[A-Za-z0-9.*-]+){0,2}")


def _cluster(
    variable: str, text: str, namespaces: list[str], kinds: list[str], *, state: Path, context: str = ""
) -> dict[str, str | tuple[str, ...]]:
    """How to reach one cluster, and which namespaces and kinds of it are read (none named: all)."""
    kind, _, path = text.partition(":")
    if kind not in {"directory", "kubeconfig", "in-cluster"} or (kind == "in-cluster") == bool(path):
        raise ImproperlyConfigured(
            f"{variable} is {text!r}: use directory:<path>, kubeconfig:<path>[#context] or in-cluster."
        )
    for suffix, words, pattern, like in (
        ("NAMESPACES", namespaces, _DNS_LABEL, "a namespace, such as shop"),
        ("KINDS", kinds, _KIND_PATTERN, "a kind, such as portico.dev/v1alpha1/Api or dp.wso2.com/*"),
    ):
        for word in words:
            if not pattern.fullmatch(word):
                raise ImproperlyConfigured(f"{variable}_{suffix} has {word!r}, which is not {like}.")
    read: dict[str, str | tuple[str, ...]] = {"namespaces": tuple(namespaces), "kinds": tuple(kinds)}
    if kind == "directory":
        return {"kind": "directory", "path": str(Path(path).resolve()), "state": str(state), **read}
    path, _, own_context = path.partition("#")
    return {"kind": "kubernetes", "kubeconfig": path, "context": own_context or context, **read}


def _named_cluster(name: str) -> dict[str, str | tuple[str, ...]]:
    if _cluster_names.count(name) > 1:
        raise ImproperlyConfigured(f"PORTICO_CLUSTERS names {name} twice.")
    if not _DNS_LABEL.fullmatch(name):
        raise ImproperlyConfigured(
            f"PORTICO_CLUSTERS has {name!r}: use small letters, digits and hyphens, at most 63."
        )
    cluster = name.upper().replace("-", "_")
    return _cluster(
        f"PORTICO_CLUSTER_{cluster}",
        # Of each of PORTICO_CLUSTERS: `directory:<path>`, `kubeconfig:<path>[#context]` or `in-cluster`.
        env_str(f"PORTICO_CLUSTER_{cluster}", ""),
        # The namespaces that are read, `shop,billing`; empty for all.
        env_list(f"PORTICO_CLUSTER_{cluster}_NAMESPACES"),
        # The kinds that are read, `portico.dev/v1alpha1/Api,dp.wso2.com/*`; empty for all.
        env_list(f"PORTICO_CLUSTER_{cluster}_KINDS"),
        state=STATE_DIR / "cluster" / name,
    )


DEMO_MANIFESTS = BASE_DIR / "deploy" / "demo" / "manifests"
if _cluster_names:
    CLUSTERS = {name: _named_cluster(name) for name in _cluster_names}
else:
    CLUSTERS = {
        CLUSTER_NAME: _cluster(
            "PORTICO_CLUSTER",
            # The one cluster: `directory:<path>`, `kubeconfig:<path>[#context]` or `in-cluster`.
            env_str("PORTICO_CLUSTER", f"directory:{DEMO_MANIFESTS}"),
            # The namespaces that are read of the one cluster, `shop,billing`; empty for all.
            env_list("PORTICO_CLUSTER_NAMESPACES"),
            # The kinds that are read of the one cluster, `portico.dev/v1alpha1/Api,dp.wso2.com/*`; empty for all.
            env_list("PORTICO_CLUSTER_KINDS"),
            state=STATE_DIR / "cluster",
            # The kubeconfig's context, where PORTICO_CLUSTER names none and it is not the current one.
            context=env_str("PORTICO_CLUSTER_CONTEXT", ""),
        )
    }

# ---- Django -------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "portal.accounts",
    "portal.embedded",
    "apis",
    "subscriptions",
    "keymanager",
    "gateway",
    "portal",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "portal.staticfiles.StaticFiles",
    "django.contrib.humanize",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "oauth2_provider",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "template_partials",
    "csp",
]

MIDDLEWARE = [
    "portal.responses.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.compress.CompressionMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.zones.TimeZoneMiddleware",
    "portal.responses.DomainErrorMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.responses.shell",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "portal.templatetags.addresses",
                "portal.templatetags.texts",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"


def _database(url: str) -> dict[str, object]:
    """A Postgres URL as Django's settings. Connections come from a small pool in each process."""
    parts = urlparse(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured("DATABASE_URL must begin with postgresql://.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 0,
        # The pool looks at a connection before it gives it out: a restart of Postgres costs nobody an error.
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"pool": {"min_size": 1, "max_size": env_int("PORTICO_DATABASE_POOL", 8), "timeout": 10}},
        "TEST": {"NAME": env_str("PORTICO_TEST_DATABASE", "test_portico")},
    }


DATABASE_URL = env_str("DATABASE_URL", "postgresql://portico@127.0.0.1:5432/portico")
DATABASES = {"default": _database(DATABASE_URL)}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "portal_cache"}}

# ---- people -------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    # Generated secrets have 128 bits of chance and more: a fast salted hash is sound for them, and only for them.
    "keymanager.hashers.GeneratedSecretHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "gateway:home"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "name*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "portal.accounts.forms.SignupForm"
ACCOUNT_ADAPTER = "portal.accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "optional" if DEMO else "mandatory"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_USER_DISPLAY = "portal.accounts.adapter.display"
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if _https else "http"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Portico"
MFA_ADAPTER = "portal.accounts.adapter.MfaAdapter"

EMAIL_BACKEND = env_str(
    "PORTICO_EMAIL_BACKEND",
    "portal.accounts.mail.PortalBackend" if DEMO else "django.core.mail.backends.smtp.EmailBackend",
)
EMAIL_HOST = env_str("PORTICO_EMAIL_HOST", "localhost")
EMAIL_PORT = env_int("PORTICO_EMAIL_PORT", 25)
EMAIL_HOST_USER = env_str("PORTICO_EMAIL_USER", "")
EMAIL_HOST_PASSWORD = env_str("PORTICO_EMAIL_PASSWORD", "")
EMAIL_USE_TLS = env_bool("PORTICO_EMAIL_TLS", default=False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env_str("PORTICO_EMAIL_FROM", f"Portico <portico@{_portal_host}>")

# ---- OAuth 2.0 ----------------------------------------------------------------------------------------------------
# The portal's own scopes; an API's scopes come from its definition.
PORTAL_SCOPES = {
    "portal:read": "Read the catalog, and your teams' applications and subscriptions",
    "portal:subscribe": "Register applications, subscribe, and issue or revoke credentials",
    "portal:publish": "Publish, deprecate and retire APIs, and decide requests",
    "portal:admin": "Administer the portal",
}
ACCESS_TOKEN_SECONDS = 600
# The longest life that anybody may ask for: how long a revoked client or token stays on the gateway's deny list.
MAX_TOKEN_SECONDS = 900
# How long others may keep our public keys. A new key is published at least as long before it signs.
JWKS_CACHE_SECONDS = 300
SIGNING_KEY_DAYS = env_int("PORTICO_SIGNING_KEY_DAYS", 90)
# What new signing keys are of: RS256 or ES256. After a change the next key is of it, and signs once everybody knows it.
SIGNING_ALGORITHM = env_choice("PORTICO_SIGNING_ALGORITHM", "RS256", {"RS256", "ES256"})
# The framework's own model: a Credential links to it one-to-one.
OAUTH2_PROVIDER_APPLICATION_MODEL = "oauth2_provider.Application"
OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL = "oauth2_provider.AccessToken"  # noqa: S105  a model's name
OAUTH2_PROVIDER: dict[str, object] = {
    "ACCESS_TOKEN_EXPIRE_SECONDS": ACCESS_TOKEN_SECONDS,
    "REFRESH_TOKEN_EXPIRE_SECONDS": 30 * 24 * 3600,
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "SCOPES": PORTAL_SCOPES,
    "DEFAULT_SCOPES": [],
    "CLIENT_SECRET_HASHER": "portico_sha256",
    "OAUTH2_SERVER_CLASS": "keymanager.oauth.server.Server",
    "OAUTH2_VALIDATOR_CLASS": "keymanager.oauth.validator.Validator",
    "ACCESS_TOKEN_GENERATOR": "keymanager.oauth.server.access_token",
    "PKCE_REQUIRED": True,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
    # RFC 9700, the OAuth 2.0 security best current practice: everything it advises.
    **{
        f"COMPLIANT_BCP_RFC9700_{advice}": True
        for advice in (
            "IMPLICIT_GRANT",
            "PASSWORD_GRANT",
            "PKCE_METHOD",
            "PKCE_REQUIRED",
            "ACCESS_TOKEN_TRANSPORT",
            "AUTHZ_RESPONSE_ISS",
            "TOKEN_STORAGE",
            "REFRESH_TOKEN",
            "REDIRECT_URI_SCHEME",
            "REDIRECT_URI_MATCHING",
        )
    },
}

# ---- REST ---------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "oauth2_provider.contrib.rest_framework.OAuth2Authentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["portal.rest.scopes.PortalScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "portal.rest.paging.CursorPage",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "portal.rest.schema.Schema",
    "EXCEPTION_HANDLER": "portal.rest.problems.problem_from_exception",
    "DEFAULT_VERSIONING_CLASS": None,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
SPECTACULAR_SETTINGS: dict[str, object] = {
    "TITLE": "Portico",
    "DESCRIPTION": "Everything the portal does in the browser, for scripts and pipelines.",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # Links in its headings would stand inside buttons, where assistive technology cannot follow them.
    "SWAGGER_UI_SETTINGS": {"deepLinking": False},
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "ApiType": "apis.models.ApiType",
        "Publication": "apis.models.Publication",
        "CredentialStatus": "keymanager.models.CredentialStatus",
        "EnvironmentEnum": "apis.models.Environment",
        "ReceiptStatus": "gateway.models.ReceiptStatus",
        "SigningKeyStatus": "keymanager.models.SigningKey.Status",
        "SubscriptionStatus": "subscriptions.models.SubscriptionStatus",
    },
}

# ---- Celery -------------------------------------------------------------------------------------------------------
# kombu's pgmq transport on our own Postgres, unless a Redis or RabbitMQ is named.
CELERY_BROKER_URL = env_str("CELERY_BROKER_URL", DATABASE_URL.replace("postgresql://", "pgmq://", 1))
CELERY_BROKER_TRANSPORT_OPTIONS = (
    # 60 s is above the longest task: a task whose worker died is delivered again then.
    {
        "init_extension": False,
        "use_notify": True,
        # Not one notification in 250 ms, as it is left alone: every further task would wait for the next poll, a second.
        "notify_throttle_interval_ms": 0,
        "wait_time_seconds": 0,
        "visibility_timeout": 60,
    }
    if CELERY_BROKER_URL.startswith("pgmq")
    else {}
)
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SOFT_TIME_LIMIT = 50
CELERY_TASK_TIME_LIMIT = 55
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE: dict[str, dict[str, object]] = {
    "full-sync": {"task": "apis.tasks.full_sync", "schedule": 300.0},
    "retire-versions": {"task": "apis.tasks.retire_due", "schedule": 300.0},
    "clear-tokens": {"task": "keymanager.tasks.clear_expired", "schedule": 3600.0},
    "retire-credentials": {"task": "keymanager.tasks.retire_due", "schedule": 15.0},
    "remind-expiring": {"task": "keymanager.tasks.remind_expiring", "schedule": 3600.0},
    "refresh-issuers": {"task": "keymanager.tasks.refresh_issuers", "schedule": 300.0},
    "rotate-signing-keys": {"task": "keymanager.tasks.rotate_signing_keys", "schedule": 300.0},
    "clear-failed-tries": {"task": "portal.accounts.tasks.clear_failed_tries", "schedule": 3600.0},
    "roll-up-usage": {"task": "gateway.tasks.roll_up_usage", "schedule": 15.0},
    "tell-quotas": {"task": "gateway.tasks.tell_quotas", "schedule": 15.0},
    "prune-usage": {"task": "gateway.tasks.prune_usage", "schedule": 3600.0},
    "prune-receipts": {"task": "gateway.tasks.prune", "schedule": 86400.0},
    "expire-subscriptions": {"task": "subscriptions.tasks.expire_due", "schedule": 60.0},
}

# ---- static files, security ---------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = Path(env_str("PORTICO_STATIC_ROOT", str(BASE_DIR / "staticfiles")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "portal.staticfiles.Storage"},
}
WHITENOISE_MAX_AGE = 300
# Only names with a digest are ever asked for.
WHITENOISE_KEEP_ONLY_HASHED_FILES = True

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    },
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = True
SESSION_ENGINE = "portal.accounts.sessions"
SESSION_COOKIE_NAME = "portico_session"
CSRF_COOKIE_NAME = "portico_csrf"
CSRF_FAILURE_VIEW = "portal.responses.csrf_failure"
_behind_proxy = env_bool("PORTICO_BEHIND_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _behind_proxy else None
# How many proxies stand in front of the portal and add a caller's address to X-Forwarded-For.
TRUSTED_PROXIES = env_int("PORTICO_TRUSTED_PROXIES", 1 if _behind_proxy else 0)

# ---- failed tries -------------------------------------------------------------------------------------------------
# Failed authentications of one OAuth client from one address in a minute; the next is answered 429.
CLIENT_FAILURES = env_int("PORTICO_CLIENT_FAILURES", 10)
# Failed authentications of any OAuth clients from one address in a minute.
ADDRESS_FAILURES = env_int("PORTICO_ADDRESS_FAILURES", 100)
# Wrong passwords for one account from one address in five minutes; five times as many from everywhere in an hour.
LOGIN_FAILURES = env_int("PORTICO_LOGIN_FAILURES", 10)

# ---- try it -------------------------------------------------------------------------------------------------------
# What a call that is tried from an operation's page may take: its body and its answer, and all of its time.
TRY_BYTES = 10 * 1024 * 1024
TRY_SECONDS = 30
TRY_TOKEN_SECONDS = 300
TRIES_A_MINUTE = 30
# How many calls may be tried at once in one web process; each holds one of its threads, so keep it below their number.
TRIES_AT_ONCE = env_int("PORTICO_TRIES", 2)
# How many of them may be one person's.
TRIES_AT_ONCE_EACH = 1

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

PAGE_SIZE = 20
MAX_PAGE_SIZE = 100
DEFINITION_MAX_BYTES = 20 * 1024 * 1024

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": env_str("PORTICO_LOG_LEVEL", "INFO")},
    "loggers": {"httpx": {"level": "WARNING"}, "httpx2": {"level": "WARNING"}},
}
