"""A request form as a Django form: it only reads what was typed, the rules are those of `questions`."""

from typing import Any

from django import forms
from django.utils.html import escape
from django.utils.translation import gettext as _

from .questions import Answer, Question, problems

# A text that may be longer than this gets several lines.
ONE_LINE = 200


class AnswersForm(forms.Form):
    """One field for each question. Valid, it has `answers`, as `actions.subscribe` takes them."""

    def __init__(self, *args: Any, questions: tuple[Question, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.questions = questions
        self.answers: dict[str, Answer] = {}
        self.fields.update({one.name: _field(one) for one in questions})

    def clean(self) -> None:
        typed = {one.name: self.cleaned_data.get(one.name) for one in self.questions}
        for name, problem in problems(self.questions, typed).items():
            if name not in self.errors:
                self.add_error(name, problem)
        self.answers = {name: answer for name, answer in typed.items() if answer is not None and answer != ""}


def _field(question: Question) -> forms.Field:
    shared: dict[str, Any] = {
        "label": question.label,
        # Django's template prints help as HTML, because its own has links; this one is somebody's text.
        "help_text": escape(question.help),
        "required": question.required,
        "initial": question.default,
    }
    if question.kind == "boolean":
        return forms.BooleanField(**shared | {"required": question.must_agree and question.required})
    if question.kind == "integer":
        return forms.IntegerField(**shared, widget=forms.NumberInput(_bounds(question)))
    if question.kind == "number":
        return forms.FloatField(**shared, widget=forms.NumberInput({"step": "any"} | _bounds(question)))
    if question.choices:
        nothing = [] if question.required and question.default else [("", _("Choose one"))]
        return forms.ChoiceField(**shared, choices=[*nothing, *((one, one) for one in question.choices)])
    return forms.CharField(**shared, widget=_widget(question))


def _bounds(question: Question) -> dict[str, Any]:
    """Only those that the publisher set."""
    own = Question(name="", kind="", label="")
    return {
        name: value
        for name, value, free in (("min", question.least, own.least), ("max", question.most, own.most))
        if value != free
    }


def _widget(question: Question) -> forms.Widget:
    lengths = {
        "maxlength": question.longest,
        **({"minlength": question.shortest} if question.shortest else {}),
    }
    if question.format == "date":
        return forms.DateInput({"type": "date"})
    if question.format:
        return {"email": forms.EmailInput, "uri": forms.URLInput}[question.format](lengths)
    return forms.TextInput(lengths) if question.longest <= ONE_LINE else forms.Textarea(lengths | {"rows": 3})
