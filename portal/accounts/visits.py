"""When somebody was here before, so that pages can say what is new since."""

from datetime import datetime, timedelta

from django.utils import timezone

from .models import User, Viewer

# A visit ends with half an hour of silence. That it goes on is noted at most this often.
SILENCE, NOTED = timedelta(minutes=30), timedelta(minutes=10)
# What is new to whoever was never here before, or has not signed in.
RECENT = timedelta(days=14)


def last_visit(user: Viewer) -> datetime:
    """When the visit before this one ended. Notes that the person is here now: one write in ten minutes, no question."""
    now = timezone.now()
    if not user.is_authenticated:
        return now - RECENT
    noted = user.visited_at
    if noted is None or now - noted > NOTED:
        if noted is None or now - noted > SILENCE:
            user.last_visit_at = noted
        user.visited_at = now
        known = User.objects.filter(pk=user.pk, visited_at=noted)
        known.update(visited_at=now, last_visit_at=user.last_visit_at)
    return user.last_visit_at or now - RECENT
