"""The domain errors. Actions and work modules raise them; `portal.responses` turns each into a page or problem+json once."""


def gettext_noop(message: str) -> str:
    """Marks a title. It is translated where it is shown, for this is read where there is no Django too."""
    return message


class PorticoError(Exception):
    """Something a person can act on: `message` says what happened, `remedy` what to do next."""

    status = 500
    title = gettext_noop("Portico could not do that")

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class Forbidden(PorticoError):
    """The person may see the object but not do this to it."""

    status = 403
    title = gettext_noop("Not allowed")


class NotFound(PorticoError):
    """There is no such object, or this person may not know that there is."""

    status = 404
    title = gettext_noop("Not found")


class Conflict(PorticoError):
    """The object is not in a state that allows this, or somebody else was quicker."""

    status = 409
    title = gettext_noop("Conflict")


class Invalid(PorticoError):
    """The input breaks a rule. `field` names the input it is about, where there is one."""

    status = 400
    title = gettext_noop("Invalid input")

    def __init__(self, message: str, *, remedy: str = "", field: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.field = field


class TooManyTries(PorticoError):
    """Somebody failed too often to prove who they are. They may try again after `retry_after` seconds."""

    status = 429
    title = gettext_noop("Too many tries")

    def __init__(self, message: str, *, retry_after: int, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after = retry_after


class ClusterUnavailable(PorticoError):
    """The Kubernetes API server did not answer, or answered nothing usable."""

    status = 503
    title = gettext_noop("The cluster is not reachable")


class GatewayUnavailable(PorticoError):
    """The gateway or its admin port did not answer."""

    status = 503
    title = gettext_noop("The gateway is not reachable")
