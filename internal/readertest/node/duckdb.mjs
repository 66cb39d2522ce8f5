// Runs SQL in DuckDB. Reads a JSON array of statements from standard input and prints one line for each: {"rows": [[...]]}, every value as DuckDB's
// text and null as null, or {"error": "..."}.
import { readFileSync } from 'node:fs'
import { DuckDBInstance } from '@duckdb/node-api'

const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
const connection = await instance.connect()
await connection.run("SET TimeZone = 'UTC'")
for (const sql of JSON.parse(readFileSync(0, 'utf8'))) {
  try {
    const result = await connection.runAndReadAll(sql)
    const rows = result.getRows().map((row) => row.map((value) => (value === null ? null : String(value))))
    console.log(JSON.stringify({ rows }))
  } catch (error) {
    console.log(JSON.stringify({ error: error.message }))
  }
}
