"""What a publisher asks of whoever wants access: a small part of JSON Schema, read strictly. No database.

A form is one flat object. Each property is a question: text (`maxLength`, `minLength`, `enum`, or `format` email, uri or
date), a number or an integer (`minimum`, `maximum`), or a yes or no (`const: true`: it must be yes). Every keyword that is
not understood is refused by name, so that nobody believes in a rule that is not kept; `pattern` among them, because a
regular expression of somebody else may run for ever.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from portal.errors import Invalid

LONGEST_SCHEMA = 20_000
MOST_QUESTIONS = 20
MOST_CHOICES = 50
LONGEST_ANSWER = 2000
LONGEST_TITLE, LONGEST_HELP, LONGEST_CHOICE = 120, 500, 120
# Every whole number up to this is exact in JSON's numbers.
LARGEST = 10**15

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}", re.ASCII)
# What neither Postgres nor a page can hold: control characters, and halves of characters.
UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
FORMATS = ("email", "uri", "date")
ROOT = frozenset(
    {"$schema", "type", "title", "description", "properties", "required", "additionalProperties"}
)
OF_ALL = frozenset({"type", "title", "description", "default"})
KEYWORDS = {
    "string": OF_ALL | {"enum", "format", "minLength", "maxLength"},
    "number": OF_ALL | {"minimum", "maximum"},
    "integer": OF_ALL | {"minimum", "maximum"},
    "boolean": OF_ALL | {"const"},
}

Answer = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Question:
    """One property of the schema. `kind` is its JSON type."""

    name: str
    kind: str
    label: str
    help: str = ""
    required: bool = False
    default: Answer | None = None
    choices: tuple[str, ...] = ()
    format: str = ""
    shortest: int = 0
    longest: int = LONGEST_ANSWER
    least: float = -LARGEST
    most: float = LARGEST
    must_agree: bool = False

    def problem(self, answer: object) -> str:
        """Why the answer is none; empty where it is one. None and "" are no answer at all."""
        if answer is None or answer == "":
            return _("It needs an answer.") if self.required else ""
        if self.kind == "boolean":
            return self._problem_of_truth(answer)
        return self._problem_of_text(answer) if self.kind == "string" else self._problem_of_number(answer)

    def _problem_of_truth(self, answer: object) -> str:
        if not isinstance(answer, bool):
            return _("Say true or false.")
        return _("It must be agreed to.") if self.must_agree and not answer else ""

    def _problem_of_number(self, answer: object) -> str:
        if isinstance(answer, bool) or not isinstance(answer, int | float):
            return _("Give a number.")
        if self.kind == "integer" and isinstance(answer, float) and not answer.is_integer():
            return _("Give a whole number.")
        if not self.least <= answer <= self.most:
            return _("Give a number from {least:,} to {most:,}.").format(least=self.least, most=self.most)
        return ""

    def _problem_of_text(self, answer: object) -> str:
        if not isinstance(answer, str):
            return _("Give a text.")
        if len(answer) > self.longest:
            return _("It has {answer:,} characters; at most {longest:,} are taken.").format(
                answer=len(answer), longest=self.longest
            )
        if len(answer) < self.shortest:
            return _("It has {answer:,} characters; at least {shortest:,} are needed.").format(
                answer=len(answer), shortest=self.shortest
            )
        if UNFIT.search(answer):
            return _("It has control characters in it.")
        if self.choices and answer not in self.choices:
            return _("Choose one of: {names}.").format(names=", ".join(self.choices))
        return _problem_of_format(self.format, answer)

    def shown(self, answer: Answer) -> str:
        """The answer as people read it."""
        if isinstance(answer, bool):
            return _("Yes") if answer else _("No")
        return f"{answer:,}" if isinstance(answer, int | float) else answer


def _problem_of_format(form: str, answer: str) -> str:
    if form == "email":
        try:
            validate_email(answer)
        except ValidationError:
            return _("Give an email address.")
    elif form == "uri":
        try:
            parts = urlsplit(answer)
        except ValueError:
            return _("Give a web address.")
        if parts.scheme not in {"http", "https"} or not parts.hostname or " " in answer:
            return _("Give a web address that begins with https:// or http://.")
    elif form == "date":
        try:
            fit = date.fromisoformat(answer).isoformat() == answer
        except ValueError:
            fit = False
        return "" if fit else _("Give a day, as 2027-01-31.")
    return ""


# ---- reading a schema ---------------------------------------------------------------------------------------------
def normalised(text: str) -> str:
    """The schema as it is kept: its keys in the publisher's order. Raises Invalid where `read` does."""
    read(text)
    return json.dumps(json.loads(text), indent=2, ensure_ascii=False)


