"""What an API's page shows of its request form."""

from django import template

from apis.models import Api
from subscriptions.models import RequestForm
from subscriptions.request_forms.questions import Question

register = template.Library()


@register.simple_tag
def questions_of(api: Api) -> tuple[Question, ...]:
    """What whoever wants access is asked, in order."""
    form = RequestForm.objects.current_of(api)
    return form.questions if form else ()
