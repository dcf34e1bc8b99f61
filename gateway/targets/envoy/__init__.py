"""The default target: one Envoy process fed by files (xDS over the filesystem).

Order of use: `render` a Snapshot, `write_resources`, `write_bootstrap`, then start `envoy_command`; from then on only
`render` and `write_resources`. Envoy needs nothing else, so it restarts and serves while the portal is down.
"""

from gateway.targets.envoy.files import digest, render, render_deny, write_bootstrap, write_resources
from gateway.targets.envoy.options import Address, EnvoyOptions, envoy_binary, envoy_command

__all__ = [
    "Address",
    "EnvoyOptions",
    "digest",
    "envoy_binary",
    "envoy_command",
    "render",
    "render_deny",
    "write_bootstrap",
    "write_resources",
]
