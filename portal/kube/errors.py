"""What a cluster can refuse. All are domain errors: a caller that does not care catches those of portal.errors."""

from portal.errors import Conflict, Forbidden, NotFound


class KindNotInstalled(NotFound):
    """The cluster does not serve this kind: its CRD is not installed, or in another version."""

    title = "The cluster does not know this kind"


class AccessDenied(Forbidden):
    """The cluster, or the file system, does not let Portico do this."""

    title = "Portico lacks a permission in the cluster"


class HeldByOthers(Conflict):
    """Other field managers set these fields to other values. `held`: pairs of manager and field, as the cluster names them."""

    title = "Somebody else manages these fields"

    def __init__(self, message: str, *, remedy: str = "", held: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message, remedy=remedy)
        self.held = held


class VersionExpired(Conflict):
    """The changes since that resource version are not known any more: list again and watch from there."""

    title = "The cluster's history does not reach back that far"
