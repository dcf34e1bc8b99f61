"""Actions that stay in sight where they cannot be done, and say why."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from portal.accounts.models import Team
from portal.accounts.roles import Permission, can, who_has
from portal.templatetags.portico import icon

register = template.Library()


@register.simple_tag(takes_context=True)
def act(
    context: template.Context,
    address: str,
    label: str,
    permission: str = "",
    team: Team | None = None,
    *,
    kind: str = "",
    icon_name: str = "",
    of: str = "",
    why: str = "",
) -> SafeString:
    """A link that looks like a button, for those who have the permission (its name) in the team.

    For everybody else, and for whom `why` is given, it leads nowhere and says so. `of` names for assistive technology
    what it is done to; `kind` are the variants of .btn.
    """
    classes = f"btn {kind}".strip()
    drawn = icon(icon_name) if icon_name else ""
    about = format_html('<span class="vh"> {}</span>', of) if of else ""
    if not why and permission:
        why = refusal(context, Permission[permission], team)
    if not why:
        return format_html('<a class="{}" href="{}">{}{}{}</a>', classes, address, drawn, label, about)
    return format_html(
        '<span class="tip why"><a class="{}" role="link" aria-disabled="true" tabindex="0">{}{}{}'
        '<span class="vh">. {}</span></a><span role="tooltip" aria-hidden="true">{}</span></span>',
        classes.replace(" primary", ""),
        drawn,
        label,
        about,
        why,
        why,
    )


@register.simple_tag(takes_context=True)
def refused(context: template.Context, permission: str, team: Team | None = None) -> str:
    """Why the reader may not do what the permission (its name) allows; empty where they may."""
    return refusal(context, Permission[permission], team)


def refusal(context: template.Context, permission: Permission, team: Team | None) -> str:
    """Why the reader may not; empty where they may."""
    if can(context["request"].user, permission, team):
        return ""
    said = _("Only {who} of {team} may {permission}") if team else _("Only {who} may {permission}")
    return said.format(who=who_has(permission), team=team.name if team else "", permission=_(permission))
