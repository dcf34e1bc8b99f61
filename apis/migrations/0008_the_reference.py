"""The parts of definitions that the pages of the Reference are made of."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('apis', '0007_words_apart'),
    ]

    operations = [
        migrations.CreateModel(
            name='DocumentReference',
            fields=[
                ('document', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='reference', serialize=False, to='apis.document')),
                ('edition', models.PositiveSmallIntegerField(help_text='Which way of cutting; parts of another are made anew.')),
                ('failure', models.TextField(blank=True)),
                ('groups', models.JSONField(default=dict)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name='DescribedOperation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField()),
                ('slug', models.CharField(max_length=120)),
                ('method', models.CharField(max_length=12)),
                ('path', models.CharField(max_length=500)),
                ('operation_id', models.CharField(blank=True, max_length=200)),
                ('title', models.CharField(blank=True, max_length=500)),
                ('group', models.CharField(blank=True, max_length=200)),
                ('deprecated', models.BooleanField(default=False)),
                ('body', models.TextField(help_text='JSON, as apis.definitions.reference.parts describes it.')),
                ('document', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='described_operations', to='apis.document')),
            ],
            options={
                'ordering': ['position'],
                'constraints': [models.UniqueConstraint(fields=('document', 'slug'), name='described_operation_once')],
            },
        ),
        migrations.CreateModel(
            name='DescribedSchema',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField()),
                ('slug', models.CharField(max_length=120)),
                ('name', models.CharField(max_length=200)),
                ('body', models.TextField(help_text='JSON, as apis.definitions.reference.parts describes it.')),
                ('document', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='described_schemas', to='apis.document')),
            ],
            options={
                'ordering': ['position'],
                'constraints': [models.UniqueConstraint(fields=('document', 'slug'), name='described_schema_once')],
            },
        ),
    ]
