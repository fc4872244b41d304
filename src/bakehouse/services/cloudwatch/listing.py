"""ListMetrics: which series there are."""

from __future__ import annotations

from datetime import datetime

import orjson

from bakehouse import clock
from bakehouse.storage.metrics import Metric, MetricStore, cursor
from bakehouse.wire.types import AwsError, Params

_PAGE = 500
_RECENT_MS = 3 * 3_600_000


def metrics_page(metrics: MetricStore, params: Params, now: datetime) -> Params:
    """A page of the metrics that match; filters apply to what the page looked at."""
    page = metrics.metrics(
        namespace=params.get("Namespace", ""), after=_from_token(params), limit=_PAGE
    )
    since_ms = clock.to_epoch_ms(now) - _RECENT_MS if "RecentlyActive" in params else 0
    found = [metric_to_response(metric) for metric in page if _matches(metric, params, since_ms)]
    more = {"NextToken": cursor(page[-1])} if len(page) == _PAGE else {}
    return {"Metrics": found, **more}


def _from_token(params: Params) -> str:
    token: str = params.get("NextToken", "")
    try:
        is_place = not token or len(orjson.loads(token)) == 3
    except (orjson.JSONDecodeError, TypeError):
        is_place = False
    if not is_place:
        raise AwsError("InvalidNextToken", "The specified NextToken is invalid.")
    return token


def _matches(metric: Metric, params: Params, since_ms: int) -> bool:
    if params.get("MetricName") not in (None, metric.name) or (metric.put_ms or 0) < since_ms:
        return False
    has = dict(metric.dimensions)
    return all(
        wanted["Name"] in has and wanted.get("Value") in (None, has[wanted["Name"]])
        for wanted in params.get("Dimensions", [])
    )


def metric_to_response(metric: Metric) -> Params:
    """A metric as ListMetrics shows it."""
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions]
    return {
        "Namespace": metric.namespace,
        "MetricName": metric.name,
        **({"Dimensions": dimensions} if dimensions else {}),
    }
