"""Snapshots to files, and Envoy's word on whether it took them."""

import hashlib
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import salted_hmac

from portal.errors import GatewayUnavailable

from . import deny
from .models import Revision
from .snapshot import Snapshot, VersionKey
from .targets.envoy import Address, EnvoyOptions, digest, render, write_bootstrap, write_resources
from .targets.envoy.admin import Counters, await_verdict, is_up, read_counters, stat_prefix
from .targets.envoy.files import Stamp, keep_room, replace_file, stamp_of
from .targets.envoy.trial import RefusedFile, find_culprits

logger = logging.getLogger(__name__)

# At 100,000 subscriptions Envoy takes 0.8 s to read the map.
_VERDICT_S = 5.0


def envoy_options() -> EnvoyOptions:
    """The target's options as the settings give them."""
    listeners = {}
    for environment, listen in settings.GATEWAY_LISTEN.items():
        host, _, port = listen.rpartition(":")
        listeners[environment] = Address(host, int(port))
    return EnvoyOptions(
        directory=settings.GATEWAY_DIR,
        listeners=listeners,
        probe_secret=probe_secret(),
        ca_file=settings.UPSTREAM_CA,
        log_file=settings.STATE_DIR / "logs" / "envoy.log",
        trusted_hops=settings.TRUSTED_HOPS,
    )


def probe_secret() -> str:
    """What makes a probe a probe: follows from SECRET_KEY, so that it is nowhere but here and in Envoy's listener."""
    return salted_hmac("gateway probe", "header", algorithm="sha256").hexdigest()