def read(text: str) -> tuple[Question, ...]:
    """The questions of a schema, in its order.

    Raises:
        Invalid: for `schema`; says which property, which keyword and what is taken instead.
    """
    if len(text) > LONGEST_SCHEMA:
        raise _refused(
            _("The form has {text:,} characters; at most {longest_schema:,} are taken.").format(
                text=len(text), longest_schema=LONGEST_SCHEMA
            )
        )
    try:
        schema = json.loads(text, object_pairs_hook=_pairs, parse_constant=_no_constant)
    except RecursionError:
        raise _refused(_("The form is nested too deeply: it is one flat object.")) from None
    except json.JSONDecodeError as error:
        raise _refused(
            _("Line {lineno}, column {colno}: this is no JSON ({msg}).").format(
                lineno=error.lineno, colno=error.colno, msg=error.msg
            )
        ) from None
    except ValueError as error:  # a number of thousands of digits, and what the two hooks refuse
        raise _refused(_("This is no JSON that can be read: {error}.").format(error=error)) from None
    return _questions(schema)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names one key twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _questions(schema: Any) -> tuple[Question, ...]:
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise _refused(_('The form is one JSON object with "type": "object".'))
    _check_keywords(_("The form"), schema, ROOT)
    _text(_("The form"), schema, "title", LONGEST_TITLE)
    _text(_("The form"), schema, "description", LONGEST_HELP)
    _text(_("The form"), schema, "$schema", LONGEST_TITLE)
    if schema.get("additionalProperties", False) is not False:
        raise _refused(_("additionalProperties can only be false: nothing but the questions is asked."))
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not 0 < len(properties) <= MOST_QUESTIONS:
        raise _refused(
            _("properties names 1 to {most_questions} questions.").format(most_questions=MOST_QUESTIONS)
        )
    required = schema.get("required", [])
    if not isinstance(required, list) or any(name not in properties for name in map(str, required)):
        raise _refused(_("required is a list of names that properties has."))
    return tuple(_question(name, part, name in required) for name, part in properties.items())


def _question(name: str, part: Any, required: bool) -> Question:
    if not NAME.fullmatch(name):
        raise _refused(
            _("“{name}” cannot name a question: letters, digits and _, a letter first, 40 at most.").format(
                name=name[:60]
            )
        )
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(kind, str) or kind not in KEYWORDS:
        raise _refused(
            _("{name}: its type is one of {names}. Lists and objects are not asked for.").format(
                name=name, names=", ".join(KEYWORDS)
            )
        )
    _check_keywords(name, part, KEYWORDS[kind])
    least, most = (
        _number(name, part, keyword, other)
        for keyword, other in (("minimum", -LARGEST), ("maximum", LARGEST))
    )
    question = Question(
        name=name,
        kind=kind,
        label=_text(name, part, "title", LONGEST_TITLE) or name,
        help=_text(name, part, "description", LONGEST_HELP),
        required=required,
        default=part.get("default"),
        choices=_choices(name, part),
        format=_format(name, part),
        shortest=_length(name, part, "minLength", 0),
        longest=_length(name, part, "maxLength", LONGEST_ANSWER),
        least=least,
        most=most,
        must_agree=_must_agree(name, part),
    )
    if question.least > question.most or question.shortest > question.longest:
        raise _refused(
            _("{name}: its lower bound is above its upper one, so there is no answer.").format(name=name)
        )
    if question.default is not None and (problem := question.problem(question.default)):
        raise _refused(
            _("{name}: its default is no answer to it. {problem}").format(name=name, problem=problem)
        )
    return question


