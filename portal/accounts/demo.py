"""Demo mode's people, teams and namespace grants, made once and left alone afterwards."""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction

from . import actions
from .models import Membership, NamespaceGrant, Team, TeamRole, User


@dataclass(frozen=True, slots=True)
class Person:
    """One demo person: what they show, and their role in one team."""

    name: str
    email: str
    role: str
    team: str = ""
    team_role: str = TeamRole.MAINTAINER
    is_admin: bool = False


PEOPLE = (
    Person(
        "Mara Lindqvist",
        "consumer@demo.portico",
        "consumer, owner of the team Web shop",
        "web-shop",
        TeamRole.OWNER,
    ),
    Person("Aiko Brandt", "publisher@demo.portico", "publisher, all demo APIs", "storefront"),
    Person("Dele Okafor", "admin@demo.portico", "platform admin", is_admin=True),
)
TEAMS = {
    "web-shop": "Web shop",
    "storefront": "Storefront",
    "payments": "Payments",
    "fulfilment": "Fulfilment",
    "identity": "Identity",
}
# Namespaces of the demo manifests; identity decides by hand what it publishes.
GRANTS = {"storefront": True, "payments": True, "fulfilment": True, "identity": False}


def seed(passwords: Path) -> None:
    """Create what is missing. Passwords are drawn once and kept in `passwords`, readable by its owner only."""
    known: dict[str, str] = json.loads(passwords.read_text()) if passwords.exists() else {}
    for person in PEOPLE:
        known.setdefault(
            person.email, "-".join(secrets.choice(WORDS) for _ in range(3)) + f"-{secrets.randbelow(90) + 10}"
        )
    passwords.parent.mkdir(parents=True, exist_ok=True)
    passwords.touch(mode=0o600)
    passwords.write_text(json.dumps(known))
    with transaction.atomic():
        teams = {
            slug: Team.objects.get_or_create(slug=slug, defaults={"name": name})[0]
            for slug, name in TEAMS.items()
        }
        for person in PEOPLE:
            _person(person, teams, known[person.email])
        publisher = User.objects.get(email=PEOPLE[1].email)
        for namespace, auto_publish in GRANTS.items():
            Membership.objects.get_or_create(
                team=teams[namespace], user=publisher, defaults={"role": TeamRole.MAINTAINER}
            )
            if not NamespaceGrant.objects.filter(cluster=settings.CLUSTER_NAME, namespace=namespace).exists():
                actions.grant_namespace(
                    cluster=settings.CLUSTER_NAME,
                    namespace=namespace,
                    team=teams[namespace],
                    auto_publish=auto_publish,
                    by=None,
                )


def people(passwords: Path) -> list[dict[str, str]]:
    """Name, email, password and role of each demo person, for the start's last lines."""
    known = json.loads(passwords.read_text())
    return [
        {"name": person.name, "email": person.email, "password": known[person.email], "role": person.role}
        for person in PEOPLE
    ]


def _person(person: Person, teams: dict[str, Team], password: str) -> None:
    user = User.objects.filter(email=person.email).first()
    if user is None:
        user = User.objects.create_user(person.email, password, name=person.name, is_admin=person.is_admin)
        actions.welcome(user=user)
    elif not user.check_password(password):
        # The state directory was emptied, the database was not: the printed password has to work.
        user.set_password(password)
        user.save(update_fields=["password"])
    EmailAddress.objects.get_or_create(
        user=user, email=user.email, defaults={"verified": True, "primary": True}
    )
    if person.team:
        Membership.objects.get_or_create(
            team=teams[person.team], user=user, defaults={"role": person.team_role}
        )


WORDS = [
    "amber",
    "basalt",
    "birch",
    "brook",
    "cedar",
    "clover",
    "cobalt",
    "copper",
    "coral",
    "dune",
    "ember",
    "fern",
    "fjord",
    "flint",
    "garnet",
    "ginger",
    "harbor",
    "hazel",
    "heron",
    "indigo",
    "iris",
    "ivory",
    "jasper",
    "juniper",
    "kelp",
    "lagoon",
    "larch",
    "lichen",
    "linen",
    "lotus",
    "maple",
    "marble",
    "meadow",
    "moss",
    "nectar",
    "oak",
    "olive",
    "onyx",
    "opal",
    "orchid",
    "otter",
    "pebble",
    "pine",
    "plume",
    "quartz",
    "raven",
    "reed",
    "river",
    "saffron",
    "sage",
    "sandal",
    "shale",
    "sienna",
    "slate",
    "sorrel",
    "spruce",
    "storm",
    "sumac",
    "swift",
    "talc",
    "teak",
    "thyme",
    "topaz",
    "tulip",
    "umber",
    "velvet",
    "violet",
    "walnut",
    "willow",
    "wren",
    "yarrow",
    "zinc",
]
