"""The Reference of an API version: what its pages show, made of the parts that `apis.definitions.reference` cuts."""
