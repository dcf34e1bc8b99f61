"""The Event that tells people in the cluster what Portico found about an object of theirs."""

import hashlib
import re
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from portal.kube.objects import Kind, KubeObject

EVENT = Kind(group="", version="v1", kind="Event", plural="events")
CONTROLLER = "portico.dev/portico"
# Events of objects without a namespace stand here, as Kubernetes' own do.
CLUSTER_WIDE = "default"
# The server takes at most 1024 characters of message and 128 of reason.
_MESSAGE = 1024
_REASON = 128
# An Event's name has to be that of a host; some kinds are freer than that.
_NO_NAME = re.compile(r"[^a-z0-9-]+")


def event(obj: KubeObject, *, reason: str, message: str, warning: bool) -> dict[str, Any]:
    """A core v1 Event, in the shape that counts repetitions. Its name is that of what it says about the object."""
    kind = obj.kind
    said = "\n".join((obj.uid, str(warning), reason, message))
    digest = hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    now = _now()
    about = {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "namespace": obj.namespace,
        "name": obj.name,
        "uid": obj.uid,
        "resourceVersion": obj.resource_version,
    }
    return {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.kind,
        "metadata": {
            "name": f"{_NO_NAME.sub('-', obj.name[:220].lower()).strip('.-')}.{digest}",
            "namespace": obj.namespace or CLUSTER_WIDE,
        },
        "involvedObject": {part: value for part, value in about.items() if value},
        "reason": reason[:_REASON],
        "message": message if len(message) <= _MESSAGE else f"{message[: _MESSAGE - 1]}…",
        "type": "Warning" if warning else "Normal",
        "source": {"component": CONTROLLER},
        "reportingComponent": CONTROLLER,
        "reportingInstance": socket.gethostname()[:_REASON],
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }


def repeated(known: Mapping[str, Any]) -> dict[str, Any]:
    """What changes in an Event that is there already when it happens once more."""
    count = known.get("count")
    return {"count": (count if isinstance(count, int) else 1) + 1, "lastTimestamp": _now()}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
