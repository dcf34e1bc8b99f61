"""One package per gateway product; each renders a `gateway.snapshot.Snapshot`."""
