import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import keymanager.outside.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("apis", "0007_words_apart"),
        ("keymanager", "0008_token_cutoff"),
        ("subscriptions", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        migrations.swappable_dependency(settings.OAUTH2_PROVIDER_APPLICATION_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="TrustedIssuer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "public_id",
                    models.CharField(
                        default=keymanager.outside.models._issuer_id,
                        editable=False,
                        max_length=24,
                        unique=True,
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                ("url", models.CharField(max_length=500)),
                (
                    "audiences",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=500), size=None
                    ),
                ),
                ("client_claim", models.CharField(max_length=120)),
                (
                    "environments",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[("production", "Production"), ("sandbox", "Sandbox")], max_length=10
                        ),
                        size=None,
                    ),
                ),
                (
                    "key_source",
                    models.CharField(
                        choices=[
                            ("discovery", "Fetched by discovery"),
                            ("given", "Given by an administrator"),
                        ],
                        max_length=9,
                    ),
                ),
                ("keys", models.JSONField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("fetched_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("problem", models.TextField(blank=True)),
                ("problem_since", models.DateTimeField(null=True)),
                ("disabled_at", models.DateTimeField(null=True)),
                ("deleted_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["name", "id"],
            },
        ),
        migrations.RemoveConstraint(
            model_name="credential",
            name="credential_is_client_or_key",
        ),
        migrations.AddField(
            model_name="credential",
            name="external_id",
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.AlterField(
            model_name="credential",
            name="kind",
            field=models.CharField(
                choices=[
                    ("oauth_client", "OAuth client"),
                    ("api_key", "API key"),
                    ("external_client", "External client"),
                ],
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="trustedissuer",
            name="created_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="credential",
            name="issuer",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="credentials",
                to="keymanager.trustedissuer",
            ),
        ),
        migrations.AddConstraint(
            model_name="credential",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("external_id", ""),
                        ("issuer__isnull", True),
                        ("kind", "api_key"),
                        ("oauth_application__isnull", True),
                        models.Q(("key_hash", ""), _negated=True),
                    ),
                    models.Q(
                        ("key_hash", ""),
                        ("kind", "oauth_client"),
                        ("oauth_application__isnull", False),
                        ("external_id", ""),
                        ("issuer__isnull", True),
                    ),
                    models.Q(
                        ("issuer__isnull", False),
                        ("key_hash", ""),
                        ("kind", "external_client"),
                        ("oauth_application__isnull", True),
                        models.Q(("external_id", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="credential_is_of_its_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="credential",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("kind", "external_client"), models.Q(("status", "revoked"), _negated=True)
                ),
                fields=("issuer", "external_id", "environment"),
                name="credential_external_client_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="trustedissuer",
            constraint=models.UniqueConstraint(
                condition=models.Q(("deleted_at__isnull", True)),
                fields=("url",),
                name="trusted_issuer_url_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="trustedissuer",
            constraint=models.UniqueConstraint(
                condition=models.Q(("deleted_at__isnull", True)),
                fields=("name",),
                name="trusted_issuer_name_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="trustedissuer",
            constraint=models.CheckConstraint(
                condition=models.Q(("audiences__len__gt", 0), ("environments__len__gt", 0)),
                name="trusted_issuer_is_for_something",
            ),
        ),
        migrations.AddConstraint(
            model_name="trustedissuer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("problem", ""), ("problem_since__isnull", True)),
                    models.Q(models.Q(("problem", ""), _negated=True), ("problem_since__isnull", False)),
                    _connector="OR",
                ),
                name="trusted_issuer_problem_has_time",
            ),
        ),
    ]
