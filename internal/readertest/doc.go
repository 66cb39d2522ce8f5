// Package readertest consists of tests that other readers can read our files: readers that neither we nor the libraries
// that we write with have made. Avro is read by github.com/linkedin/goavro and by avsc, Parquet by DuckDB.
//
// avsc and DuckDB run in Node.js. "npm ci" installs what is in node/package-lock.json if it is missing. Without Node.js
// these tests are left out, with a line that says so; with CI=true in the environment that is an error.
//
// It is a module of its own, so that users of the library download nothing of this.
package readertest
