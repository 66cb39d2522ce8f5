// Reads a table with icebird and hyparquet, from its metadata file. Prints one JSON object: rows, different sequences,
// the sum of the payloads, the first and the last time, and rows by region. icebird 0.3.1 takes
// columns from partitions only if the files say so in their own metadata, so regions are those of the manifests.
import { readFile } from 'node:fs/promises'
import { icebergManifests, icebergRead } from 'icebird'
import { unpacked } from './avro.mjs'

// fetch of Node reads no files.
globalThis.fetch = async (url, init) => {
  const file = await readFile(url.toString().replace(/^file:\/\//, ''))
  const content = url.toString().endsWith('.avro') ? unpacked(file) : file
  const range = new Headers(init?.headers).get('Range')?.match(/^bytes=(\d+)-(\d*)$/)
  if (!range) return new Response(content, { headers: { 'Content-Length': String(content.length) } })
  const end = range[2] === '' ? content.length : Number(range[2]) + 1
  return new Response(content.subarray(Number(range[1]), end), { status: 206 })
}

const metadata = JSON.parse(await readFile(process.argv[2], 'utf8'))
const rows = await icebergRead({ tableUrl: metadata.location, metadata })
// numberOf is the number that a payload of the tests is, NaN for others.
const numberOf = p => Number(p instanceof Uint8Array ? new TextDecoder().decode(p) : typeof p === 'object' ? NaN : p)
const times = rows.map(r => r.time.getTime())
const regions = {}
for (const { entries } of await icebergManifests(metadata)) {
  for (const { status, data_file: file } of entries) {
    if (status === 2) continue // the snapshot has deleted it
    const region = file.partition.region ?? 'none'
    regions[region] = (regions[region] ?? 0) + Number(file.record_count)
  }
}
console.log(JSON.stringify({
  rows: rows.length,
  sequences: new Set(rows.map(r => r.sequence)).size,
  sum: rows.reduce((sum, r) => sum + numberOf(r.payload), 0),
  first: Math.min(...times),
  last: Math.max(...times),
  headers: rows.filter(r => r.headers != null).length,
  regions,
}))
