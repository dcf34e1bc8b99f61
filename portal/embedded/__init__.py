"""Everything `manage.py up` runs on one machine: Postgres, Envoy, web, worker, beat, watch, gateway agent, demo backend."""
