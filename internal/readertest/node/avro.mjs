// Reads Avro object container files with avsc and prints each record as a line of JSON; bytes are {"base64": "..."}, longs strings.
import { createReadStream } from 'node:fs'
import avsc from 'avsc'
import { decompress } from 'fzstd'
import snappy from 'snappyjs'

const codecs = {
  ...avsc.streams.BlockDecoder.defaultCodecs(), // null and deflate
  snappy: (block, done) => done(null, Buffer.from(snappy.uncompress(block.subarray(0, block.length - 4)))), // a checksum follows
  zstandard: (block, done) => done(null, Buffer.from(decompress(block))),
}
const long = avsc.types.LongType.__with({
  fromBuffer: (buf) => buf.readBigInt64LE(),
  toBuffer: (n) => { const buf = Buffer.alloc(8); buf.writeBigInt64LE(n); return buf },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (n) => typeof n === 'bigint',
  compare: (a, b) => (a === b ? 0 : a < b ? -1 : 1),
})
const typeHook = (schema) => (schema === 'long' || schema.type === 'long' ? long : undefined)
const parseHook = (schema) => avsc.Type.forSchema(schema, { typeHook, wrapUnions: true })
const plain = (key, value) => {
  if (typeof value === 'bigint') return String(value)
  if (value?.type === 'Buffer') return { base64: Buffer.from(value.data).toString('base64') }
  return value
}

for (const path of process.argv.slice(2)) {
  const decoder = createReadStream(path).pipe(new avsc.streams.BlockDecoder({ codecs, parseHook }))
  let count = 0
  for await (const record of decoder) {
    count++
    console.log(JSON.stringify({ path, record }, plain))
  }
  console.log(JSON.stringify({ path, count }))
}
