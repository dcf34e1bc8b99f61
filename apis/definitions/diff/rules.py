"""Every kind of change, and how much it means. The reference page is made of this table."""

from typing import NamedTuple

BREAKING, RISKY, SAFE = "breaking", "risky", "safe"


class Rule(NamedTuple):
    """The level of a change in what consumers send and in what they get, and what the change is."""

    request: str
    response: str
    meaning: str


def both(level: str, meaning: str) -> Rule:
    """A rule that knows no direction."""
    return Rule(level, level, meaning)


def narrower(meaning: str) -> Rule:
    """A rule for accepting or sending less: consumers' requests may be refused, answers hold nothing new."""
    return Rule(BREAKING, SAFE, meaning)


def wider(meaning: str) -> Rule:
    """A rule for accepting or sending more: consumers may get what they do not know."""
    return Rule(SAFE, BREAKING, meaning)


DOCUMENT = {
    "language-changed": both(BREAKING, "The definition is now of another kind, such as GraphQL for OpenAPI."),
    "not-all-compared": both(
        RISKY, "A limit was reached; more may have changed. At most 500 changes of each level are listed."
    ),
    "base-path-changed": both(RISKY, "The path of a server address is gone."),
    "server-removed": both(RISKY, "A server address is gone."),
    "server-added": both(SAFE, "There is one more server address."),
}

OPERATIONS = {
    "operation-removed": both(BREAKING, "An operation, channel or field of a root type is gone."),
    "operation-added": both(SAFE, "There is one more operation."),
    "operation-deprecated": both(RISKY, "An operation is deprecated now."),
    "operation-restored": both(SAFE, "An operation is no longer deprecated."),
    "operation-id-changed": both(
        RISKY, "The operation has another id, which generated clients are named by."
    ),
    "path-parameter-renamed": both(
        SAFE, "A placeholder in the path has another name; addresses stay the same."
    ),
    "security-required": both(BREAKING, "An operation that anybody could call asks for authentication."),
    "security-changed": both(BREAKING, "A way to authenticate is gone and nothing weaker takes its place."),
    "security-added": both(SAFE, "There is one more way to authenticate."),
    "security-dropped": both(SAFE, "The operation can be called without authentication."),
    "scope-added": both(BREAKING, "A token needs one more scope."),
    "scope-removed": both(SAFE, "A token needs one scope less."),
}

PARAMETERS = {
    "required-parameter-added": both(BREAKING, "There is a new parameter that has to be sent."),
    "optional-parameter-added": both(SAFE, "There is a new parameter that may be sent."),
    "parameter-removed": both(RISKY, "A parameter is gone; whether it is refused or ignored is unknown."),
    "parameter-moved": both(
        BREAKING, "A parameter is read from another place, such as the header for the query."
    ),
    "parameter-became-required": both(BREAKING, "A parameter has to be sent now."),
    "parameter-became-optional": both(SAFE, "A parameter may be left out now."),
    "parameter-style-changed": both(BREAKING, "A list or object in a parameter is written in another way."),
    "parameter-deprecated": both(RISKY, "A parameter is deprecated now."),
}

BODIES = {
    "required-body-added": both(BREAKING, "There is a request body now, and it has to be sent."),
    "optional-body-added": both(SAFE, "There is a request body now, and it may be left out."),
    "body-removed": both(RISKY, "The request body is gone; whether it is refused or ignored is unknown."),
    "body-became-required": both(BREAKING, "The request body has to be sent now."),
    "body-became-optional": both(SAFE, "The request body may be left out now."),
    "media-type-removed": both(BREAKING, "A media type is no longer taken, or no longer sent."),
    "media-type-added": both(SAFE, "There is one more media type."),
    "encoding-changed": both(RISKY, "The parts of a form are written in another way."),
    "success-status-removed": both(BREAKING, "A status of success (1xx, 2xx, 3xx) is no longer described."),
    "success-status-added": both(RISKY, "There is one more status of success."),
    "error-status-removed": both(SAFE, "An error status is no longer described."),
    "error-status-added": both(RISKY, "There is one more error status, which nothing described before."),
    "required-header-removed": both(BREAKING, "A response header that was always sent is gone."),
    "optional-header-removed": both(RISKY, "A response header that could be sent is gone."),
    "header-added": both(SAFE, "There is one more response header."),
    "header-became-optional": both(BREAKING, "A response header may be missing now."),
    "header-became-required": both(SAFE, "A response header is always sent now."),
}

