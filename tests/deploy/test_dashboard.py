"""The Grafana dashboard asks only for what agents/metrics.py declares."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GRAFANA = ROOT / "ops/grafana"
DASHBOARD: dict[str, Any] = json.loads((GRAFANA / "dashboards/flow.json").read_text())
PANELS: list[dict[str, Any]] = [p for p in DASHBOARD["panels"] if p["type"] != "row"]
QUERIES: list[str] = [t["expr"] for p in PANELS for t in p["targets"]]
FROM_PROMETHEUS = {"instance", "job"}


def declared() -> dict[str, tuple[str, set[str]]]:
    """Series name → (kind of metric, labels), read from the source of agents/metrics.py."""
    series: dict[str, tuple[str, set[str]]] = {}
    for call in ast.walk(ast.parse((ROOT / "agents/metrics.py").read_text())):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            continue
        kind = call.func.id
        if kind not in ("Counter", "Gauge", "Histogram"):
            continue
        name = ast.literal_eval(call.args[0])
        labels = set(ast.literal_eval(call.args[2])) if len(call.args) > 2 else set()
        if kind == "Histogram":
            series |= {f"{name}_bucket": (kind, labels | {"le"})}
            series |= {f"{name}_{part}": (kind, labels) for part in ("sum", "count")}
        else:
            series[name] = (kind, labels)
    return series


SERIES = declared()


@pytest.mark.parametrize("query", QUERIES)
def test_query_names_declared_series_and_their_labels(query: str) -> None:
    names = re.findall(r"\btidegate_\w+", query)
    assert names and set(names) <= SERIES.keys(), set(names) - SERIES.keys()
    # one `by (…)` stands before the one series it groups
    for labels, name in re.findall(r"by \(([^)]*)\) \((?:rate\(|increase\()?(tidegate_\w+)", query):
        asked = {label.strip() for label in labels.split(",")}
        assert asked <= SERIES[name][1] | FROM_PROMETHEUS, f"{name} has no label {asked}"
    assert query.count("by (") == len(re.findall(r"by \([^)]*\) \((?:rate\(|increase\()?tidegate_", query))


@pytest.mark.parametrize("query", QUERIES)
def test_rates_are_of_counters_and_quantiles_of_buckets(query: str) -> None:
    rated = re.findall(r"(?:rate|increase)\((tidegate_\w+)\[", query)
    for name in re.findall(r"\btidegate_\w+", query):
        assert (SERIES[name][0] == "Gauge") == (name not in rated), name
    for name in re.findall(r"histogram_quantile\([\d.]+, sum by \(le\) \(rate\((\w+)", query):
        assert name.endswith("_bucket")
    assert ("histogram_quantile" in query) == ("_bucket" in query)


def test_legends_name_labels_that_the_query_keeps() -> None:
    for panel in PANELS:
        for target in panel["targets"]:
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                assert f"by ({label})" in target["expr"], panel["title"]


def test_what_operations_must_see_is_there() -> None:
    shown = {n for q in QUERIES for n in re.findall(r"\btidegate_\w+", q)}
    for name in ("manifests_total", "documents_total", "lag_seconds", "lag_records", "batch_seconds_bucket", "ready",
                 "decision_seconds_bucket", "relay_messages_total", "unpublished_batches", "dead_letters_total",
                 "slow_path_batches_total", "paused_partitions"):  # fmt: skip
        assert f"tidegate_{name}" in shown, name


def test_every_declared_metric_is_on_the_dashboard() -> None:
    shown = {re.sub(r"_(bucket|sum|count)$", "", n) for q in QUERIES for n in re.findall(r"\btidegate_\w+", q)}
    assert {re.sub(r"_(bucket|sum|count)$", "", n) for n in SERIES} == shown


def test_provisioning_fits_together() -> None:
    source = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())["datasources"][0]
    provider = yaml.safe_load((GRAFANA / "provisioning/dashboards/tidegate.yml").read_text())["providers"][0]
    grafana = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]
    assert f"./ops/grafana/dashboards:{provider['options']['path']}:ro" in grafana["volumes"]
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/flow.json"
    assert source["url"] == "http://prometheus:9090"
    for part in [*PANELS, *(t for p in PANELS for t in p["targets"])]:
        assert part["datasource"] == {"type": source["type"], "uid": source["uid"]}


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    assert len({p["id"] for p in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    cells: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        g = panel["gridPos"]
        own = {(x, y) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])}
        assert not own & cells and g["x"] + g["w"] <= 24, panel["title"]
        cells |= own
