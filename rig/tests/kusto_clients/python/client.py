"""Azure's own clients for Azure Data Explorer, as anybody would use them. Prints what they saw as one line of JSON."""

import io
import json
import os
import sys
import tempfile
import time
from enum import IntEnum

from azure.kusto.data import DataFormat, KustoClient, KustoConnectionStringBuilder
from azure.kusto.data.exceptions import KustoApiError
from azure.kusto.ingest import (
    BlobDescriptor,
    IngestionProperties,
    KustoStreamingIngestClient,
    ManagedStreamingIngestClient,
    QueuedIngestClient,
    ReportLevel,
    StreamDescriptor,
)
from azure.kusto.ingest.status import KustoIngestStatusQueues

DATABASE = "db"
TABLE = "DeviceEventsRaw"
MAPPING = "DynamicJsonMap"


class ReportMethod(IntEnum):
    """The client's own has the queue alone."""

    Queue = 0
    Table = 1


def connection(url):
    return KustoConnectionStringBuilder.with_aad_managed_service_identity_authentication(url)


engine = KustoClient(connection(os.environ["KUSTO_URL"]))
queued = QueuedIngestClient(connection(os.environ["KUSTO_INGEST_URL"]))
saw = {}


def manage(command):
    return [row.to_dict() for row in engine.execute_mgmt(DATABASE, command).primary_results[0]]


def query(text):
    table = engine.execute_query(DATABASE, text).primary_results[0]
    return {"types": [column.column_type for column in table.columns], "rows": [row.to_list() for row in table]}


def refused(run):
    try:
        run()
    except KustoApiError as error:
        inner = error.get_api_error()
        return {"code": inner.code, "permanent": inner.permanent, "text": inner.description, "semantic": error.is_semantic_error()}


def properties(mapping=MAPPING, method=ReportMethod.Queue, data_format=DataFormat.MULTIJSON, **more):
    return IngestionProperties(
        database=DATABASE,
        table=TABLE,
        data_format=data_format,
        ingestion_mapping_reference=mapping,
        report_level=ReportLevel.FailuresAndSuccesses,
        report_method=method,
        **more,
    )


def until(found, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = found()
        if value:
            return value
        time.sleep(0.05)
    sys.exit("waited for too long")


def lines(*numbers):
    return "".join(json.dumps({"N": number, "Text": "ü"}) + "\n" for number in numbers).encode()


def stream(*numbers):
    return io.BytesIO(lines(*numbers))


def schema():
    saw["created"] = manage(f".create-merge table {TABLE} (Records:dynamic) with (folder='Raw')")
    mapping = '[{"Properties":{"Path":"$"},"column":"Records","datatype":"dynamic"}]'
    saw["mapping"] = manage(f""".create-or-alter table {TABLE} ingestion json mapping "{MAPPING}" '{mapping}'""")
    saw["tables"] = manage(".show tables")
    saw["schema"] = manage(f".show table {TABLE} cslschema")
    saw["version"] = manage(".show version")[0]["ServiceType"]
    saw["no table"] = refused(lambda: manage(".show table Nothing cslschema"))
    saw["no command"] = refused(lambda: manage(".frobnicate"))


def queued_ingestion():
    with tempfile.NamedTemporaryFile(suffix=".json", delete=False) as file:
        file.write(lines(1, 2))
    from_file = queued.ingest_from_file(file.name, properties(method=ReportMethod.Table, data_format=DataFormat.JSON))
    os.unlink(file.name)
    from_stream = queued.ingest_from_stream(stream(3), properties(method=ReportMethod.Table, ingest_by_tags=["once"]))
    until(lambda: query(f"{TABLE} | count")["rows"] == [[3]])
    again = queued.ingest_from_stream(stream(3), properties(method=ReportMethod.Table, ingest_if_not_exists=["once"]))
    wrong = queued.ingest_from_stream(stream(4), properties(mapping="Nothing", method=ReportMethod.Table))
    saw["in table"] = [str(result.source_id) for result in (from_file, from_stream, again, wrong)]

    queues = KustoIngestStatusQueues(queued)
    good = queued.ingest_from_stream(stream(5), properties())
    bad = queued.ingest_from_stream(io.BytesIO(b'{"N": '), properties())
    success = until(lambda: queues.success.pop(1))[0]
    failure = until(lambda: queues.failure.pop(1))[0]
    saw["success"] = [success.IngestionSourceId == str(good.source_id), success.Table, success.SucceededOn is not None]
    saw["failure"] = [failure.IngestionSourceId == str(bad.source_id), failure.ErrorCode, failure.FailureStatus]


def streaming_ingestion():
    client = KustoStreamingIngestClient(connection(os.environ["KUSTO_URL"]))
    saw["no streaming"] = refused(lambda: client.ingest_from_stream(stream(6), properties()))
    manage(f".alter table {TABLE} policy streamingingestion enable")
    saw["streamed"] = client.ingest_from_stream(stream(6), properties()).status.value
    saw["no mapping"] = refused(lambda: client.ingest_from_stream(stream(7), properties(mapping="Nothing")))

    managed = ManagedStreamingIngestClient(connection(os.environ["KUSTO_URL"]), connection(os.environ["KUSTO_INGEST_URL"]))
    small = managed.ingest_from_stream(StreamDescriptor(stream(7)), properties())
    large = io.BytesIO(json.dumps({"N": 8, "Text": os.urandom(4 << 20).hex()}).encode())
    queued_instead = managed.ingest_from_stream(StreamDescriptor(large), properties())
    until(lambda: query(f"{TABLE} | count")["rows"] == [[7]])
    blob = managed.ingest_from_blob(BlobDescriptor(queued_instead.blob_uri), properties())
    saw["managed"] = [small.status.value, queued_instead.status.value, blob.status.value]
    until(lambda: query(f"{TABLE} | count")["rows"] == [[8]])


def queries():
    saw["rows"] = query(f"{TABLE} | where tostring(Records) contains '\"N\":1'")
    saw["empty"] = query(f"{TABLE} | take 0")
    saw["types"] = query("Types")
    streamed = engine.execute_streaming_query(DATABASE, "Types").iter_primary_results()
    saw["streamed rows"] = [[row.to_list() for row in table] for table in streamed]
    saw["semantic"] = refused(lambda: query(f"{TABLE} | where Foo == 1"))
    saw["syntax"] = refused(lambda: query(f"{TABLE} frobnicate"))


schema()
queued_ingestion()
streaming_ingestion()
queries()
print(json.dumps(saw, default=str))
