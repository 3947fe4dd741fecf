"""Azure's own client for Log Analytics, as anybody would use it. Prints what it saw as one line of JSON."""

import json
import os
from datetime import datetime, timedelta, timezone

from azure.core.exceptions import HttpResponseError
from azure.identity import ManagedIdentityCredential
from azure.monitor.query import LogsQueryClient, LogsQueryStatus

WORKSPACE = os.environ["LOG_ANALYTICS_WORKSPACE"]

# The audience is the endpoint, where nothing else is said.
client = LogsQueryClient(
    ManagedIdentityCredential(),
    endpoint=os.environ["LOG_ANALYTICS_URL"],
    audience="https://api.loganalytics.io",
)


def tables(tables):
    return [
        {
            "name": table.name,
            "columns": list(table.columns),
            "types": list(table.columns_types),
            "rows": [[cell if is_plain(cell) else f"{type(cell).__name__} {cell}" for cell in row] for row in table.rows],
        }
        for table in tables
    ]


def is_plain(cell):
    return cell is None or isinstance(cell, (bool, int, float, str))


def ask(query, timespan=None, **options):
    answer = client.query_workspace(WORKSPACE, query, timespan=timespan, **options)
    if answer.status == LogsQueryStatus.SUCCESS:
        return answer, tables(answer.tables)
    return answer, tables(answer.partial_data)


def refused(query):
    try:
        ask(query)
    except HttpResponseError as error:
        inner = error.error.innererror
        return {"status": error.status_code, "code": error.error.code, "inner": inner, "text": error.message}


saw = {"types": ask("Types_CL")[1], "empty": ask("Types_CL | where Long < 0 | project Long")[1]}

partial, rows = ask("Many_CL | project N")
details = partial.partial_error
saw["partial"] = {
    "kind": type(partial).__name__,
    "rows": rows,
    "code": details.code,
    "message": details.message,
    "details": [dict(detail) for detail in details.details],
}

saw["syntax"] = refused("completely invalid syntax")
saw["semantic"] = refused("Types_CL | where Foo == 1")

statistics, _ = ask("Types_CL | take 1", include_statistics=True, include_visualization=True, server_timeout=600)
saw["statistics"] = statistics.statistics["query"]["inputDatasetStatistics"]["rows"]
saw["visualization"] = statistics.visualization["visualization"]

start = datetime(2026, 1, 1, tzinfo=timezone.utc)
step = timedelta(milliseconds=1)
saw["spans"] = [
    ask("Many_CL | project N", timespan)[1][0]["rows"]
    for timespan in [timedelta(days=1), (start, step), (start + step, start + 2 * step)]
]

# The stand-in refuses this one once, with 429 and `Retry-After`.
saw["again"] = ask("Many_CL | count")[1][0]["rows"]

print(json.dumps(saw, default=str))
