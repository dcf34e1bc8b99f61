from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_cache_table")]
    operations = [
        migrations.CreateModel(
            name="FailedTries",
            fields=[
                ("key", models.CharField(max_length=160, primary_key=True, serialize=False)),
                ("tries", models.IntegerField()),
                ("ends_at", models.DateTimeField()),
            ],
        ),
    ]
