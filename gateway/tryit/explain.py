"""A refusal in the words of "why was I refused", without waiting for the gateway's log."""

from dataclasses import replace

from apis.models import ApiVersion, Operation
from gateway.why.answer import about
from gateway.why.asked import Asked
from gateway.why.subject import Subject, of_pasted
from keymanager import signing
from portal.accounts.models import User
from portal.errors import PorticoError

from .answer import Refusal
from .proof import Proof


def explained(
    refusal: Refusal,
    *,
    version: ApiVersion,
    operation: Operation | None,
    environment: str,
    proof: Proof,
    by: User,
) -> Refusal:
    """The refusing link of the chain as it stands now, where it is the one that refused; else as it was."""
    subject = Subject(
        environment=environment,
        path=version.base_path + (operation.path if operation else ""),
        method=operation.method if operation else "",
        version=version,
        operation=operation,
        called=True,
    )
    try:
        _identify(subject, proof, by)
        found = about(subject, by)
    except PorticoError:
        # Somebody else's credential: what the gateway itself said is all that they may know.
        return refusal
    if found.reason != refusal.reason:
        return refusal
    return replace(refusal, title=found.title, text=found.text, remedy=found.remedy)


def _identify(subject: Subject, proof: Proof, by: User) -> None:
    if proof.application:
        subject.application, subject.proof = proof.application, True
        subject.claims = signing.verify(proof.token)
    elif proof.key or proof.token:
        known = of_pasted(Asked(key=proof.key, token=proof.token), by)
        subject.credential, subject.application = known.credential, known.application
        subject.claims, subject.proof, subject.refused = known.claims, True, known.refused
