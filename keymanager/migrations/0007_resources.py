from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("keymanager", "0006_device_requests"),
        ("subscriptions", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.AddField(
            model_name="consent",
            name="resources",
            field=models.TextField(
                blank=True,
                default="",
                help_text="Base URLs of APIs (RFC 8707), likewise; none: all of the application's.",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="devicerequest",
            name="resources",
            field=models.TextField(blank=True, default=""),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="persongrant",
            name="resources",
            field=models.TextField(blank=True, default=""),
            preserve_default=False,
        ),
        migrations.RemoveConstraint(model_name="consent", name="consent_once_per_person"),
        migrations.AddConstraint(
            model_name="consent",
            constraint=models.UniqueConstraint(
                fields=["user", "application", "environment", "resources"], name="consent_once_per_person"
            ),
        ),
    ]
