"""Anything anywhere in an object: never an exception, always a problem with field, message and remedy."""

import copy
import json

import pytest

from apis.sources import SOURCES, source_of
from portal import safeyaml
from portal.kube import KubeObject
from portal.kube.objects import read_object
from tests.definitions.test_hostile import WRONG, paths_in
from tests.sources.hostile import MORE_WRONG, check
from tests.sources.objects import DEMO, Store, from_files, made

DEMO_OBJECTS = from_files(DEMO.rglob("*.yaml"))
PUBLISHING = [obj for obj in DEMO_OBJECTS if source_of(obj.kind)]


@pytest.mark.parametrize("obj", PUBLISHING, ids=lambda obj: f"{obj.kind.kind}-{obj.name}")
def test_anything_anywhere_in_an_object_is_read_or_a_problem(obj):
    store = Store(*DEMO_OBJECTS)
    for path in paths_in(obj.body):
        if path[0] not in ("spec", "status"):
            continue
        for wrong in MORE_WRONG:
            changed = copy.deepcopy(dict(obj.body))
            inside = changed
            for step in path[:-1]:
                inside = inside[step]
            inside[path[-1]] = wrong
            found = read_object(changed, cluster="test", kind=obj.kind, default_namespace="shop")
            if isinstance(found, KubeObject):
                check(found, store)


@pytest.mark.parametrize("body", [{"spec": wrong, "status": wrong} for wrong in WRONG], ids=range(len(WRONG)))
def test_anything_as_spec_is_a_problem(body):
    for source in SOURCES:
        # Kinds that are nobody's API by themselves are read where an annotation asks for it.
        notes = {"portico.dev/api": "x", "portico.dev/openapi-path": "/openapi.json"}
        meta = {"name": "x", "namespace": "shop", "annotations": notes}
        check(made(source.kind, {"metadata": meta, **body}), Store())


def test_anything_anywhere_in_what_is_named_is_read_or_a_problem():
    named = [
        obj
        for obj in DEMO_OBJECTS
        if not source_of(obj.kind) and obj.namespace in ("fulfilment", "portico-demo")
    ]
    shipments = next(obj for obj in DEMO_OBJECTS if obj.name == "shipments")
    for obj in named:
        for path in paths_in(obj.body):
            if path[0] in ("metadata", "apiVersion", "kind"):
                continue
            for wrong in MORE_WRONG:
                changed = copy.deepcopy(dict(obj.body))
                inside = changed
                for step in path[:-1]:
                    inside = inside[step]
                inside[path[-1]] = wrong
                found = read_object(changed, cluster="test", kind=obj.kind, default_namespace="shop")
                if isinstance(found, KubeObject):
                    check(shipments, Store(*DEMO_OBJECTS, found))


def test_anything_anywhere_in_a_wso2_definition_is_read_or_a_problem():
    shipments = next(obj for obj in DEMO_OBJECTS if obj.name == "shipments")
    definition = next(obj for obj in DEMO_OBJECTS if obj.name == "shipments-1-swagger")
    document = safeyaml.load(definition.body["data"]["shipments.yaml"])
    for path in paths_in(document):
        if len(path) > 5:
            continue
        for wrong in WRONG:
            changed = copy.deepcopy(document)
            inside = changed
            for step in path[:-1]:
                inside = inside[step]
            inside[path[-1]] = wrong
            text = {"shipments.yaml": json.dumps(changed)}
            broken = made(definition.kind, dict(definition.body) | {"data": text})
            check(shipments, Store(*DEMO_OBJECTS, broken))