def _check_keywords(what: str, part: dict[str, Any], known: frozenset[str]) -> None:
    for keyword in part:
        if keyword == "pattern":
            raise _refused(
                _(
                    "{what}: pattern is not taken, a regular expression may run for ever. Use format, enum or maxLength."
                ).format(what=what)
            )
        if keyword not in known:
            raise _refused(
                _("{what}: {keyword} is not taken. Here stand: {names}.").format(
                    what=what, keyword=keyword[:60], names=", ".join(sorted(known))
                )
            )


def _text(what: str, part: dict[str, Any], keyword: str, longest: int) -> str:
    text = part.get(keyword, "")
    if not isinstance(text, str) or len(text) > longest or UNFIT.search(text):
        raise _refused(
            _("{what}: {keyword} is a text of at most {longest} characters.").format(
                what=what, keyword=keyword, longest=longest
            )
        )
    return text.strip()


def _number(what: str, part: dict[str, Any], keyword: str, other: float) -> float:
    number = part.get(keyword, other)
    if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) <= LARGEST:
        raise _refused(
            _("{what}: {keyword} is a number up to {largest:,}.").format(
                what=what, keyword=keyword, largest=LARGEST
            )
        )
    return number


def _length(what: str, part: dict[str, Any], keyword: str, other: int) -> int:
    number = part.get(keyword, other)
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= LONGEST_ANSWER:
        raise _refused(
            _("{what}: {keyword} is a whole number from 0 to {longest_answer:,}.").format(
                what=what, keyword=keyword, longest_answer=LONGEST_ANSWER
            )
        )
    return number


def _choices(what: str, part: dict[str, Any]) -> tuple[str, ...]:
    choices = part.get("enum", [])
    fit = isinstance(choices, list) and all(
        isinstance(one, str) and 0 < len(one) <= LONGEST_CHOICE and not UNFIT.search(one) for one in choices
    )
    if (
        not fit
        or ("enum" in part and not 0 < len(choices) <= MOST_CHOICES)
        or len(set(choices)) < len(choices)
    ):
        raise _refused(
            _(
                "{what}: enum is a list of 1 to {most_choices} different texts of at most {longest_choice} characters."
            ).format(what=what, most_choices=MOST_CHOICES, longest_choice=LONGEST_CHOICE)
        )
    return tuple(choices)


def _format(what: str, part: dict[str, Any]) -> str:
    form = part.get("format", "")
    if "format" in part and form not in FORMATS:
        raise _refused(_("{what}: format is one of {names}.").format(what=what, names=", ".join(FORMATS)))
    return str(form)


def _must_agree(what: str, part: dict[str, Any]) -> bool:
    if "const" in part and part["const"] is not True:
        raise _refused(_("{what}: const can only be true: a box that must be ticked.").format(what=what))
    return "const" in part


def _refused(message: str) -> Invalid:
    return Invalid(message, field="schema")


# ---- checking answers ---------------------------------------------------------------------------------------------
def problems(questions: tuple[Question, ...], given: Mapping[str, Any]) -> dict[str, str]:
    """name -> what is wrong, for every question without a good answer and every answer without a question."""
    found = {one.name: one.problem(_stripped(given.get(one.name))) for one in questions}
    found |= dict.fromkeys(
        (str(name)[:60] for name in given if name not in {one.name for one in questions}),
        _("It is not asked."),
    )
    return {name: problem for name, problem in found.items() if problem}


def kept(questions: tuple[Question, ...], given: Mapping[str, Any]) -> dict[str, Answer]:
    """The answers as they are kept: only those that were given.

    Raises:
        Invalid: for `answers`; names each question.
    """
    if wrong := problems(questions, given):
        told = " ".join(f"{name}: {problem}" for name, problem in list(wrong.items())[:MOST_QUESTIONS])
        raise Invalid(told, remedy=_("The API's request form says what is asked."), field="answers")
    answers = {one.name: _stripped(given.get(one.name)) for one in questions}
    return {name: answer for name, answer in answers.items() if answer is not None and answer != ""}


def _stripped(answer: Any) -> Any:
    return answer.strip() if isinstance(answer, str) else answer
