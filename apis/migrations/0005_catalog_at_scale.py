"""What the catalog's index follows (apis.index), and the words that typing errors are compared with (apis.search).

Both are kept by triggers, so that whatever writes a row, in bulk or by itself, is followed. Neither is a model: no
Python code writes them.
"""

from django.db import migrations

# Each row carries the transaction that wrote it; xid8 does not wrap around.
STAMP = """
CREATE FUNCTION apis_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_in := pg_current_xact_id();
    RETURN NEW;
END
$$;
"""
STAMPED = """
ALTER TABLE {table} ADD COLUMN changed_in xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX {table}_changed ON {table} (changed_in);
CREATE TRIGGER {table}_stamp BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION apis_stamp();
"""
NOT_STAMPED = """
DROP TRIGGER {table}_stamp ON {table};
ALTER TABLE {table} DROP COLUMN changed_in;
"""
TABLES = ("apis_api", "apis_apiversion", "apis_plan")

# APIs that were deleted, or lost a version: the index looks at them again.
REMOVED = """
CREATE TABLE apis_removed (api_id bigint NOT NULL, changed_in xid8 NOT NULL DEFAULT pg_current_xact_id());
CREATE INDEX apis_removed_changed ON apis_removed (changed_in);
CREATE FUNCTION apis_note_removed_api() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO apis_removed (api_id) SELECT id FROM old_rows;
    RETURN NULL;
END
$$;
CREATE FUNCTION apis_note_removed_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO apis_removed (api_id) SELECT DISTINCT api_id FROM old_rows;
    RETURN NULL;
END
$$;
CREATE TRIGGER apis_api_removed AFTER DELETE ON apis_api REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION apis_note_removed_api();
CREATE TRIGGER apis_apiversion_removed AFTER DELETE ON apis_apiversion REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION apis_note_removed_version();
"""
NOT_REMOVED = """
DROP TRIGGER apis_apiversion_removed ON apis_apiversion;
DROP TRIGGER apis_api_removed ON apis_api;
DROP FUNCTION apis_note_removed_version();
DROP FUNCTION apis_note_removed_api();
DROP TABLE apis_removed;
"""

# No unique key: two transactions that meet the same new word must not wait for each other. A word may stand here twice.
WORDS = r"""
CREATE TABLE apis_word (word text NOT NULL);
CREATE INDEX apis_word_word ON apis_word (word);
CREATE FUNCTION apis_note_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO apis_word (word)
    SELECT found.word
    FROM (
        SELECT DISTINCT regexp_split_to_table(lower(search_text), '\W+') AS word FROM new_rows
    ) AS found
    WHERE length(found.word) BETWEEN 3 AND 40
        AND found.word !~ '\d'
        AND NOT EXISTS (SELECT 1 FROM apis_word known WHERE known.word = found.word);
    RETURN NULL;
END
$$;
CREATE TRIGGER apis_api_words_of_new AFTER INSERT ON apis_api REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION apis_note_words();
CREATE TRIGGER apis_api_words_of_changed AFTER UPDATE ON apis_api REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION apis_note_words();
INSERT INTO apis_word (word)
SELECT DISTINCT word FROM apis_api, regexp_split_to_table(lower(search_text), '\W+') AS word
WHERE length(word) BETWEEN 3 AND 40 AND word !~ '\d';
DROP INDEX IF EXISTS api_search_text;
DO $do$
BEGIN
    CREATE INDEX apis_word_alike ON apis_word USING gin (word gin_trgm_ops);
EXCEPTION WHEN undefined_object THEN
    RAISE NOTICE 'pg_trgm is not available: search tolerates no typing errors';
END
$do$;
"""
NO_WORDS = """
DROP TRIGGER apis_api_words_of_changed ON apis_api;
DROP TRIGGER apis_api_words_of_new ON apis_api;
DROP FUNCTION apis_note_words();
DROP TABLE apis_word;
"""


class Migration(migrations.Migration):
    dependencies = [("apis", "0004_follow_ten_thousand")]
    operations = [
        migrations.RunSQL(STAMP, "DROP FUNCTION apis_stamp()"),
        *(
            migrations.RunSQL(STAMPED.format(table=table), NOT_STAMPED.format(table=table))
            for table in TABLES
        ),
        migrations.RunSQL(REMOVED, NOT_REMOVED),
        migrations.RunSQL(WORDS, NO_WORDS),
    ]
