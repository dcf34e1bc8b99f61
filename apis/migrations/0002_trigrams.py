"""Typo-tolerant search, where the server has pg_trgm and lets us use it; search works without."""

from django.db import migrations

CREATE = """
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX api_search_text ON apis_api USING gin (search_text gin_trgm_ops);
EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported THEN
    RAISE NOTICE 'pg_trgm is not available: search tolerates no typing errors';
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("apis", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, "DROP INDEX IF EXISTS api_search_text")]
