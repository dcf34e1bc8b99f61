"""Snapshots to files, and Envoy's word on whether it took them."""

import hashlib
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext

from portal.errors import GatewayUnavailable

from . import deny
from .models import Revision
from .snapshot import Snapshot, VersionKey, differing
from .targets.envoy import Address, EnvoyOptions, digest, render, write_bootstrap, write_resources
from .targets.envoy.admin import Counters, await_verdict, is_up, read_counters, stat_prefix
from .targets.envoy.files import MAP_FILE, RECENT_FILE, Stamp, keep_room, replace_file, stamp_of
from .targets.envoy.policies import limits_of, recent_keys
from .targets.envoy.trial import RefusedFile, find_culprits

logger = logging.getLogger(__name__)

# At 100,000 subscriptions Envoy takes 0.8 s to read the map.
_VERDICT_S = 5.0
# So many subscriptions may differ from the map before it is written anew.
MAX_RECENT = 1000
# One that Envoy runs on, and those that it has not taken yet: while it is away, no more are made.
_MAX_MAPS = 3


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

    The map of all subscriptions is large, so a few changes go into a small file that Envoy asks first: it names every
    subscription of which any map that Envoy may be running on does not say what is agreed. It forgets them when Envoy
    has taken a newer map. Killed between any two writes, both files together still say what was agreed.

    A file that Envoy refused is put back to what it was, and the same content is not tried again. Versions found to be
    the reason are `culprits`, with Envoy's message each, until whoever compiles takes them out.
    """

    options: EnvoyOptions
    revision: Revision | None = None
    denied: deny.DenyList = field(init=False)
    _snapshot: Snapshot | None = field(default=None, init=False)
    # What the map on disk says, and before it what Envoy may still be running on.
    _maps: list[Snapshot] = field(default_factory=list, init=False)
    # What an agent before this one had in the small file.
    _inherited: frozenset[str] = field(default=frozenset(), init=False)
    _recent: frozenset[str] = field(default=frozenset(), init=False)
    _files: dict[str, bytes] = field(default_factory=dict, init=False)
    _shas: dict[str, str] = field(default_factory=dict, init=False)
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

    def write(self, snapshot: Snapshot, counts: Mapping[str, int], *, whole: bool = True) -> Revision | None:
        """Write what differs from the disk; the new revision, or None where nothing does.

        Unless it is to be the `whole` of it, the map of all subscriptions stays, as long as few differ from it.
        Raises OSError, for a full disk; what is in force stays.
        """
        self.denied.write()
        self.heal()
        changed = [*self._bring(snapshot, whole=whole)]
        write_bootstrap(self.options)
        keep_room(self.options)
        changed = [*self.denied.taken(), *changed]
        if not changed:
            return None
        self.revision = Revision.objects.create(
            digest=digest(self._shas), files=changed, counts=dict(counts), written_at=timezone.now()
        )
        return self.revision

    def confirm(self) -> str:
        """Envoy's own evidence that it took what was written.

        Raises GatewayUnavailable when it does not run, has not read the files in time, or refused one.
        """
        if self._former:
            verdict = await_verdict(self.options, self._former, self._before, seconds=_VERDICT_S)
            evidence = verdict.evidence
            map_taken = MAP_FILE in self._former and MAP_FILE not in verdict.refused
            try:
                if verdict.refused:
                    self._settle(verdict.refused)
            finally:
                self._former.clear()
            if map_taken:
                self._forget_recent()
        elif is_up(self.options):
            evidence = self._runs_on()
        else:
            raise GatewayUnavailable(
                gettext("Envoy does not answer."), remedy=gettext("It is started again by the supervisor.")
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

    @property
    def overflows(self) -> bool:
        """Whether so many subscriptions differ from the map of all that it should be written anew."""
        return len(self._recent) > MAX_RECENT

    def _bring(self, snapshot: Snapshot, *, whole: bool) -> list[str]:
        """Write the files that differ, one after the other; their names. Raises OSError."""
        first = self._snapshot is None
        if first:
            self._inherited = recent_keys(self._on_disk(RECENT_FILE) or b"")
        self._snapshot, self._files = snapshot, self._render(snapshot, whole)
        self._refused = {name: sha for name, sha in self._refused.items() if self._shas[name] == sha}
        if not self._former:
            self._before = self._counters()
        changed = []
        for name, body in self._files.items():
            if name == deny.FILE or name in self._refused or self._kept.get(name) is body:
                continue
            former = self._on_disk(name)
            if write_resources({name: body}, self.options):
                changed.append(name)
                self._former.setdefault(name, former)
            self._keep({name: body})
        if first:
            self._ask_again([name for name in (*_catalog_files(snapshot), MAP_FILE) if name not in changed])
        return changed

    def _render(self, snapshot: Snapshot, whole: bool) -> dict[str, bytes]:
        """All files; those of the same data as last time are the same objects."""
        reuse = self._reusable(snapshot)
        if self._needs_map(snapshot, whole):
            self._maps.append(snapshot)
        else:
            reuse[MAP_FILE] = self._files[MAP_FILE]
        self._recent = self._inherited.union(*(differing(one, snapshot) for one in self._maps))
        files = render(snapshot, self.options, reuse=reuse, recent=self._recent)
        self._shas |= {name: _sha(body) for name, body in files.items() if name not in reuse}
        return files

    def _needs_map(self, snapshot: Snapshot, whole: bool) -> bool:
        """A plan that the map does not know lets nobody in, whatever the small file says."""
        if not self._maps or self._maps[-1].plans != snapshot.plans:
            return True
        return whole and len(self._maps) < _MAX_MAPS and bool(differing(self._maps[-1], snapshot))

    def _forget_recent(self) -> None:
        """Envoy runs on the newest map, so that older ones count no more. Raises OSError."""
        if self._snapshot and (len(self._maps) > 1 or self._inherited):
            self._maps, self._inherited = self._maps[-1:], frozenset()
            self._bring(self._snapshot, whole=False)

    def _reusable(self, snapshot: Snapshot) -> dict[str, bytes]:
        """What was rendered last time from the very same data: by far the larger part."""
        last = self._snapshot
        if last is None:
            return {}
        names: list[str] = []
        states = {name: (state, last.environments[name]) for name, state in snapshot.environments.items()}
        if last.plans is snapshot.plans and all(now.versions is was.versions for now, was in states.values()):
            names += ["ratelimit.json", *_catalog_files(snapshot)]
        names += [
            f"keys.{name}.pb"
            for name, (now, was) in states.items()
            if now.keys is was.keys and now.expired_keys == was.expired_keys
        ]
        names += [f"clients.{name}.pb" for name, (now, was) in states.items() if now.outside is was.outside]
        same_keys = all(now.keys is was.keys for now, was in states.values())
        if snapshot.refused_until == last.refused_until and (
            same_keys or limits_of(snapshot) == limits_of(last)
        ):
            names.append("limits.json")
        return {name: self._files[name] for name in names}

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
