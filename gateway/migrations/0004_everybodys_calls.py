from django.db import migrations, models

# The digest is that of gateway.usage.store for a series of everybody's calls.
_SERIES = """
INSERT INTO gateway_callseries (digest, environment, api_id, version_id, operation, everybody)
SELECT left(encode(sha256(convert_to(concat_ws(chr(10), 'everybody', series.environment, coalesce(api.slug, ''),
  coalesce(version.version, ''), series.operation), 'UTF8')), 'hex'), 32), series.environment, series.api_id,
  series.version_id, series.operation, true
FROM gateway_callseries AS series LEFT JOIN apis_api AS api ON api.id = series.api_id
LEFT JOIN apis_apiversion AS version ON version.id = series.version_id
GROUP BY series.environment, series.api_id, series.version_id, series.operation, api.slug, version.version
"""
_BUCKETS = ", ".join(f"sum(latency[{n}])::bigint" for n in range(1, 26))
_COUNTS = f"""
INSERT INTO gateway_%s (series_id, at, status_class, reason, calls, received, sent, latency)
SELECT together.id, at, status_class, reason, sum(calls), sum(received), sum(sent), ARRAY[{_BUCKETS}]
FROM gateway_%s AS counts JOIN gateway_callseries AS own ON own.id = counts.series_id
JOIN gateway_callseries AS together ON together.everybody AND together.environment = own.environment
  AND together.api_id IS NOT DISTINCT FROM own.api_id AND together.version_id IS NOT DISTINCT FROM own.version_id
  AND together.operation = own.operation
WHERE NOT own.everybody GROUP BY together.id, at, status_class, reason
"""


class Migration(migrations.Migration):
    dependencies = [
        ("gateway", "0003_usage_by_series"),
    ]

    operations = [
        migrations.AddField(
            model_name="callseries",
            name="everybody",
            field=models.BooleanField(default=False, help_text="Of all callers together."),
        ),
        migrations.RunSQL(
            [_SERIES, *(_COUNTS % (table, table) for table in ("minutecalls", "hourcalls", "daycalls"))],
            migrations.RunSQL.noop,
        ),
    ]
