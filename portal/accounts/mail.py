"""Demo mode's mail: kept in the portal, read at /mail/."""

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from .models import PortalMail


class PortalBackend(BaseEmailBackend):
    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            PortalMail.objects.create(
                to=", ".join(message.recipients())[:500],
                subject=str(message.subject)[:500],
                text=str(message.body),
            )
        return len(email_messages)
