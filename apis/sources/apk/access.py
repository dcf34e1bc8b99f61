"""Subscription and ApplicationMapping of cp.wso2.com: who the cluster's own gateway lets call which API.

Portico shows them and enforces nothing of them. APK 1.3 ignores `subscriptionStatus`, and takes `api.version` as an
expression that may fit anywhere in a version; both are shown as the objects state them.
"""

from collections.abc import Iterator

from apis.sources.apk.kinds import APPLICATIONS, CP, MAPPINGS, SUBSCRIPTIONS, attached, newest
from apis.sources.apk.values import mapping
from apis.sources.fields import Fields, Report, plain_text, ref_of
from apis.sources.published import PublishedAccess, Reading
from apis.sources.source import LookUp, Target
from portal.kube import Kind, KubeObject


def mapping_targets(obj: KubeObject) -> Iterator[Target]:
    """The Subscription and the Application that an ApplicationMapping joins."""
    spec = mapping(obj.body.get("spec"))
    for field, kind in (("subscriptionRef", "Subscription"), ("applicationRef", "Application")):
        if name := plain_text(spec.get(field), 253):
            yield Target(CP, kind, obj.namespace, name)


def read_subscription(obj: KubeObject, look_up: LookUp) -> Reading:
    """A Subscription that no ApplicationMapping gives to an application; otherwise the mapping is what is shown."""
    report = Report(obj)
    access = access_of(obj, obj, None, report)
    if report.problems or attached(look_up, MAPPINGS, obj):
        return Reading((), report.problems)
    return Reading((access,))


def read_mapping(obj: KubeObject, look_up: LookUp) -> Reading:
    """An ApplicationMapping: an application may call what a subscription names."""
    report = Report(obj)
    spec = Fields(obj.body.get("spec"), "spec", report)
    subscription = joined(spec, "subscriptionRef", SUBSCRIPTIONS, obj, look_up)
    application = joined(spec, "applicationRef", APPLICATIONS, obj, look_up)
    if subscription is None or application is None:
        return Reading((), report.problems)
    access = access_of(obj, subscription, application, report)
    return Reading((), report.problems) if report.problems else Reading((access,))


def joined(
    spec: Fields, field: str, kinds: tuple[Kind, ...], obj: KubeObject, look_up: LookUp
) -> KubeObject | None:
    """One of the two objects that a mapping names."""
    name = spec.text(field, most=253)
    if not name:
        spec.missing(field, f"Name the {kinds[0].kind}.")
        return None
    found = newest(look_up, kinds, obj.namespace, name)
    if found is None:
        message = f"{kinds[0].kind} {obj.namespace}/{name} is not there"
        spec.report.add(spec.at(field), message, "Create it, or name another one. Portico will notice.")
    return found


def access_of(
    obj: KubeObject, subscription: KubeObject, application: KubeObject | None, report: Report
) -> PublishedAccess:
    """What the objects say together."""
    spec = mapping(subscription.body.get("spec"))
    api = Fields(spec.get("api"), "spec.api", report)
    if not api.has("name"):
        place = f"Subscription {subscription.namespace}/{subscription.name} names no API"
        report.add("spec.api.name", place, "Give the name of the API in the Subscription.")
    who = mapping(application.body.get("spec")) if application else {}
    limit = mapping(spec.get("ratelimitRef"))
    return PublishedAccess(
        ref=ref_of(obj),
        api=api.text("name", most=200),
        version=api.text("version", most=200),
        application=(plain_text(who.get("name"), 200) or application.name) if application else "",
        owner=plain_text(who.get("owner"), 200),
        plan=plain_text(limit.get("name"), 200),
        status=plain_text(spec.get("subscriptionStatus"), 100),
    )
