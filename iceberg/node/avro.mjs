// Unpacks the blocks of an Avro file: the inflation of hyparquet-compressors is for gzip, and fails on some raw deflate.
import { inflateRawSync } from 'node:zlib'

/** long reads a number of Avro: zigzag, seven bits a byte. */
function long(file, at) {
  let value = 0n
  for (let shift = 0n; ; shift += 7n) {
    const byte = file[at.i++]
    value |= BigInt(byte & 127) << shift
    if (byte < 128) return Number(value >> 1n ^ -(value & 1n))
  }
}

function bytesOf(n) {
  const bytes = []
  for (let rest = BigInt(n) << 1n; ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)])
    bytes.push(Number(rest & 127n | 128n))
  }
}

function text(file, at) {
  const n = long(file, at)
  return file.subarray(at.i, at.i += n)
}

export function unpacked(file) {
  const at = { i: 4 }
  const parts = [file.subarray(0, 4)]
  let deflate = false
  for (let n = long(file, at); n !== 0; n = long(file, at)) {
    if (n < 0) long(file, at), n = -n
    parts.push(bytesOf(n))
    for (; n > 0; n--) {
      const key = text(file, at)
      let value = text(file, at)
      if (key.toString() === 'avro.codec') {
        deflate = value.toString() === 'deflate'
        value = Buffer.from('null')
      }
      parts.push(bytesOf(key.length), key, bytesOf(value.length), value)
    }
  }
  if (!deflate) return file
  parts.push(bytesOf(0), file.subarray(at.i, at.i += 16))
  while (at.i < file.length) {
    parts.push(bytesOf(long(file, at)))
    const block = inflateRawSync(text(file, at))
    parts.push(bytesOf(block.length), block, file.subarray(at.i, at.i += 16))
  }
  return Buffer.concat(parts)
}
