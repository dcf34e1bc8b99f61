"""`Integration` of wso2.com/v1alpha2 and of integration.wso2.com/v1alpha1: no API by itself, a backend that an Api names.

Both operators give an Integration a Service `<name>-service` (pkg/controller/integration/integration_functions.go of
wso2/k8s-api-operator and wso2/k8s-ei-operator) with one port for HTTP and one for each inbound endpoint.
"""

from collections.abc import Iterator
from functools import partial

from apis.sources.addresses import service_url
from apis.sources.fields import SLUG, Fields, Report, plain_text, ref_of
from apis.sources.published import PublishedBackend, Reading
from apis.sources.source import About, LookUp, Source
from portal.kube import Kind, KubeObject

INTEGRATION = Kind(group="wso2.com", version="v1alpha2", kind="Integration", plural="integrations")
EI_INTEGRATION = Kind(
    group="integration.wso2.com", version="v1alpha1", kind="Integration", plural="integrations"
)
# The newer one first: where both have an object of one name, it counts.
KINDS = (INTEGRATION, EI_INTEGRATION)

# What the micro integrator listens on; fixed in the EI operator, the default of the API operator.
HTTP_PORT = 8290
READY = {"Running": True, "NotRunning": False}


def read_integration(obj: KubeObject, look_up: LookUp) -> Reading:
    """One Integration object."""
    report = Report(obj)
    ports = ports_of(obj, report)
    ready, message = readiness_of(obj)
    published = PublishedBackend(
        ref=ref_of(obj),
        name=obj.name,
        url=service_url(service_name(obj), obj.namespace, ports[0]),
        ready=ready,
        message=" ".join(filter(None, (message, inbound_sentence(ports[1:])))),
    )
    return Reading((), report.problems) if report.problems else Reading((published,))


def ports_of(obj: KubeObject, report: Report) -> tuple[int, ...]:
    """The ports of its Service, that for HTTP first, then the inbound endpoints'."""
    spec = Fields(obj.body.get("spec"), "spec", report)
    if obj.kind == EI_INTEGRATION:
        return (HTTP_PORT, *inbound_ports(spec))
    expose = spec.section("expose")
    # The operator takes 0, which Go leaves where nothing is stated, for its default as well.
    stated = expose.number("passthroPort", least=0, most=65_535)
    return (stated or HTTP_PORT, *inbound_ports(expose))


def inbound_ports(fields: Fields) -> Iterator[int]:
    """The stated ports of inbound endpoints."""
    entries = fields.entries("inboundPorts", most=100)
    listed = Fields(
        {str(index): entry for index, entry in enumerate(entries)}, fields.at("inboundPorts"), fields.report
    )
    for index in range(len(entries)):
        port = listed.number(str(index), most=65_535)
        if port:
            yield port


def service_name(obj: KubeObject) -> str:
    """The Service that the operator reports, else the one that it is going to create."""
    status = obj.body.get("status")
    reported = plain_text(status.get("serviceName")) if isinstance(status, dict) else ""
    return reported if SLUG.fullmatch(reported) else f"{obj.name}-service"


def readiness_of(obj: KubeObject) -> tuple[bool | None, str]:
    """Whether its workload runs as the operator reports it, and a sentence where it does not."""
    status = obj.body.get("status")
    stated = plain_text(status.get("readiness"), 100) if isinstance(status, dict) else ""
    ready = READY.get(stated)
    if ready:
        return True, ""
    return (
        ready,
        f"Its operator says: {stated}." if stated else "Its operator has not said yet whether it runs.",
    )


def inbound_sentence(ports: tuple[int, ...]) -> str:
    """What an Api may name besides the port for HTTP."""
    return f"Inbound endpoints listen on {', '.join(map(str, ports[:20]))}." if ports else ""


_about = partial(
    About,
    reads="The Service and its ports, and whether the workload runs.",
    enforced="Requests go there where an Api names it: spec.upstreams.<environment>.integration.",
    shown="Readiness, with each version that goes there.",
)

SOURCES = (
    Source(
        kind=INTEGRATION,
        depends_on=(),
        read=read_integration,
        about=_about(publisher="WSO2 API operator 2.x"),
    ),
    Source(
        kind=EI_INTEGRATION,
        depends_on=(),
        read=read_integration,
        about=_about(publisher="WSO2 EI operator"),
    ),
)
