"""What one writes in an afternoon: the whole blob in memory, each row through JSON, the clients' own batches.

python naive.py <blob endpoint> <ingest endpoint> <container/blob>...
"""

import json
import sys

from axiom_py import Client, IngestOptions
from azure.storage.blob import BlobServiceClient

ROWS = 1000

storage, axiom, *blobs = sys.argv[1:]
service = BlobServiceClient(storage)
client = Client(token="xaat-bench", url=axiom)
options = IngestOptions(timestamp_field="TimeGenerated")

for blob in blobs:
    container, name = blob.split("/", 1)
    content = service.get_blob_client(container, name).download_blob().readall()
    rows = [json.loads(line) for line in content.split(b"\n") if line]
    for at in range(0, len(rows), ROWS):
        batch = rows[at : at + ROWS]
        status = client.ingest_events("logs", batch, options)
        if status.ingested != len(batch) or status.failed:
            sys.exit(f"{status.failed} of {len(batch)} rows failed")