@dataclass
class Publisher:
    """Writes one set of files after the other, the deny list ahead. `revision` is the last one written.

    A file that Envoy refused is put back to what it was, and the same content is not tried again. Versions found to be
    the reason are `culprits`, with Envoy's message each, until whoever compiles takes them out.
    """

    options: EnvoyOptions
    revision: Revision | None = None
    denied: deny.DenyList = field(init=False)
    _snapshot: Snapshot | None = field(default=None, init=False)
    _files: dict[str, bytes] = field(default_factory=dict, init=False)
    _before: Counters = field(default_factory=lambda: Counters({}), init=False)
    _former: dict[str, bytes | None] = field(default_factory=dict, init=False)
    _refused: dict[str, str] = field(default_factory=dict, init=False)
    _complaint: str = field(default="", init=False)
    culprits: dict[VersionKey, str] = field(default_factory=dict, init=False)
    # A file was refused, and Envoy went away before it was known whose fault that is.
    unsettled: bool = field(default=False, init=False)
    # What the files must hold, and how each looked after it was written.
    _kept: dict[str, bytes] = field(default_factory=dict, init=False)
    _stamps: dict[str, Stamp | None] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.denied = deny.DenyList(self.options)

    def write(self, snapshot: Snapshot, counts: Mapping[str, int]) -> Revision | None:
        """Write what differs from the disk; the new revision, or None where nothing does.

        Raises OSError, for a full disk; what is in force stays.
        """
        self.denied.write()
        files = render(snapshot, self.options, reuse=self._reusable(snapshot))
        first = self._snapshot is None
        self._snapshot, self._files = snapshot, files
        self._refused = {name: sha for name, sha in self._refused.items() if _sha(files[name]) == sha}
        wanted = {
            name: body for name, body in files.items() if name != deny.FILE and name not in self._refused
        }
        if not self._former:
            self._before = self._counters()
        former = {name: self._on_disk(name) for name in wanted}
        changed = write_resources(wanted, self.options)
        write_bootstrap(self.options)
        keep_room(self.options)
        for name in changed:
            self._former.setdefault(name, former[name])
        self._keep(wanted)
        if first:
            self._ask_again([name for name in _catalog_files(snapshot) if name not in changed])
        changed = [*self.denied.taken(), *changed]
        if not changed:
            return None
        self.revision = Revision.objects.create(
            digest=digest(files), files=changed, counts=dict(counts), written_at=timezone.now()
        )
        return self.revision

    def confirm(self) -> str:
        """Envoy's own evidence that it took what was written.

        Raises GatewayUnavailable when it does not run, has not read the files in time, or refused one.
        """
        if self._former:
            verdict = await_verdict(self.options, self._former, self._before, seconds=_VERDICT_S)
            evidence = verdict.evidence
            try:
                if verdict.refused:
                    self._settle(verdict.refused)
            finally:
                self._former.clear()
        elif is_up(self.options):
            evidence = self._runs_on()
        else:
            raise GatewayUnavailable(
                "Envoy does not answer.", remedy="It is started again by the supervisor."
            )
        if self._refused:
            raise GatewayUnavailable(self._refusal())
        if self.revision and not self.revision.accepted_at:
            self.revision.accepted_at = timezone.now()
            self.revision.save(update_fields=["accepted_at"])
        return evidence

    def _runs_on(self) -> str:
        """The deny list goes out at any time, so that no count from before it is known: what its probe sees proves it."""
        loads = read_counters(self.options).of(stat_prefix(deny.FILE), "success")
        return f"Envoy runs on what was written before · {deny.FILE} update_success {loads}"

    def _reusable(self, snapshot: Snapshot) -> dict[str, bytes]:
        """The rendered catalog, where it is the very same as last time: by far the larger part."""
        last = self._snapshot
        if last is None or last.plans is not snapshot.plans:
            return {}
        same = all(
            state.versions is last.environments[name].versions
            for name, state in snapshot.environments.items()
        )
        names = ("ratelimit.json", *_catalog_files(snapshot))
        return {name: self._files[name] for name in names} if same else {}

    def _counters(self) -> Counters:
        """As they are before the write. Without an Envoy, zero: it will read everything when it starts."""
        try:
            return read_counters(self.options)
        except GatewayUnavailable:
            return Counters({})

    def _on_disk(self, name: str) -> bytes | None:
        try:
            return (self.options.resources / name).read_bytes()
        except FileNotFoundError:
            return None

    def heal(self) -> list[str]:
        """Write anew what somebody else changed, truncated or deleted; the names. Costs a glance where nobody did.

        Raises OSError, and database errors where it is the deny list.
        """
        self.denied.heal()
        touched = {
            name: self._kept[name] for name, stamp in self._stamps.items() if self._stamp(name) != stamp
        }
        if not touched:
            return []
        if not self._former:
            self._before = self._counters()
        written = write_resources(touched, self.options)
        for name in written:
            logger.warning("%s was changed by somebody else; it is as it must be again", name)
            self._former.setdefault(name, touched[name])
        self._keep(touched)
        return written

    @property
    def unconfirmed(self) -> bool:
        """Whether Envoy's word on something written is missing."""
        return bool(self._former)

    def _keep(self, files: Mapping[str, bytes]) -> None:
        self._kept |= files
        self._stamps |= {name: self._stamp(name) for name in files}

    def _stamp(self, name: str) -> Stamp | None:
        return stamp_of(self.options.resources / name)

    def _ask_again(self, names: list[str]) -> None:
        """An agent that was killed may have left a file on disk that Envoy refused, so its word on them is asked anew."""
        for name in names:
            replace_file(self.options.resources / name, self._files[name])
            self._former.setdefault(name, self._files[name])
        self._keep({name: self._files[name] for name in names})

    def _settle(self, refused: tuple[str, ...]) -> None:
        """Find out whose fault it is. Envoy goes on with the last good configuration, whatever comes of that."""
        if self._snapshot is None:
            return
        self._complaint = self.options.last_complaint()
        self.unsettled = True
        files = [RefusedFile(name, self._files[name], self._former[name]) for name in refused]
        try:
            self.culprits = find_culprits(self._snapshot, files, self.options)
            self._refused |= {file.name: _sha(file.body) for file in files}
            self.unsettled = False
        finally:
            self._put_back({file.name: file.former for file in files if file.former is not None})
        if self.revision:
            self.revision.rejection = self._refusal()
            self.revision.save(update_fields=["rejection"])
        logger.error("%s", self._refusal())

    def _put_back(self, former: dict[str, bytes]) -> None:
        """Its files must say what Envoy runs on, or a restart would not. Waits until Envoy has read them."""
        before = self._counters()
        written = write_resources(former, self.options)
        self._keep(former)
        with suppress(GatewayUnavailable):
            await_verdict(self.options, written, before, seconds=_VERDICT_S)

    def _refusal(self) -> str:
        names = ", ".join(sorted(self._refused))
        return f"Envoy refused {names}; what it took before is in force. {self._complaint}".strip()


def _catalog_files(snapshot: Snapshot) -> list[str]:
    """The files that hold what publishers say."""
    return ["cds.json", *(f"rds.{name}.json" for name in snapshot.environments)]


def _sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
