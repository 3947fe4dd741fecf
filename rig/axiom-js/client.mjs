// Drives the stand-in with Axiom's own JavaScript client and prints what it saw, as one line of JSON.
// Environment: AXIOM_URL, AXIOM_EDGE_URL, AXIOM_TOKEN. The package is resolved from the working directory, where it is installed.
import { createRequire } from 'node:module';

const { AXIOM_URL: url, AXIOM_EDGE_URL: edgeUrl, AXIOM_TOKEN: token } = process.env;
const require = createRequire(`${process.cwd()}/`);
const { AxiomWithoutBatching, ContentType, ContentEncoding } = require('@axiomhq/js');

const errors = [];
const onError = (error) => errors.push(error.message);
const legacy = new AxiomWithoutBatching({ url, token, onError });
const edge = new AxiomWithoutBatching({ url, edgeUrl, token, onError });
const rows = [1, 2, 3].map((n) => ({ n, _time: `2026-01-02T0${n}:00:00Z` }));
const lines = rows.map((row) => JSON.stringify(row)).join('\n');
const attempt = (promise) => promise.then(() => 'accepted', (error) => ({ status: error.status, message: error.message }));

const created = await legacy.datasets.create({ name: 'from-js', description: 'made by the JavaScript client' });
const existing = await attempt(legacy.datasets.create({ name: 'from-js' }));
const throughLegacy = await legacy.ingestRaw('from-js', lines, ContentType.NDJSON);
const throughEdge = await edge.ingestRaw('from-js', JSON.stringify(rows), ContentType.JSON, ContentEncoding.Identity);
const csv = await edge.ingestRaw('from-js', 'n,_time\n9,2026-01-02T09:00:00Z\n', ContentType.CSV);
const missing = await edge.ingestRaw('missing', lines, ContentType.NDJSON);
const apl = "['from-js'] | summarize n=count(), lo=min(_time), u=dcount(n) by bin(_time, 1d)";
const results = await Promise.all([legacy, edge].map((client) => client.query(apl)));
const events = results.map((result) => [...result.tables[0].events()]);
const refused = await attempt(legacy.query("['from-js'] | mv-expand n"));
const listed = (await legacy.datasets.list()).map((dataset) => dataset.name);
const fields = (await legacy.datasets.fields('from-js')).map((field) => `${field.name}: ${field.type}`);
const updated = await legacy.datasets.update('from-js', { description: 'changed' });
await legacy.datasets.delete('from-js');
const gone = await attempt(legacy.datasets.get('from-js'));

console.log(JSON.stringify({ created, existing, throughLegacy, throughEdge, csv, missing, errors, events, refused, listed, fields, updated, gone }));
