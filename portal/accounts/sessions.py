"""Django's sessions in the database, without the cookie's value in it: a row, a backup or a log opens nobody's session."""

import hashlib

from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import connection
from django.utils import timezone

_READ = "SELECT session_data, expire_date FROM {table} WHERE session_key = %s AND expire_date > %s"


class SessionStore(db.SessionStore):
    """Keeps a session under the hash of its key. The portal is WSGI: only the methods without async are used."""

    def _get_session_from_db(self) -> AbstractBaseSession | None:
        row = self._read() if self.session_key else None
        if row is None:
            self._session_key = None
        return row

    def _read(self) -> AbstractBaseSession | None:
        """By a statement of our own: each request begins with it, and writing it down took the ORM half of its time."""
        key = stored(self.session_key)
        with connection.cursor() as cursor:
            cursor.execute(_READ.format(table=self.model._meta.db_table), [key, timezone.now()])
            found = cursor.fetchone()
        return self.model(key, *found) if found else None

    def exists(self, session_key: str) -> bool:
        return super().exists(stored(session_key))

    def create_model_instance(self, data: dict[str, object]) -> AbstractBaseSession:
        row = super().create_model_instance(data)
        row.session_key = stored(row.session_key)
        return row

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            super().delete(stored(key))


def stored(session_key: str | None) -> str:
    """160 bits of its SHA-256: the column has room for 40 characters. The key itself has 165 bits of chance."""
    return hashlib.sha256((session_key or "").encode()).hexdigest()[:40]
