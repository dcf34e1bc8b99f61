import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("keymanager", "0005_client_keys")]
    operations = [
        migrations.CreateModel(
            name="DeviceRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("device_code_hash", models.CharField(max_length=64, unique=True)),
                ("user_code_hash", models.CharField(max_length=64, unique=True)),
                ("scopes", models.TextField(blank=True)),
                (
                    "status",
                    models.CharField(
                        choices=[("pending", "Pending"), ("allowed", "Allowed"), ("denied", "Denied")],
                        default="pending",
                        max_length=8,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("interval", models.PositiveSmallIntegerField()),
                ("asked_at", models.DateTimeField(null=True)),
                (
                    "credential",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="keymanager.credential",
                    ),
                ),
                (
                    "grant",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="device",
                        to="keymanager.persongrant",
                    ),
                ),
            ],
        ),
    ]
