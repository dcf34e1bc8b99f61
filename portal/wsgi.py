"""The web process: `gunicorn portal.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
_django = get_wsgi_application()

from keymanager.oauth.fast import FastTokens  # noqa: E402  its models are loaded by now

application = FastTokens(_django)
# Load every view now rather than on the first request, and once for all workers where the server forks them after this.
get_resolver().url_patterns  # noqa: B018
