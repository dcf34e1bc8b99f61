"""Measurements. `make bench` runs every group, `make bench ONLY=start` one. A group is a module here with `run(recorder)`."""
