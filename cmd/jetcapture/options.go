package main

import (
	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/form"
	"github.com/jetcapture/jetcapture/internal/place"
)

// The options of a capture, by the groups of the help. Each is bound to s, which must stay where it is. A field of the
// library that no option sets is listed, with the reason, in options_test.go.

func (s *captureSettings) sourceOptions() []option {
	return []option{
		{
			name: "stream-name", alias: "s", field: "NATSStreamName", arg: "NAME",
			help:  "the stream, or several by a pattern with *; required, unless another option chooses streams",
			value: text(&s.library.NATSStreamName), complete: completeStreams,
		},
		{
			name: "filter-subject", field: "FilterSubjects", arg: "SUBJECT",
			help:  "capture these subjects only; repeatable; fixed for the life of a capture",
			value: texts(&s.library.FilterSubjects),
		},
		{
			name: "start", field: "Start", arg: "WHERE",
			help: "where a new capture begins: all, new, a stream sequence, or a time such as 2026-11-23T15:00:00Z; an " +
				"existing one goes on where it was",
			value: starting(&s.library.Start), complete: completeWith("all", "new"),
		},
		{
			name: "range", field: "Until", arg: "FROM..TO", value: sequences(&s.slice),
			help: "capture these stream sequences only, as in 1..100, 100.. or 100, and end when they are stored, " +
				"also if some are still to come; " +
				"--capture is STREAM-FROM-TO then, unless it is given",
		},
		{
			name: "once", field: "Once", help: "end when the last message that the stream held at the start is stored",
			value: boolean(&s.library.Once),
		},
		{
			name: "consumer-name", alias: "c", field: "NATSConsumerName", arg: "NAME",
			help: "read through this durable consumer, as work queue and interest streams need; without it an ephemeral one " +
				"is used",
			value: text(&s.library.NATSConsumerName), complete: completeConsumers,
		},
		{
			name: "create-consumer", field: "CreateConsumer", help: "create the durable consumer if it is missing",
			value: boolean(&s.library.CreateConsumer),
		},
		{
			name: "on-poison", field: "Poison", arg: "POLICY",
			help: "what becomes of a message that cannot be decoded or written: dead-letter keeps it whole with the error, " +
				"skip leaves it out, fail ends the capture",
			value: choice(&s.library.Poison, jetcapture.PoisonDeadLetter, jetcapture.PoisonSkip, jetcapture.PoisonFail),
		},
	}
}

func (s *captureSettings) placeOptions() []option {
	return []option{
		{
			name: "output", alias: "o", field: "Archive.Bucket", arg: "PLACE",
			help:  "the archive: a folder, made if it is missing, or a bucket by its URL; required",
			value: outputPlace(&s.output),
		},
		{
			name: "capture", field: "Archive.Capture", arg: "NAME",
			help:  "name of the capture in the archive, for several captures of one stream (default: the stream's name)",
			value: text(&s.library.Archive.Capture),
		},
		{
			name: "instance", field: "Archive.Instance", arg: "NAME",
			help:  "name of this process among those of the same capture (default: the host's name and a free number)",
			value: text(&s.library.Archive.Instance),
		},
		{
			name: "key", arg: "SOURCE",
			help:  "group by this, a directory level each; NAME=SOURCE makes directories NAME=VALUE; repeatable",
			value: sources(&s.form.Keys), complete: completeSources,
		},
		{
			name: "group-by-subject", help: "the same as --key subject",
			value: boolean(&s.bySubject),
		},
		{
			name: "layout", field: "Archive.Layout", arg: "LAYOUT",
			help: "directories: default is the keys, then YYYY/MM/DD/HH/mm; hive is NAME=VALUE for each key, then " +
				"date=YYYY-MM-DD/hour=HH; dt-hr the same with dt= and hr=; a key without a name is key, key2 and so on",
			value: choice(&s.paths.Layout, place.Layouts()...),
		},
		{
			name: "path", arg: "TEMPLATE",
			help: "directories of your own, such as 'shop={json:shop}/%Y-%m/day=%d': in { } the NAME of a --key or a SOURCE; " +
				"%Y, %m, %d, %H, %M and %F are the start of the window",
			value: text(&s.paths.Template),
		},
		{
			name: "timezone", arg: "ZONE",
			help:  "time zone of the directories, such as Europe/Berlin; windows stay aligned to UTC",
			value: timezone(&s.paths.Zone),
		},
	}
}

