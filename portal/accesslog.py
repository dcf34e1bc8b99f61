"""The web's access log: who called what and how it ended, and nothing that opens anything.

No query (a code that a person types arrives in one, and whatever a careless client puts there), no Referer, and no key
of a mailed link, which is part of a path.
"""

import re
from typing import Any

from gunicorn.glogging import Logger

FORMAT = '%(h)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(B)s bytes %(M)s ms'
_MAILED = re.compile(r"(?<=/)(confirm-email|reset/key)/(?!key/|done/)[^/]+")


class AccessLog(Logger):
    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().atoms(resp, req, environ, request_time)
        # As it was sent, with its escapes: a decoded one could begin a line of its own.
        found["U"] = without_keys(environ["RAW_URI"].partition("?")[0])
        return found


def without_keys(path: str) -> str:
    """The path with `…` in the place of a mailed link's key."""
    return _MAILED.sub(r"\1/…", path)
