"""`/metrics`: the core's counters and this process's own figures as Prometheus text.

Decides the mapping once, for counters that do not exist yet too: a plain figure becomes one sample, a map becomes one
sample per entry with the parts of its key (`chat|200|`) as labels, and a name may carry labels itself
(`refused_total|code=x`). What ends in `_total` is a counter, all else a gauge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tollway import __version__
from tollway.node.status import CoreStatus, StatusBoard

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# The labels that a map's keys stand for, in order. An unlisted map gets one label, `key`.
_LABELS: dict[str, tuple[str, ...]] = {"requests_total": ("endpoint", "status", "code")}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
# Told from the status itself, under these names; a counter of the same name would be the same figure twice.
_OWN = frozenset({"node_info", "generation", "snapshot_age_seconds", "draining", "in_flight", "connections"})

Sample = tuple[dict[str, str], float]


class CoreCollector(Collector):
    """Reads the core at each scrape; keeps nothing."""

    def __init__(self, board: StatusBoard, node: str, epoch: int) -> None:
        self._board = board
        self._node = node
        self._epoch = epoch

    def collect(self) -> Iterable[Metric]:
        core = self._board.core()
        yield from self._node_figures(core)
        for name, samples in _families(core.counters).items():
            yield _family(name, samples)

    def _node_figures(self, core: CoreStatus) -> Iterable[Metric]:
        info = GaugeMetricFamily("tollway_node_info", "This gateway process.", labels=("node", "epoch", "version"))
        info.add_metric((self._node, str(self._epoch), __version__), 1)
        yield info
        for name, doc, value in (
            ("generation", "Snapshot in force.", core.generation),
            (
                "snapshot_age_seconds",
                "Since the snapshot was last known to be current.",
                (core.snapshot_age_ms or 0) / 1000,
            ),
            ("draining", "1 while the process is on its way out.", int(self._board.draining or core.draining)),
            ("in_flight", "Requests being relayed.", core.in_flight),
            ("connections", "Client connections.", core.connections or 0),
        ):
            yield GaugeMetricFamily(f"tollway_{name}", doc, value=value)


def _families(counters: Mapping[str, object]) -> dict[str, list[Sample]]:
    """Samples by metric name. What is no figure, or has a name Prometheus does not take, is left out."""
    families: dict[str, list[Sample]] = {}
    for key, value in counters.items():
        name, *pairs = key.split("|")
        if not _NAME.fullmatch(name) or name in _OWN:
            continue
        labels = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        entries = value.items() if isinstance(value, dict) else [("", value)]
        for parts, figure in entries:
            if isinstance(figure, (int, float)):
                more = _labels_of(name, parts) if isinstance(value, dict) else {}
                families.setdefault(name, []).append(({**labels, **more}, figure))
    return families


def _labels_of(name: str, parts: str) -> dict[str, str]:
    names = _LABELS.get(name, ("key",))
    values = parts.split("|", len(names) - 1)
    return dict(zip(names, [*values, *[""] * (len(names) - len(values))], strict=True))


def _family(name: str, samples: list[Sample]) -> Metric:
    # One family has one set of labels: a sample without one of them has it empty.
    labels = sorted({label for own, _ in samples for label in own})
    full, doc = f"tollway_{name}", f"Counted by the core: {name}."
    family: CounterMetricFamily | GaugeMetricFamily
    if name.endswith("_total"):  # the library appends it to a counter's samples by itself
        family = CounterMetricFamily(full.removesuffix("_total"), doc, labels=labels)
    else:
        family = GaugeMetricFamily(full, doc, labels=labels)
    for own, figure in samples:
        family.add_metric([own.get(label, "") for label in labels], figure)
    return family


class Metrics:
    """The registry of this process; its own, so that no library's default figures get in."""

    def __init__(self, board: StatusBoard, node: str, epoch: int) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(CoreCollector(board, node, epoch))
        ProcessCollector(registry=self._registry)

    def render(self) -> bytes:
        return generate_latest(self._registry)
