"""Snapshots to files, and Envoy's word on whether it took them."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import salted_hmac

from portal.errors import GatewayUnavailable

from . import deny
from .models import Revision
from .snapshot import Snapshot
from .targets.envoy import Address, EnvoyOptions, digest, render, write_bootstrap, write_resources
from .targets.envoy.admin import Counters, await_verdict, is_up, read_counters, stat_prefix

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

    A file that Envoy refused is put back to what it was, and the same content is not tried again.
    """

    options: EnvoyOptions
    revision: Revision | None = None
    denied: deny.DenyList = field(init=False)
    _snapshot: Snapshot | None = field(default=None, init=False)
    _files: dict[str, bytes] = field(default_factory=dict, init=False)
    _before: Counters = field(default_factory=lambda: Counters({}), init=False)
    _former: dict[str, bytes | None] = field(default_factory=dict, init=False)
    _refused: dict[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.denied = deny.DenyList(self.options)

    def write(self, snapshot: Snapshot, counts: Mapping[str, int]) -> Revision | None:
        """Write what differs from the disk; the new revision, or None where nothing does.

        Raises OSError, for a full disk; what is in force stays.
        """
        self.denied.write()
        files = render(snapshot, self.options, reuse=self._reusable(snapshot))
        self._snapshot, self._files = snapshot, files
        wanted = {
            name: body
            for name, body in files.items()
            if name != deny.FILE and self._refused.get(name) != _sha(body)
        }
        if not self._former:
            self._before = self._counters()
        former = {name: self._on_disk(name) for name in wanted}
        changed = write_resources(wanted, self.options)
        write_bootstrap(self.options)
        for name in changed:
            self._former.setdefault(name, former[name])
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
            if verdict.refused:
                self._restore(verdict.refused)
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
        names = ("cds.json", "ratelimit.json", *(f"rds.{name}.json" for name in snapshot.environments))
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

    def _restore(self, refused: tuple[str, ...]) -> None:
        """Envoy goes on with the last good configuration; its files must say the same, or a restart would not."""
        for name in refused:
            self._refused[name] = _sha(self._files[name])
            former = self._former[name]
            if former is not None:
                write_resources({name: former}, self.options)
        if self.revision:
            self.revision.rejection = self._refusal()
            self.revision.save(update_fields=["rejection"])
        logger.error("%s", self._refusal())

    def _refusal(self) -> str:
        words = self.options.last_complaint()
        return f"Envoy refused {', '.join(sorted(self._refused))}; what it took before is in force. {words}".strip()


def _sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
