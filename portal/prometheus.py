"""Metrics as Prometheus reads them.

The text format is https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric."""

    labels: dict[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured, in a sentence, and its values."""

    name: str
    help_text: str
    samples: Iterable[Sample]
    kind: Literal["gauge", "counter"] = "gauge"


def text_of(metrics: Iterable[Metric]) -> str:
    return "".join(line for metric in metrics for line in _lines(metric))


def _lines(metric: Metric) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.help_text}\n# TYPE {metric.name} {metric.kind}\n"
    for sample in metric.samples:
        labels = ",".join(f'{label}="{_escaped(value)}"' for label, value in sample.labels.items())
        yield f"{metric.name}{{{labels}}} {sample.value}\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
