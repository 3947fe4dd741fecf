// What one writes in an afternoon: the whole blob in memory, each row through JSON, the client's own batches.
//
// node naive.mjs <blob endpoint> <ingest endpoint> <container/blob>...
import { AxiomWithoutBatching } from '@axiomhq/js';
import { BlobServiceClient } from '@azure/storage-blob';

const ROWS = 1000;

const [storage, url, ...blobs] = process.argv.slice(2);
const service = new BlobServiceClient(storage);
const axiom = new AxiomWithoutBatching({
  url,
  token: 'xaat-bench',
  // Without this, the client logs an error and answers as if nothing had been sent.
  onError: (error) => {
    throw error;
  },
});

for (const blob of blobs) {
  const slash = blob.indexOf('/');
  const client = service.getContainerClient(blob.slice(0, slash)).getBlobClient(blob.slice(slash + 1));
  const content = (await client.downloadToBuffer()).toString();
  const rows = content
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
  for (let at = 0; at < rows.length; at += ROWS) {
    const batch = rows.slice(at, at + ROWS);
    const { ingested, failed } = await axiom.ingest('logs', batch, { timestampField: 'TimeGenerated' });
    if (ingested !== batch.length || failed !== 0) throw new Error(`${failed} of ${batch.length} rows failed`);
  }
}
