package main

import (
	"strconv"
	"strings"
)

// job is one line of the table: a process that reads a whole stream.
type job struct {
	name, about string
	stream      string // of allStreams
	bare        bool   // only counts messages: the fastest bare job of a stream is the reference of the others
	command     func(target) []string
	count       counter // counts what it wrote; nil for bare jobs
}

// target is what a job runs on.
type target struct {
	self, jetcapture string // executables
	url, stream      string
	consumer         string // that does not exist yet
	output           string // a directory that does not exist yet
	metrics          string // an address that is free; what a job serves there is scraped once a second
}

// allJobs returns all jobs. A new one is one entry here.
func allJobs() []job {
	return []job{
		{"bare", "nats.go's ordered consumer, pulls of 16 MiB", "orders", true, bare("-pull-max-bytes", mib(16)), nil},
		{"bare-64MiB", "the same, pulls of 64 MiB", "orders", true, bare("-pull-max-bytes", mib(64)), nil},
		{"bare-1MiB", "the same, pulls of 1 MiB", "orders", true, bare("-pull-max-bytes", mib(1)), nil},
		{"bare-10000", "the same, pulls of 10,000 messages", "orders", true, bare("-pull-max-messages", "10000"), nil},
		{"bare-default", "the same, the default of 500 messages", "orders", true, bare("-pull-max-messages", "500"), nil},
		{"payload-none", "payloads as NDJSON", "orders", false, ndjson("payload", "none"), lines(0)},
		{"payload-gzip", "payloads as NDJSON, gzip", "orders", false, ndjson("payload", "gzip"), lines(0)},
		{"payload-zstd", "payloads as NDJSON, zstd", "orders", false, ndjson("payload", "zstd"), lines(0)},
		{
			"payload-zstd-scraped", "the same with --http, its metrics scraped each second", "orders", false,
			scraped(ndjson("payload", "zstd")), lines(0),
		},
		{"message-gzip", "whole messages as NDJSON, gzip", "orders", false, ndjson("message", "gzip"), lines(0)},
		{"csv-gzip", "the library, JSON decoded by the user, CSV, gzip", "orders", false, csvProgram, lines(1)},
		{"event-zstd", "events with the payload as JSON, NDJSON, zstd", "orders", false, ndjson("event", "zstd"), lines(0)},
		{"csv8-gzip", "the command, 8 columns of the JSON, CSV, gzip", "orders", false, csv("gzip"), lines(1)},
		{"parquet-zstd", "whole messages as Parquet, zstd", "orders", false, capture("--format", "parquet"), parquetRows},
		{"log-dir", "the library, payloads, zstd, a cut each 100,000 messages", "orders", false, logProgram(), lines(0)},
		{
			"log-mem", "the same with the cut log in memory: what the log costs", "orders", false, logProgram("-log-in-memory"),
			lines(0),
		},
		{"bare-5000", "as bare, on the stream of 5,000 keys", "orders5000", true, bare("-pull-max-bytes", mib(16)), nil},
		{
			"payload-gzip-5000", "payloads as NDJSON, gzip, 5,000 keys", "orders5000", false, ndjson("payload", "gzip"),
			lines(0),
		},
		{
			"windows-5000", "the same with windows of 5 s instead of 15 minutes: many small files", "orders5000", false,
			capture("--format", "ndjson", "--record", "payload", "--compression", "gzip", "--max-age", "5s"), lines(0),
		},
		{
			"parquet-zstd-5000", "whole messages as Parquet, zstd, 5,000 keys", "orders5000", false,
			capture("--format", "parquet"), parquetRows,
		},
		{
			"bare-100000", "as bare, on the stream of 100,000 keys", "orders100000", true, bare("-pull-max-bytes", mib(16)), nil,
		},
		{
			"payload-gzip-100000", "payloads as NDJSON, gzip, 100,000 keys", "orders100000", false, ndjson("payload", "gzip"),
			lines(0),
		},
		{"bare-4k", "as bare, messages of 4 KiB", "orders4k", true, bare("-pull-max-bytes", mib(16)), nil},
		{
			"payload-zstd-4k", "payloads as NDJSON, zstd, messages of 4 KiB", "orders4k", false, ndjson("payload", "zstd"),
			lines(0),
		},
		{"bare-1m", "as bare, messages of 1 MB", "orders1m", true, bare("-pull-max-bytes", mib(16)), nil},
		{
			"payload-zstd-1m", "payloads as NDJSON, zstd, messages of 1 MB", "orders1m", false, ndjson("payload", "zstd"),
			lines(0),
		},
		{"bare-acks", "nats.go's durable consumer, which acknowledges each message", "acked", true, bareAcks, nil},
		{
			"payload-gzip-acks", "payloads as NDJSON, gzip, through a durable consumer", "acked", false,
			acked(ndjson("payload", "gzip")), lines(0),
		},
	}
}

// mib returns n MiB as the value of a flag in bytes.
func mib(n int) string { return strconv.Itoa(n << 20) }

// bare makes the command of the part "bare" with the given settings.
func bare(flags ...string) func(target) []string {
	return func(t target) []string {
		return append([]string{t.self, "bare", "-url", t.url, "-stream", t.stream}, flags...)
	}
}

// capture returns the jetcapture command that copies the stream, keyed by the second token of the subject.
func capture(form ...string) func(target) []string {
	return func(t target) []string {
		return append([]string{
			t.jetcapture, "run", "--nats-server", t.url, "--stream-name", t.stream, "--output", t.output, "--once", "--key",
			"subject[2]",
		}, form...)
	}
}

// ndjson makes the command that writes lines.
func ndjson(record, compression string) func(target) []string {
	return capture("--format", "ndjson", "--record", record, "--compression", compression)
}

// csv makes the command that writes every field of the payload as a column.
func csv(compression string) func(target) []string {
	form := []string{"--format", "csv", "--compression", compression}
	for field := range strings.FieldsSeq("id first_name last_name region quantity price paid at") {
		form = append(form, "--column", field+"=json:"+field)
	}
	return capture(form...)
}

// bareAcks is the command of the part "bare" with a durable consumer.
func bareAcks(t target) []string {
	return bare("-pull-max-bytes", mib(16), "-durable", t.consumer)(t)
}

// acked makes a capture read through a durable consumer.
func acked(command func(target) []string) func(target) []string {
	return func(t target) []string { return append(command(t), "--consumer-name", t.consumer) }
}

// scraped makes a capture serve its metrics.
func scraped(command func(target) []string) func(target) []string {
	return func(t target) []string { return append(command(t), "--http", t.metrics) }
}

// csvProgram is the command of the part "csv".
func csvProgram(t target) []string {
	return []string{t.self, "csv", "-url", t.url, "-stream", t.stream, "-output", t.output}
}
