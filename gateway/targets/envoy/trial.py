"""Which versions make Envoy refuse a whole file: it is asked about fewer and fewer of them, away from any traffic.

Its message may name a cluster, but hardly ever a route. So routes are tried in the table of a listener that takes no
call, and clusters beside those in force. What Envoy made of a trial, its own counters say.
"""

import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from gateway.snapshot import Snapshot, Version, VersionKey
from gateway.targets.envoy.admin import await_verdict, read_counters
from gateway.targets.envoy.clusters import cluster_name
from gateway.targets.envoy.files import TRIAL_FILE, clusters_file, replace_file, routes_file
from gateway.targets.envoy.listeners import TRIAL
from gateway.targets.envoy.options import EnvoyOptions

# Some 30 culprits among 10,000 suspects. Who is not cleared by then is held back with them.
MAX_TRIALS = 400
_TRIAL_S = 10.0
_CLUSTERS = "cds.json"
_Suspect = TypeVar("_Suspect", bound=Hashable)


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """What Envoy would not take, and what it runs on instead: None where it has nothing yet."""

    name: str
    body: bytes
    former: bytes | None


def find_culprits(
    snapshot: Snapshot, refused: Iterable[RefusedFile], options: EnvoyOptions
) -> dict[VersionKey, str]:
    """The versions at fault, each with Envoy's message about it alone; none where the fault is in no version's part.

    `cds.json` is left as the last trial had it: the caller puts back what is in force.
    Raises GatewayUnavailable when Envoy goes away meanwhile, OSError when a trial cannot be written.
    """
    trials = _Trials(options)
    found: dict[VersionKey, str] = {}
    for file in refused:
        if file.name == _CLUSTERS:
            about = _in_clusters(snapshot, file, trials)
        elif file.name.startswith("rds."):
            about = _in_routes(snapshot, file, trials)
        else:
            continue
        found = about | found
    return found


def _in_routes(snapshot: Snapshot, file: RefusedFile, trials: "_Trials") -> dict[VersionKey, str]:
    environment = file.name.split(".")[1]
    former, new = _tables(file.former), _tables(file.body)
    by_key = {version.key: version for version in snapshot.environments[environment].versions}
    changed = [
        key for key, version in by_key.items() if former.get(version.base_path) != new.get(version.base_path)
    ]
    part = f"its operations in {environment}"

    def refusal(keys: Sequence[VersionKey]) -> str | None:
        return trials.refusal(TRIAL_FILE, routes_file(TRIAL, [by_key[key] for key in keys]))

    try:
        # Where an agent was killed, what was there before may be what Envoy refuses.
        return _search(changed, refusal, trials, part) or _search(
            [key for key in by_key if key not in set(changed)], refusal, trials, part
        )
    finally:
        replace_file(trials.options.resources / TRIAL_FILE, routes_file(TRIAL, ()))


def _in_clusters(snapshot: Snapshot, file: RefusedFile, trials: "_Trials") -> dict[VersionKey, str]:
    former, new = _clusters(file.former), _clusters(file.body)
    complaint = trials.refusal(_CLUSTERS, file.body) or ""
    named = [name for name in new if f"{name}: " in complaint]
    suspects = named or [name for name, cluster in new.items() if former.get(name) != cluster]
    in_force = {name: cluster for name, cluster in former.items() if name not in named}

    def refusal(names: Sequence[str]) -> str | None:
        tried = in_force | {name: new[name] for name in names}
        return trials.refusal(_CLUSTERS, clusters_file(tried.values()))

    bad = _search(suspects, refusal, trials, "its upstream")
    return {
        version.key: bad[cluster_name(version)]
        for version in _versions(snapshot)
        if cluster_name(version) in bad
    }


def _versions(snapshot: Snapshot) -> Iterable[Version]:
    return (version for state in snapshot.environments.values() for version in state.versions)


def _tables(body: bytes | None) -> Mapping[str, Any]:
    """Base path -> routes, of a route table's file. Of one that cannot be read nothing is known."""
    try:
        (host,) = json.loads(body or b"")["resources"][0]["virtual_hosts"]
        tables: Mapping[str, Any] = host["matcher"]["matcher_tree"]["prefix_match_map"]["map"]
    except (LookupError, TypeError, ValueError):
        return {}
    return tables


def _clusters(body: bytes | None) -> dict[str, Any]:
    try:
        return {resource["name"]: resource for resource in json.loads(body or b"")["resources"]}
    except (LookupError, TypeError, ValueError):
        return {}


@dataclass
class _Trials:
    """Asks Envoy, and counts how often."""

    options: EnvoyOptions
    made: int = 0

    def refusal(self, file: str, body: bytes) -> str | None:
        """Envoy's words where it refuses this file; None where it takes it."""
        self.made += 1
        before = read_counters(self.options)
        replace_file(self.options.resources / file, body)
        verdict = await_verdict(self.options, [file], before, seconds=_TRIAL_S)
        return self.options.last_complaint() if verdict.refused else None


def _search(
    suspects: list[_Suspect], refusal: Callable[[Sequence[_Suspect]], str | None], trials: _Trials, part: str
) -> dict[_Suspect, str]:
    """Halve every group that is refused until it is one alone. Groups that Envoy takes are cleared at once."""
    found: dict[_Suspect, str] = {}
    groups = [suspects] if suspects else []
    while groups:
        group = groups.pop()
        if trials.made >= MAX_TRIALS:
            words = f"Envoy refuses {part} together with others, and there are too many to try each."
            found |= dict.fromkeys(group, words)
        elif (complaint := refusal(group)) is None:
            continue
        elif len(group) == 1:
            found[group[0]] = f"Envoy refuses {part}: {complaint or 'it left no word in its log'}."
        else:
            middle = len(group) // 2
            groups += [group[middle:], group[:middle]]
    return found
