"""What goes through the gateway, counted exactly once.

`access_log` reads and rotates Envoy's log, `lines` understands it, `tally` adds up, `store` saves counts and position in
one transaction, `tail` is the loop round them; `rollups`, `quotas`, `reports` and `charts` live from the counts.
"""
