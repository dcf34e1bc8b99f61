"""WSDL 1.1 (https://www.w3.org/TR/wsdl): the operations of its bindings, or of its port types where there is none.

The text is read as a stream of elements. Document types, and with them every entity, are refused; imports are found
and not followed.
"""

from dataclasses import dataclass, field
from xml.parsers import expat

from apis.definitions.parsed import Definition, Finding, Operation, Server
from apis.definitions.reader import (
    LONGEST_LINE,
    LONGEST_NAME,
    LONGEST_TEXT,
    LONGEST_URL,
    MOST_FINDINGS,
    MOST_OPERATIONS,
    MOST_SCHEMAS,
    MOST_SERVERS,
)
from portal.safeyaml import BadYaml

WSDL = "http://schemas.xmlsoap.org/wsdl/"
SOAP = ("http://schemas.xmlsoap.org/wsdl/soap/", "http://schemas.xmlsoap.org/wsdl/soap12/")
XSD = "http://www.w3.org/2001/XMLSchema"
REMEDY = "Mend the WSDL document."
MAX_DEPTH = 200
# Expat writes the address of its namespace out before each name.
LONGEST_QUALIFIED = 1000


def parse_wsdl(text: str) -> Definition:
    """The definition. Raises Invalid with the line where the text is not WSDL 1.1, or has a document type."""
    reading = _Reading()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    reading.parser = parser
    parser.StartDoctypeDeclHandler = reading.doctype
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.characters
    try:
        parser.Parse(text.removeprefix("\ufeff").encode(), True)
    except expat.ExpatError as error:
        raise BadYaml(expat.ErrorString(error.code), line=error.lineno, remedy=REMEDY) from None
    except UnicodeError:
        raise BadYaml("the text is not valid Unicode") from None
    return reading.definition()


@dataclass
class _Stated:
    """What one operation says, in its port type or its binding."""

    action: str = ""
    description: str = ""


@dataclass
class _Reading:
    """What the elements so far have said."""

    parser: expat.XMLParserType = field(init=False)
    open: list[str] = field(default_factory=list)
    name: str = ""
    description: str = ""
    bound: dict[str, _Stated] = field(default_factory=dict)
    abstract: dict[str, _Stated] = field(default_factory=dict)
    servers: dict[str, None] = field(default_factory=dict)
    schemas: dict[str, None] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    stated: _Stated | None = None

    def doctype(self, *_: object) -> None:
        message = "A document type is not allowed, and with it no entity"
        raise BadYaml(message, line=self.line, remedy="Take the <!DOCTYPE> out.")

    @property
    def line(self) -> int:
        return self.parser.CurrentLineNumber

    def find(self, code: str, message: str) -> None:
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(code, message, self.line))

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if not self.open and name != f"{WSDL} definitions":
            raise BadYaml("This XML is not WSDL 1.1", line=self.line, remedy=REMEDY)
        if len(self.open) >= MAX_DEPTH:
            raise BadYaml(f"nested more than {MAX_DEPTH} levels deep", line=self.line)
        if len(name) > LONGEST_QUALIFIED or any(len(key) > LONGEST_QUALIFIED for key in attributes):
            raise BadYaml("a name, with its namespace, is too long", line=self.line, remedy=REMEDY)
        namespace, _, local = name.rpartition(" ")
        if namespace == WSDL:
            self._start_wsdl(local, attributes)
        elif namespace in SOAP:
            self._start_soap(local, attributes)
        elif namespace == XSD:
            self._start_schema(local, attributes)
        self.open.append(name)

    def end(self, name: str) -> None:
        self.open.pop()
        if name == f"{WSDL} operation":
            self.stated = None

    def characters(self, text: str) -> None:
        if self.open[-1:] != [f"{WSDL} documentation"]:
            return
        if self.stated is not None:
            self.stated.description = appended(self.stated.description, text)
        elif len(self.open) == 2:
            self.description = appended(self.description, text)

    def definition(self) -> Definition:
        # A binding names what its port type describes.
        stated = self.bound or self.abstract
        if not stated:
            self.findings.append(
                Finding("no-operations", "The document has no operation that can be called", 1)
            )
        return Definition(
            format="wsdl-1.1",
            title=self.name[:LONGEST_NAME],
            description=self.description.strip(),
            servers=tuple(Server(url) for url in self.servers),
            operations=tuple(self._made(name, entry) for name, entry in stated.items()),
            findings=tuple(self.findings),
            schemas=tuple(self.schemas),
        )

    def _made(self, name: str, stated: _Stated) -> Operation:
        described = self.abstract.get(name, stated).description or stated.description
        text = described.strip()
        summary = " ".join(text.split("\n", 1)[0].split())[:LONGEST_LINE]
        return Operation("SOAP", name, stated.action[:LONGEST_NAME], summary, text)

    def _start_wsdl(self, local: str, attributes: dict[str, str]) -> None:
        if local == "definitions":
            self.name = attributes.get("name", "")
        elif local == "service":
            self.name = attributes.get("name") or self.name
        elif local == "import":
            self._import(attributes.get("location", ""))
        elif local == "operation":
            known = self.bound if self.open[-1:] == [f"{WSDL} binding"] else self.abstract
            name = attributes.get("name", "")
            if not name or len(name) > LONGEST_NAME:
                message = "An operation has no name, or one too long, and is left out"
                self.find("operation-without-name", message)
                return
            if len(known) >= MOST_OPERATIONS and name not in known:
                message = (
                    f"The document has more than {MOST_OPERATIONS:,} operations; the others are left out"
                )
                self.find("too-many-operations", message)
                return
            self.stated = known.setdefault(name, _Stated())

    def _start_soap(self, local: str, attributes: dict[str, str]) -> None:
        if local == "operation" and self.stated is not None:
            self.stated.action = self.stated.action or attributes.get("soapAction", "")
        elif local == "address" and attributes.get("location") and len(self.servers) < MOST_SERVERS:
            self.servers[attributes["location"][:LONGEST_URL]] = None

    def _start_schema(self, local: str, attributes: dict[str, str]) -> None:
        if self.open[-1:] != [f"{XSD} schema"]:
            return
        if local in ("import", "include") and "schemaLocation" in attributes:
            self._import(attributes["schemaLocation"])
        elif local in ("element", "complexType", "simpleType") and len(self.schemas) < MOST_SCHEMAS:
            self._name(attributes)

    def _name(self, attributes: dict[str, str]) -> None:
        if "name" in attributes:
            self.schemas[attributes["name"][:LONGEST_NAME]] = None

    def _import(self, location: str) -> None:
        self.find("external-ref", f"The import of {location[:200]} leaves the document and is not followed")


def appended(before: str, text: str) -> str:
    """A description with more text, no longer than it may be."""
    return before if len(before) >= LONGEST_TEXT else (before + text)[:LONGEST_TEXT]
