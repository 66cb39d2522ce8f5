// Package readertest has no code but tests: that readers which are not ours and not of the libraries that we write with read our files. Avro is
// read by github.com/linkedin/goavro and by avsc, Parquet by DuckDB.
//
// avsc and DuckDB run in Node.js: what is in node/package-lock.json is installed by "npm ci" when it is missing. Without Node.js these
// tests are left out, in one line that says so; with CI=true in the environment that is an error.
//
// It is a module of its own, so that users of the library download none of this.
package readertest
