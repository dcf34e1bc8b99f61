"""The words of APIs in rows of their own, and triggers that work once: a first load inserts, and updates nothing."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.db import migrations, models

MOVE = """
INSERT INTO apis_apiwords (api_id, vector, text) SELECT id, coalesce(search, ''), search_text FROM apis_api;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
DROP TRIGGER apis_api_words_of_changed ON apis_api;
DROP TRIGGER apis_api_words_of_new ON apis_api;
"""
MOVE_BACK = """
UPDATE apis_api SET search = vector, search_text = text FROM apis_apiwords WHERE api_id = id;
CREATE TRIGGER apis_api_words_of_new AFTER INSERT ON apis_api REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION apis_note_words();
CREATE TRIGGER apis_api_words_of_changed AFTER UPDATE ON apis_api REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION apis_note_words();
"""
WORDS = r"""
CREATE FUNCTION apis_add_words(texts text[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO apis_word (word)
    SELECT found.word
    FROM (SELECT DISTINCT regexp_split_to_table(lower(text), '\W+') AS word FROM unnest(texts) AS text) AS found
    WHERE length(found.word) BETWEEN 3 AND 40
        AND found.word !~ '\d'
        AND NOT EXISTS (SELECT 1 FROM apis_word known WHERE known.word = found.word);
$$;
CREATE FUNCTION apis_note_new_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM apis_add_words(ARRAY(SELECT text FROM new_rows));
    RETURN NULL;
END
$$;
CREATE FUNCTION apis_note_changed_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM apis_add_words(ARRAY[NEW.text]);
    RETURN NULL;
END
$$;
CREATE TRIGGER apis_apiwords_new AFTER INSERT ON apis_apiwords REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION apis_note_new_words();
CREATE TRIGGER apis_apiwords_changed AFTER UPDATE ON apis_apiwords
    FOR EACH ROW WHEN (OLD.text IS DISTINCT FROM NEW.text) EXECUTE FUNCTION apis_note_changed_words();
"""
NO_WORDS = """
DROP TRIGGER apis_apiwords_changed ON apis_apiwords;
DROP TRIGGER apis_apiwords_new ON apis_apiwords;
DROP FUNCTION apis_note_changed_words();
DROP FUNCTION apis_note_new_words();
DROP FUNCTION apis_add_words(text[]);
"""
# A new row has its stamp by default.
STAMPED = """
DROP TRIGGER {table}_stamp ON {table};
CREATE TRIGGER {table}_stamp BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION apis_stamp();
"""
TABLES = ("apis_api", "apis_apiversion", "apis_plan")
# So that it can be told what every reader has seen.
DATED = "ALTER TABLE apis_removed ADD COLUMN removed_at timestamptz NOT NULL DEFAULT now()"
NOT_DATED = "ALTER TABLE apis_removed DROP COLUMN removed_at"


class Migration(migrations.Migration):
    dependencies = [("apis", "0006_how_changes_are_taken")]
    operations = [
        migrations.CreateModel(
            name="ApiWords",
            fields=[
                (
                    "api",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="words",
                        serialize=False,
                        to="apis.api",
                    ),
                ),
                ("vector", django.contrib.postgres.search.SearchVectorField()),
                (
                    "text",
                    models.TextField(
                        help_text="The words that typing errors are compared with: names, summary, tags."
                    ),
                ),
            ],
            options={
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(fields=["vector"], name="api_words_vector")
                ],
            },
        ),
        migrations.RunSQL(MOVE, MOVE_BACK),
        migrations.RunSQL(WORDS, NO_WORDS),
        # The index in memory answers for both.
        migrations.RemoveIndex("api", "api_search"),
        migrations.RemoveIndex("api", "api_tags"),
        migrations.RemoveField("api", "search"),
        migrations.RemoveField("api", "search_text"),
        *(
            migrations.RunSQL(
                STAMPED.format(table=table, when="UPDATE"),
                STAMPED.format(table=table, when="INSERT OR UPDATE"),
            )
            for table in TABLES
        ),
        migrations.RunSQL(DATED, NOT_DATED),
    ]
