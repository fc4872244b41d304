"""Amazon CloudWatch: metrics put in and their statistics taken out."""

from __future__ import annotations

import asyncio

from bakehouse import clock
from bakehouse.clock import Clock
from bakehouse.faults import Rejected
from bakehouse.services.cloudwatch.data import metric_data
from bakehouse.services.cloudwatch.listing import metrics_page
from bakehouse.services.cloudwatch.putting import data_of_put
from bakehouse.services.cloudwatch.statistics import metric_statistics
from bakehouse.storage.metrics import MetricStore
from bakehouse.wire.types import AwsError, Call, Params, Service


def service(metrics: MetricStore, now: Clock = clock.now) -> Service:
    """The door of CloudWatch over a store."""

    async def put_metric_data(call: Call, params: Params) -> Params:
        await asyncio.wrap_future(metrics.put(data_of_put(params, now())))
        return {}

    async def get_metric_statistics(call: Call, params: Params) -> Params:
        return await asyncio.to_thread(metric_statistics, metrics, params)  # 20,000 data: 50 ms

    async def get_metric_data(call: Call, params: Params) -> Params:
        return await asyncio.to_thread(metric_data, metrics, params)

    async def list_metrics(call: Call, params: Params) -> Params:
        return metrics_page(metrics, params, now())

    operations = {
        "GetMetricData": get_metric_data,
        "GetMetricStatistics": get_metric_statistics,
        "ListMetrics": list_metrics,
        "PutMetricData": put_metric_data,
    }
    return Service(
        name="cloudwatch",
        signing_name="monitoring",
        operations=operations,
        aws_error=aws_error,
        target_prefix="GraniteServiceVersion20100801",
        invalid_code="ValidationError",
        broken_code="InternalServiceError",
    )


def aws_error(fault: Rejected) -> AwsError:
    """A rejection in CloudWatch's words."""
    return AwsError("InvalidParameterValue", fault.message)
