"""The Reference of a WSDL 1.1 document: its operations with their messages, and the types of its XML Schemas."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from apis.definitions.reader import LONGEST_NAME, LONGEST_TEXT, Reader
from apis.definitions.reference.parts import OperationPart, Reference, Slugs, encoded, titled
from apis.definitions.reference.schemas import Node, Schemas
from apis.definitions.wsdl import MAX_DEPTH, WSDL, XSD, appended, parse_wsdl
from portal.safeyaml import BadYaml

TYPES = {
    **dict.fromkeys(("byte", "short", "int", "integer", "long", "unsignedByte", "unsignedShort"), "integer"),
    **dict.fromkeys(("unsignedInt", "unsignedLong", "positiveInteger", "nonNegativeInteger"), "integer"),
    **dict.fromkeys(("decimal", "float", "double"), "number"),
    "boolean": "boolean",
}
FORMATS = {"dateTime": "date-time", "date": "date", "time": "time", "anyURI": "uri", "base64Binary": "byte"}
LIMITS = {
    "minLength": "minLength",
    "maxLength": "maxLength",
    "minInclusive": "minimum",
    "maxInclusive": "maximum",
}
NAMED = ("element", "complexType", "simpleType")
GROUPS = ("sequence", "all", "choice", "complexContent", "simpleContent", "extension", "restriction")


@dataclass(slots=True)
class Element:
    """An element of WSDL or XML Schema: its local name, attributes, what is inside, its documentation."""

    name: str
    attributes: dict[str, str]
    inside: list["Element"] = field(default_factory=list)
    text: str = ""

    def each(self, *names: str) -> Iterator["Element"]:
        return (one for one in self.inside if one.name in names)

    def first(self, name: str) -> "Element | None":
        return next(self.each(name), None)


def wsdl_reference(text: str) -> Reference:
    """Every operation and every named type. Raises Invalid for what is no WSDL, as `parse` does."""
    return _Wsdl(text).reference()


class _Wsdl:
    def __init__(self, text: str) -> None:
        self.definition = parse_wsdl(text)
        self.reader = Reader({}, text)
        self.schemas = Schemas(self.reader)
        self.root = tree_of(text)
        self.types: dict[str, Element] = {}
        self.met: dict[str, None] = {}

    def reference(self) -> Reference:
        holders = [inner for types in self.root.each("types") for inner in types.each("schema")]
        for holder in holders:
            for each in holder.each(*NAMED):
                name = each.attributes.get("name", "")[:LONGEST_NAME]
                # An element and its type often have one name: the type says more.
                if name and (name not in self.types or each.name != "element"):
                    self.types[name] = each
        for name, element in self.types.items():
            self.met = {}
            self.schemas.put(name, self._schema(element, 0), list(self.met))
        schemas = self.schemas.parts()
        return Reference(tuple(self._operations()), schemas)

    def _operations(self) -> Iterator[OperationPart]:
        described = {
            each.attributes.get("name", ""): (port.attributes.get("name", ""), each)
            for port in self.root.each("portType")
            for each in port.each("operation")
        }
        messages = {each.attributes.get("name", ""): each for each in self.root.each("message")}
        slugs = Slugs()
        for operation in self.definition.operations:
            group, stated = described.get(operation.path, ("", Element("operation", {})))
            self.met = {}
            bodies = [self._message(each, messages) for each in stated.each("input")]
            responses = [{"code": "", **self._message(each, messages)} for each in stated.each("output")]
            body = {"description": operation.description, "bodies": bodies, "responses": responses}
            body["needs"] = self.schemas.needs(list(self.met))
            yield OperationPart(
                slug=slugs.of(operation.path),
                method=operation.method,
                path=operation.path,
                operation_id=operation.operation_id,
                title=titled(operation.path),
                group=group[:LONGEST_NAME] or "Operations",
                deprecated=False,
                body=encoded(body),
            )

    def _message(self, stated: Element, messages: dict[str, Element]) -> dict[str, Any]:
        """The parts of the message that an input or output names."""
        message = messages.get(local(stated.attributes.get("message", "")))
        media = []
        for part in message.each("part") if message else ():
            wish = part.attributes.get("element") or part.attributes.get("type", "")
            name = local(part.attributes.get("element", "")) or part.attributes.get("name", "part")
            media.append({"type": "text/xml", "name": name[:LONGEST_NAME], "schema": self._typed(wish)})
        return {"media": media}

    def _typed(self, qualified: str) -> Node:
        """A named type, or one of XML Schema's own."""
        self.reader.spend(1)
        name = local(qualified)[:LONGEST_NAME]
        if name in self.types:
            slug = self.schemas.slug_of(name)
            self.met[slug] = None
            return {"$ref": slug}
        made: Node = {"type": [TYPES.get(name, "string")]}
        return made | ({"format": FORMATS[name]} if name in FORMATS else {})

    def _schema(self, element: Element, depth: int) -> Node:
        """An element or a type."""
        self.reader.spend(1)
        if depth > MAX_DEPTH // 4:
            return {"cut": True}
        inner = element.first("complexType") or element.first("simpleType")
        if element.name == "element" and inner is None and "type" in element.attributes:
            made = self._typed(element.attributes["type"])
        elif element.name == "simpleType" or (inner is not None and inner.name == "simpleType"):
            made = self._simple(inner or element)
        else:
            made = {"type": ["object"], "properties": {}, "required": []}
            self._add_fields(inner or element, made, depth)
            made = {name: value for name, value in made.items() if value}
        if text := documentation(element):
            made["description"] = text
        return made

    def _simple(self, element: Element) -> Node:
        rule = element.first("restriction")
        if rule is None:
            return {"type": ["string"]}
        made = self._typed(rule.attributes.get("base", ""))
        if allowed := [each.attributes.get("value", "") for each in rule.each("enumeration")][:500]:
            made["enum"] = allowed
        for each in rule.each("pattern", *LIMITS):
            value = each.attributes.get("value", "")
            if each.name == "pattern":
                made["pattern"] = value[:LONGEST_NAME]
            elif value.lstrip("-").isdecimal() and value.isascii() and len(value) < 19:
                made[LIMITS[each.name]] = int(value)
        return made

    def _add_fields(self, element: Element, made: Node, depth: int) -> None:
        """The elements and attributes inside a complex type, however they are grouped."""
        if element.name == "extension" and local(element.attributes.get("base", "")) in self.types:
            made.setdefault("allOf", []).append(self._typed(element.attributes["base"]))
        for each in element.inside:
            if each.name in GROUPS and depth <= MAX_DEPTH // 4:
                self._add_fields(each, made, depth + 1)
            elif each.name == "element":
                self._add_element(each, made, depth, is_choice=element.name == "choice")
            elif each.name == "attribute" and "name" in each.attributes:
                name = "@" + each.attributes["name"][:LONGEST_NAME]
                made["properties"][name] = self._typed(each.attributes.get("type", ""))
                if each.attributes.get("use") == "required":
                    made["required"].append(name)

    def _add_element(self, each: Element, made: Node, depth: int, *, is_choice: bool) -> None:
        name = (each.attributes.get("name") or local(each.attributes.get("ref", "")))[:LONGEST_NAME]
        if not name:
            return
        node = (
            self._typed(each.attributes["ref"]) if "ref" in each.attributes else self._schema(each, depth + 1)
        )
        if each.attributes.get("maxOccurs", "1") not in ("0", "1"):
            node = {"type": ["array"], "items": node}
        if each.attributes.get("nillable") == "true":
            node["nullable"] = True
        made["properties"][name] = node
        if not is_choice and each.attributes.get("minOccurs", "1") != "0":
            made["required"].append(name)


def local(qualified: str) -> str:
    """A name without its prefix."""
    return qualified.rpartition(":")[2]


def documentation(element: Element) -> str:
    """What an element says of itself."""
    holder = element.first("annotation") or element
    found = holder.first("documentation")
    return found.text.strip() if found else ""


def tree_of(text: str) -> Element:
    """The elements of WSDL and XML Schema. The text was read by `parse_wsdl` before, so it has no document type."""
    root = Element("document", {})
    opened = [root]
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True

    def start(qualified: str, attributes: dict[str, str]) -> None:
        namespace, _, name = qualified.rpartition(" ")
        element = Element(name if namespace in (WSDL, XSD) else "", attributes)
        opened[-1].inside.append(element)
        opened.append(element)

    def end(_: str) -> None:
        opened.pop()

    def characters(text: str) -> None:
        if opened[-1].name == "documentation":
            opened[-1].text = appended(opened[-1].text, text)[:LONGEST_TEXT]

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = characters
    try:
        parser.Parse(text.removeprefix("\ufeff").encode(), True)
    except expat.ExpatError as error:
        raise BadYaml(expat.ErrorString(error.code), line=error.lineno) from None
    return root.inside[0] if root.inside else root