func (s *captureSettings) formOptions() []option {
	return []option{
		{
			name: "format", field: "Suffix", arg: "FORMAT",
			help:  "ndjson, csv, parquet, avro, or raw, which holds the messages as they are, for programs that restore them",
			value: choice(&s.form.Format, form.Formats()...),
		},
		{
			name: "record", arg: "RECORD",
			help: "what a message becomes in ndjson: message is all of it as JSON, its payload in base64; payload is the " +
				"payload alone, one line or JSON; event is all of it as a CloudEvent, its payload as JSON where it is JSON, to " +
				"be queried; in avro: message, or eventhubs, the fields of Azure Event Hubs Capture",
			value: choice(&s.form.Record, form.Records()...),
		},
		{
			name: "payload", arg: "TYPE",
			help: "type of the payload in parquet without columns: bytes or json. With json, a payload that is not JSON is " +
				"null, and kept in the column _rescued",
			value: choice(&s.form.Payload, form.PayloadBytes, form.PayloadJSON),
		},
		{
			name: "column", arg: "NAME[:TYPE]=SOURCE",
			help: "a column of csv or parquet; repeatable. Types are string, the default, bool, int64, float64, decimal or " +
				"decimal(P,S), timestamp (of text) or timestamp(s|ms|us|ns) (of numbers), date, json and bytes. A missing " +
				"value is null",
			value: columns(&s.form.Columns),
		},
		{
			name: "on-mismatch", arg: "POLICY",
			help: "a value that does not fit its column is null there; rescue keeps it with the reason in the last column, " +
				"_rescued, dead-letter makes the whole message a dead letter instead",
			value: choice(&s.form.Mismatch, form.Rescue, form.DeadLetter),
		},
		{
			name: "csv-null", arg: "TEXT",
			help:  "what stands for null in csv; a value of the same text is in quotes (default: nothing)",
			value: text(&s.form.CSVNull),
		},
		{
			name: "csv-header", help: "begin each csv file with the names of the columns",
			value: boolean(&s.csvHeader),
		},
		{
			name: "csv-escape-formulas",
			help: "put ' in front of values in csv that a spreadsheet could take for formulas: those that begin with " +
				"= + - @, tab or a line break, and are no numbers",
			value: boolean(&s.form.CSVEscape),
		},
		{
			name: "compression", field: "Compression", arg: "CODEC",
			help: "none, gzip, snappy (framed) or zstd; parquet and avro are compressed inside the file (default: gzip, of " +
				"parquet zstd)",
			value: choice(&s.library.Compression, jetcapture.None, jetcapture.GZip, jetcapture.Snappy, jetcapture.Zstd),
		},
		{
			name: "compression-level", field: "CompressionLevel", arg: "N",
			help:  "1 to 9 of gzip, 1 to 22 of zstd; 0 is a level that favours speed",
			value: count(&s.library.CompressionLevel),
		},
	}
}

func (s *captureSettings) cutOptions() []option {
	return []option{
		{
			name: "max-age", field: "MaxAge", arg: "DURATION",
			help:  "length of the time windows; a file holds messages of one window",
			value: positiveDuration(&s.library.MaxAge),
		},
		{
			name: "max-messages", field: "MaxMessages", arg: "N",
			help:  "go on in a new file after so many messages; 0 is no limit",
			value: count(&s.library.MaxMessages),
		},
		{
			name: "max-bytes", field: "MaxBytes", arg: "SIZE",
			help:  "go on in a new file after so many bytes before compression; 0 is no limit",
			value: size(&s.library.MaxBytes),
		},
		{
			name: "max-idle", field: "MaxIdle", arg: "DURATION",
			help:  "store what there is when no message came for so long; 0 is never",
			value: duration(&s.library.MaxIdle),
		},
		{
			name: "drain-timeout", field: "DrainTimeout", arg: "DURATION",
			help:  "after SIGTERM, SIGINT or SIGHUP, store what was read within this time; the rest stays in the stream",
			value: positiveDuration(&s.library.DrainTimeout),
		},
		{
			name: "wait", field: "Wait", arg: "DURATION",
			help: "at the start, wait so long for a server or a store that cannot be reached; what is plainly wrong ends at " +
				"once",
			value: positiveDuration(&s.library.Wait),
		},
	}
}

func (s *captureSettings) resourceOptions() []option {
	return []option{
		{
			name: "memory-limit", process: true, field: "MemoryLimit", arg: "SIZE",
			help:  "memory for open files and messages in flight, of all captures together (default of several: 256MiB)",
			value: positiveSize(&s.library.MemoryLimit),
		},
		{
			name: "buffer-to-disk", field: "BufferToDisk",
			help:  "let open files go to disk over the memory limit; if false, they are stored early instead",
			value: boolean(&s.library.BufferToDisk),
		},
		{
			name: "tmp-dir", field: "TempDir", arg: "FOLDER",
			help:  "folder of open files that go to disk (default: the system's folder for temporary files)",
			value: text(&s.library.TempDir),
		},
		{
			name: "spool-limit", process: true, field: "SpoolLimit", arg: "SIZE",
			help:  "disk space for open files, of all captures together; over it, files are stored early and reading waits",
			value: positiveSize(&s.library.SpoolLimit),
		},
	}
}
