"""`{% url %}`, which remembers. A builtin of every template (`portal.settings`)."""

from django import template
from django.template.base import Parser, Token
from django.template.defaulttags import URLNode, url as parse
from django.urls import NoReverseMatch
from django.utils.html import conditional_escape

from portal.addresses import address

register = template.Library()


class Address(URLNode):
    """Django's node but for arguments by keyword, which it leaves to it."""

    def render(self, context: template.Context) -> str:
        if self.kwargs:
            return super().render(context)
        name, args = self.view_name.resolve(context), [arg.resolve(context) for arg in self.args]
        try:
            found = address(name, *map(str, args))
        except NoReverseMatch:
            if self.asvar is None:
                raise
            found = ""
        if self.asvar:
            context[self.asvar] = found
            return ""
        return conditional_escape(found) if context.autoescape else found


@register.tag
def url(parser: Parser, token: Token) -> Address:
    node = parse(parser, token)
    return Address(node.view_name, node.args, node.kwargs, node.asvar)
