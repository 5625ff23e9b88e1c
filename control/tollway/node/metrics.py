"""`/metrics`: the core's counters and this process's own figures as Prometheus text.

Decides the mapping once, for counters that do not exist yet too: a plain figure becomes one sample, a map becomes one
sample per entry with the parts of its key (`chat|200|`) as labels. What ends in `_total` is a counter, all else a
gauge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tollway import __version__
from tollway.node.status import CoreStatus, StatusBoard

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# The labels that a map's keys stand for, in order. An unlisted map gets one label, `key`.
_LABELS: dict[str, tuple[str, ...]] = {"requests_total": ("endpoint", "status", "code")}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")


class CoreCollector(Collector):
    """Reads the core at each scrape; keeps nothing."""

    def __init__(self, board: StatusBoard, node: str, epoch: int) -> None:
        self._board = board
        self._node = node
        self._epoch = epoch

    def collect(self) -> Iterable[Metric]:
        core = self._board.core()
        yield from self._node_figures(core)
        for name, value in core.counters.items():
            if _NAME.fullmatch(name):
                yield _family(name, value)

    def _node_figures(self, core: CoreStatus) -> Iterable[Metric]:
        info = GaugeMetricFamily("tollway_node_info", "This gateway process.", labels=("node", "epoch", "version"))
        info.add_metric((self._node, str(self._epoch), __version__), 1)
        yield info
        for name, doc, value in (
            ("generation", "Snapshot in force.", core.generation),
            ("snapshot_age_seconds", "Since the snapshot was last known to be current.", core.snapshot_age_ms / 1000),
            ("draining", "1 while the process is on its way out.", int(self._board.draining or core.draining)),
            ("in_flight", "Requests being relayed.", core.in_flight),
            ("connections", "Client connections.", core.connections),
        ):
            yield GaugeMetricFamily(f"tollway_{name}", doc, value=value)


def _family(name: str, value: float | dict[str, float]) -> Metric:
    samples = value if isinstance(value, dict) else {"": value}
    labels = _LABELS.get(name, ("key",)) if isinstance(value, dict) else ()
    full, doc = f"tollway_{name}", f"Counted by the core: {name}."
    # The library appends `_total` to a counter's samples by itself.
    counter = name.endswith("_total")
    family = (
        CounterMetricFamily(full.removesuffix("_total"), doc, labels=labels)
        if counter
        else GaugeMetricFamily(full, doc, labels=labels)
    )
    for key, figure in samples.items():
        parts = key.split("|", len(labels) - 1) if labels else []
        family.add_metric([*parts, *[""] * (len(labels) - len(parts))], figure)
    return family


class Metrics:
    """The registry of this process; its own, so that no library's default figures get in."""

    def __init__(self, board: StatusBoard, node: str, epoch: int) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(CoreCollector(board, node, epoch))
        ProcessCollector(registry=self._registry)

    def render(self) -> bytes:
        return generate_latest(self._registry)
