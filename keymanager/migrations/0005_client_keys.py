from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("keymanager", "0004_person_grants")]
    operations = [
        migrations.AddField("credential", "client_keys", models.JSONField(blank=True, default=list)),
    ]
