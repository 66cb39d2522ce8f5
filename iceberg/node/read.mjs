// Reads a table with icebird and hyparquet, from its metadata file. Prints one JSON object: rows, different sequences,
// the sum of the payloads, the first and the last time, and rows by region.
import { readFile } from 'node:fs/promises'
import { icebergRead } from 'icebird'

// fetch of Node reads no files.
globalThis.fetch = async (url, init) => {
  const content = await readFile(url.toString().replace(/^file:\/\//, ''))
  const range = new Headers(init?.headers).get('Range')?.match(/^bytes=(\d+)-(\d*)$/)
  if (!range) return new Response(content, { headers: { 'Content-Length': String(content.length) } })
  const end = range[2] === '' ? content.length : Number(range[2]) + 1
  return new Response(content.subarray(Number(range[1]), end), { status: 206 })
}

const metadata = JSON.parse(await readFile(process.argv[2], 'utf8'))
const rows = await icebergRead({ tableUrl: metadata.location, metadata })
const times = rows.map(r => r.time.getTime())
const regions = {}
for (const r of rows) regions[r.region] = (regions[r.region] ?? 0) + 1
console.log(JSON.stringify({
  rows: rows.length,
  sequences: new Set(rows.map(r => r.sequence)).size,
  sum: rows.reduce((sum, r) => sum + Number(typeof r.payload === 'string' ? r.payload : new TextDecoder().decode(r.payload)), 0),
  first: Math.min(...times),
  last: Math.max(...times),
  headers: rows.filter(r => r.headers != null).length,
  regions,
}))
