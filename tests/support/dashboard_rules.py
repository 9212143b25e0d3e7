"""The rules of Grafana's dashboard linter, and some of ours, for a dashboard with one data source."""

import re

from support import monitoring

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
SELECTORS = ['job=~"$job"', 'instance=~"$instance"']
COUNTER = r"(?:total|sum|count|bucket)$"


def of_dashboard(board):
    if board["editable"]:
        yield "editable"
    if not board.get("uid") or not board.get("tags"):
        yield "needs a uid and a tag"
    if board["refresh"] != "10s":
        yield "does not refresh every 10 s"
    panels = [p["id"] for p in board["panels"]]
    if len(panels) != len(set(panels)):
        yield "panels share an id"
    squares = [
        (p["gridPos"]["x"] + x, p["gridPos"]["y"] + y)
        for p in board["panels"]
        for x in range(p["gridPos"]["w"])
        for y in range(p["gridPos"]["h"])
    ]
    if len(squares) != len(set(squares)) or max(x for x, _ in squares) >= 24:
        yield "panels overlap"


def of_variables(board):
    variables = {v["name"]: v for v in board["templating"]["list"]}
    source = variables.get("datasource", {})
    if (source.get("type"), source.get("query")) != ("datasource", "prometheus"):
        yield "no variable datasource"
    for name in ("job", "instance"):
        variable = variables.get(name, {})
        wanted = {
            "label": name.capitalize(),
            "type": "query",
            "datasource": SOURCE,
            "multi": True,
            "includeAll": True,
            "allValue": ".+",
            "refresh": 2,  # also when the time range changes
        }
        if not wanted.items() <= variable.items():
            yield f"variable {name} is not as it must be"
        elif not re.fullmatch(rf"label_values\(\w+{{[^}}]+}}, {name}\)", variable["query"]):
            yield f"query of variable {name}"


def of_query(expression):
    metrics = monitoring.metrics_of(expression)
    selectors = re.findall(r"\{([^}]*)\}", expression)
    if not metrics or monitoring.metrics_of(re.sub(r"\w+\{[^}]*\}", " ", expression)):
        yield "a metric without a selector"
    for selector in selectors:
        if not set(SELECTORS) <= set(selector.split(",")):
            yield "a selector without job or instance"
    if set(re.findall(r"\[([^\]]*)\]", expression)) - {"$__rate_interval"}:
        yield "an interval other than $__rate_interval"
    for name in metrics:
        in_rate = re.findall(rf"\b(?:rate|increase)\({name}\{{", expression)
        if re.search(COUNTER, name) and len(in_rate) != len(re.findall(rf"\b{name}\{{", expression)):
            yield f"counter {name} without rate"


def of_panel(panel):
    if not panel.get("title") or not panel.get("description"):
        yield "no title or no description"
    if panel.get("datasource") != SOURCE:
        yield "another data source"
    if not panel["fieldConfig"]["defaults"].get("unit"):
        yield "no unit"
    if not panel["targets"]:
        yield "no query"
    for target in panel["targets"]:
        if not target["legendFormat"]:
            yield "no legend"
        yield from of_query(target["expr"])


def findings(board):
    """What breaks a rule; empty if nothing does."""
    found = [*of_dashboard(board), *of_variables(board)]
    for panel in board["panels"]:
        if panel["type"] != "row":
            found += [f"{panel.get('title')}: {finding}" for finding in of_panel(panel)]
    return found
