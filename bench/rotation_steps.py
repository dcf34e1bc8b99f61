"""What a person cannot do in a minute, done in a running portal's database by its own actions.

`python -m bench.rotation_steps rotate <credential> <seconds>`: an overlap shorter than the portal offers. Prints the new
one's id and secret when it may be shown, and the end of the old one.
`… publish-long-ago`: the next signing key becomes one that everybody knows.
`… forget-retired`: the retired signing keys become ones whose tokens have all ended.
"""

import json
import os
import sys


def main(step: str, *arguments: str) -> dict[str, object]:
    steps = {"rotate": rotate, "publish-long-ago": publish_long_ago, "forget-retired": forget_retired}
    return steps[step](*arguments)


def rotate(public_id: str, seconds: str) -> dict[str, object]:
    from keymanager import actions
    from keymanager.models import Credential
    from keymanager.signals import credential_shown
    from portal.accounts.models import User

    overlap = int(seconds)
    actions.OVERLAPS[overlap] = f"{overlap} seconds"
    credential = Credential.objects.get(public_id=public_id)
    by = User.objects.filter(is_admin=True).order_by("pk")[0]
    issued = actions.rotate(credential=credential, overlap=overlap, by=by)
    credential_shown.send(sender=Credential, instance=issued.credential)
    credential.refresh_from_db()
    return {
        "id": issued.credential.public_id,
        "secret": issued.secret,
        "ends": credential.retires_at.timestamp(),
    }


def publish_long_ago() -> dict[str, object]:
    return _aged("next", "created_at", "JWKS_CACHE_SECONDS")


def forget_retired() -> dict[str, object]:
    return _aged("retired", "retired_at", "MAX_TOKEN_SECONDS")


def _aged(status: str, field: str, setting: str) -> dict[str, object]:
    from django.conf import settings
    from django.utils import timezone

    from gateway import actions
    from keymanager.models import SigningKey

    age = timezone.timedelta(seconds=getattr(settings, setting) + 61)
    count = SigningKey.objects.filter(status=status).update(**{field: timezone.now() - age})
    actions.notify()
    return {"keys": count}


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    import django

    django.setup()
    print(json.dumps(main(*sys.argv[1:])))
