"""Who is asking."""

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from rest_framework.request import Request

from portal.errors import Forbidden

from .models import User


def person(request: HttpRequest | Request) -> User:
    """The signed-in person of a page's or a REST view's request. Raises Forbidden where nobody is signed in."""
    user = request.user
    if not isinstance(user, User):
        raise Forbidden(_("Nobody is signed in."), remedy=_("Sign in, or send a token."))
    return user


def people_deletable_by(by: User) -> QuerySet[User]:
    """Oneself; an admin may delete anybody."""
    return User.objects.all() if by.is_admin else User.objects.filter(pk=by.pk)