SCHEMAS = {
    "type-changed": both(BREAKING, "Values are of another type."),
    "type-narrowed": narrower("Fewer types are possible."),
    "type-widened": wider("More types are possible."),
    "null-forbidden": narrower("null is no longer possible."),
    "null-allowed": wider("null is possible."),
    "enum-value-removed": narrower("A value is no longer in the list of possible ones."),
    "enum-value-added": wider("There is one more possible value."),
    "enum-introduced": narrower("There is a list of possible values now."),
    "enum-dropped": wider("There is no list of possible values any more."),
    "required-property-added": Rule(BREAKING, SAFE, "There is a new property that is always there."),
    "defaulted-property-required": Rule(
        RISKY, SAFE, "A property with a default is required now, new or not."
    ),
    "optional-property-added": both(SAFE, "There is a new property that may be there."),
    "property-added-to-closed": Rule(SAFE, RISKY, "There is a new property where others were ruled out."),
    "required-property-removed": Rule(RISKY, BREAKING, "A property that was always there is gone."),
    "optional-property-removed": both(RISKY, "A property that could be there is gone."),
    "property-removed-from-closed": Rule(
        BREAKING, RISKY, "A property is gone, and those that are not described are ruled out."
    ),
    "property-became-required": narrower("A property always has to be there."),
    "property-became-optional": wider("A property may be missing."),
    "property-became-read-only": Rule(RISKY, SAFE, "A property is no longer read from requests."),
    "property-became-write-only": Rule(SAFE, BREAKING, "A property is no longer sent in responses."),
    "additional-properties-forbidden": narrower("Properties that are not described are ruled out."),
    "additional-properties-restricted": narrower(
        "Properties that are not described have to follow a schema."
    ),
    "additional-properties-allowed": Rule(SAFE, RISKY, "Properties that are not described are possible."),
    "limit-tightened": narrower("A length, size or value has a closer limit."),
    "limit-loosened": wider("A length, size or value has a wider limit, or none."),
    "format-narrowed": narrower("A format is asked for, or a smaller one."),
    "format-widened": wider("A format is no longer kept, or a larger one."),
    "format-changed": both(BREAKING, "Values have another format."),
    "pattern-added": narrower("Text has to match a pattern."),
    "pattern-removed": wider("Text no longer matches a pattern."),
    "pattern-changed": both(RISKY, "Text matches another pattern; which one takes more is not decided."),
    "alternative-removed": narrower("One of several possible schemas is gone."),
    "alternative-added": wider("There is one more possible schema."),
    "alternatives-introduced": both(
        BREAKING, "A schema became a choice of others, none of which is the old one."
    ),
    "alternatives-dropped": both(BREAKING, "A choice of schemas became one that was not among them."),
    "alternatives-kind-changed": both(RISKY, "oneOf became anyOf or the reverse."),
    "discriminator-changed": both(BREAKING, "Another property says which schema applies."),
    "discriminator-mapping-changed": both(RISKY, "The values that say which schema applies are others."),
    "default-added": both(SAFE, "What is left out has a stated value."),
    "default-changed": Rule(RISKY, SAFE, "What is left out counts as another value, or as none."),
    "schema-deprecated": both(RISKY, "A property or schema is deprecated now."),
    "schema-rule-changed": both(
        RISKY, "A rule that is not compared in detail is another one: not, if, patternProperties and so on."
    ),
    "reference-changed": both(RISKY, "A reference out of the document, or to nothing, leads elsewhere."),
}

GRAPHQL = {
    "graphql-type-removed": both(BREAKING, "A type is gone."),
    "graphql-type-added": both(SAFE, "There is one more type."),
    "graphql-kind-changed": both(BREAKING, "A type is of another kind, such as an interface for an object."),
    "graphql-field-removed": both(BREAKING, "A field of a type or input is gone."),
    "graphql-field-added": both(SAFE, "There is one more field, or an input field that may be left out."),
    "graphql-required-input-added": both(
        BREAKING, "There is a new input field or argument that has to be given."
    ),
    "graphql-type-changed": both(
        BREAKING, "A field or argument has a type that existing queries do not fit."
    ),
    "graphql-type-compatible": both(SAFE, "A field or argument has another type that existing queries fit."),
    "graphql-argument-removed": both(BREAKING, "An argument is gone."),
    "graphql-argument-added": both(SAFE, "There is one more argument, which may be left out."),
    "graphql-default-changed": both(
        RISKY, "An argument or input field that is left out counts as another value."
    ),
    "graphql-value-removed": both(BREAKING, "An enum value is gone."),
    "graphql-value-added": both(RISKY, "There is one more enum value, which consumers may not know."),
    "graphql-member-removed": both(BREAKING, "A type is no longer part of a union or interface."),
    "graphql-member-added": both(RISKY, "A type became part of a union or interface."),
    "graphql-deprecated": both(RISKY, "A field, argument or enum value is deprecated now."),
}

MESSAGES = {
    "message-removed": Rule(BREAKING, RISKY, "A message is no longer taken, or no longer sent."),
    "message-added": Rule(SAFE, RISKY, "There is one more message."),
    "message-format-changed": both(BREAKING, "A message has another media type or schema language."),
    "message-schema-changed": both(
        RISKY, "A payload in a schema language that is not compared in detail changed."
    ),
}

GROUPS = {
    "The whole document": DOCUMENT,
    "Operations and security": OPERATIONS,
    "Parameters": PARAMETERS,
    "Bodies and responses": BODIES,
    "Schemas": SCHEMAS,
    "GraphQL": GRAPHQL,
    "Messages (AsyncAPI)": MESSAGES,
}

RULES = {code: rule for rules in GROUPS.values() for code, rule in rules.items()}
