"""Every write about a request form."""

from django.db import transaction

from apis.models import Api
from apis.permissions import check_can_publish
from portal.accounts.audit import record
from portal.accounts.models import User

from ..models import RequestForm
from .questions import normalised


@transaction.atomic
def set_request_form(*, api: Api, schema: str, by: User) -> RequestForm | None:
    """Ask this of everybody who wants access from now on; "" asks nothing. Answers that were given stay as they are.

    Raises:
        Invalid: `questions.read` does not take the schema.
    """
    # Two publishers at once: the second waits, so that each form has its number.
    api = Api.objects.select_for_update(of=("self",)).select_related("team").get(pk=api.pk)
    check_can_publish(by, api)
    text = normalised(schema) if schema.strip() else ""
    newest = api.request_forms.first()
    if text == (newest.schema if newest else ""):
        return newest
    form = api.request_forms.create(number=newest.number + 1 if newest else 1, schema=text, created_by=by)
    event = "request_form_changed" if text else "request_form_removed"
    record(event, api, by=by, team=api.team, number=form.number)
    return form
