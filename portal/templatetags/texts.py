"""`{% translate %}`, quicker for what it nearly always is: a plain text. A builtin of every template (`portal.settings`)."""

from django import template
from django.template.base import Parser, Token
from django.templatetags.i18n import TranslateNode, do_translate as parse
from django.utils.translation import gettext

register = template.Library()


class Text(template.Node):
    """A text without arguments, which Django would take for a variable each time."""

    def __init__(self, message: str) -> None:
        self.message = message

    def render(self, context: template.Context) -> str:
        return gettext(self.message).replace("%%", "%")


@register.tag
def translate(parser: Parser, token: Token) -> template.Node:
    node: TranslateNode = parse(parser, token)
    text = node.filter_expression
    plain = not (text.filters or node.noop or node.asvar or node.message_context)
    literal = getattr(text.var, "literal", None)
    return Text(literal.replace("%", "%%")) if plain and isinstance(literal, str) else node
