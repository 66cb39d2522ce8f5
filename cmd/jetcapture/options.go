package main

import (
	"log/slog"

	"github.com/jetcapture/jetcapture"
)

// option is one option of the command run. Its flag, its line in the help, and where it goes are made from this one description.
type option struct {
	name  string
	alias string // one letter
	env   string // environment variable that is used when the flag is not given
	// process: one value for the process, not one for each of its captures.
	process bool
	// flagOnly: not in a configuration file.
	flagOnly bool
	only     bool   // by environment only: a secret, which a command line would show to every user of the machine
	field    string // the field of jetcapture.Options that it sets, if it sets one
	arg      string // stands for the value in the help; a switch needs none
	help     string // one sentence, no full stop; the default is added
	of       func(*settings) value
}

// group is options that belong together.
type group struct {
	title   string
	options []option
}

// groups are all options of the command run, in the order of the help.
func groups() []group {
	return []group{
		{"What to capture", sourceOptions()},
		{"Configuration file", configOptions()},
		{"Where to", placeOptions()},
		{"In which form", formOptions()},
		{"When a file is complete", cutOptions()},
		{"Resources", resourceOptions()},
		{"Messages", reportOptions()},
		{"Connection", connectionOptions()},
	}
}

// allOptions are those of all groups.
func allOptions() (all []option) {
	for _, g := range groups() {
		all = append(all, g.options...)
	}
	return all
}

func configOptions() []option {
	return []option{
		{
			name: "config", flagOnly: true, arg: "FILE",
			help: "take options from this YAML file, for one capture or several; flags and environment override it",
			of:   func(s *settings) value { return text(&s.config) },
		},
		{
			name: "expand-env", flagOnly: true, help: "replace ${NAME} in the file by a variable of the environment",
			of: func(s *settings) value { return boolean(&s.expandEnv) },
		},
	}
}

func sourceOptions() []option {
	return []option{
		{
			name: "stream-name", alias: "s", field: "NATSStreamName", arg: "NAME", help: "the stream; required",
			of: func(s *settings) value { return text(&s.library.NATSStreamName) },
		},
		{
			name: "filter-subject", field: "FilterSubjects", arg: "SUBJECT",
			help: "capture these subjects only; repeatable; fixed for the life of a capture",
			of:   func(s *settings) value { return texts(&s.library.FilterSubjects) },
		},
		{
			name: "start", field: "Start", arg: "WHERE",
			help: "where a new capture begins: all, new, a stream sequence, or a time such as 2026-11-23T15:00:00Z; an existing one goes on where it was",
			of:   func(s *settings) value { return starting(&s.library.Start) },
		},
		{
			name: "once", field: "Once", help: "end when the last message that the stream held at the start is stored",
			of: func(s *settings) value { return boolean(&s.library.Once) },
		},
		{
			name: "consumer-name", alias: "c", field: "NATSConsumerName", arg: "NAME",
			help: "read through this durable consumer, as work queue and interest streams need; without it an ephemeral one is used",
			of:   func(s *settings) value { return text(&s.library.NATSConsumerName) },
		},
		{
			name: "create-consumer", field: "CreateConsumer", help: "create the durable consumer if it is missing",
			of: func(s *settings) value { return boolean(&s.library.CreateConsumer) },
		},
		{
			name: "on-poison", field: "Poison", arg: "POLICY",
			help: "what becomes of a message that cannot be decoded or written: dead-letter keeps it whole with the error, skip leaves it out, fail ends the capture",
			of: func(s *settings) value {
				return choice(&s.library.Poison, jetcapture.PoisonDeadLetter, jetcapture.PoisonSkip, jetcapture.PoisonFail)
			},
		},
	}
}

func placeOptions() []option {
	return []option{
		{
			name: "output", alias: "o", field: "Archive.Bucket", arg: "PLACE",
			help: "the archive: a folder, made if it is missing, or a bucket by its URL; required",
			of:   func(s *settings) value { return outputPlace(&s.output) },
		},
		{
			name: "capture", field: "Archive.Capture", arg: "NAME",
			help: "name of the capture in the archive, for several captures of one stream (default: the stream's name)",
			of:   func(s *settings) value { return text(&s.library.Archive.Capture) },
		},
		{
			name: "instance", field: "Archive.Instance", arg: "NAME",
			help: "name of this process among those of the same capture (default: the host's name and a free number)",
			of:   func(s *settings) value { return text(&s.library.Archive.Instance) },
		},
		{
			name: "key", arg: "SOURCE", help: "group by this, a directory level each; NAME=SOURCE makes directories NAME=VALUE; repeatable",
			of: func(s *settings) value { return sources(&s.form.keys) },
		},
		{
			name: "group-by-subject", help: "the same as --key subject",
			of: func(s *settings) value { return boolean(&s.bySubject) },
		},
		{
			name: "layout", field: "Archive.Layout", arg: "LAYOUT",
			help: "directories: default is the keys, then YYYY/MM/DD/HH/mm; hive is NAME=VALUE for each key, then date=YYYY-MM-DD/hour=HH; dt-hr the " +
				"same with dt= and hr=; a key without a name is key, key2 and so on",
			of: func(s *settings) value { return choice(&s.paths.layout, layouts()...) },
		},
		{
			name: "path", arg: "TEMPLATE",
			help: "directories of your own, such as 'shop={json:shop}/%Y-%m/day=%d': in { } the NAME of a --key or a SOURCE; %Y, %m, %d, %H, %M and " +
				"%F are the start of the window",
			of: func(s *settings) value { return text(&s.paths.template) },
		},
		{
			name: "timezone", arg: "ZONE", help: "of the times in directories, such as Europe/Berlin; windows stay aligned to UTC",
			of: func(s *settings) value { return timezone(&s.paths.zone) },
		},
	}
}

func formOptions() []option {
	return []option{
		{
			name: "format", field: "Suffix", arg: "FORMAT",
			help: "ndjson, csv, parquet, avro, or raw, which holds the messages as they are, for programs that restore them",
			of:   func(s *settings) value { return choice(&s.form.format, formats()...) },
		},
		{
			name: "record", arg: "RECORD",
			help: "what a message becomes in ndjson: message is all of it as JSON, its payload in base64; payload is the payload alone, one line or " +
				"JSON; event is all of it as a CloudEvent, its payload as JSON where it is JSON, to be queried; in avro: message, or eventhubs, " +
				"the fields of Azure Event Hubs Capture",
			of: func(s *settings) value { return choice(&s.form.record, records()...) },
		},
		{
			name: "payload", arg: "TYPE",
			help: "the payload in parquet without columns: bytes, or json, null where it is not JSON, which is kept in the column _rescued",
			of:   func(s *settings) value { return choice(&s.form.payload, payloadBytes, payloadJSON) },
		},
		{
			name: "column", arg: "NAME[:TYPE]=SOURCE",
			help: "a column of csv or parquet; repeatable. Types are string, the default, bool, int64, float64, decimal or decimal(P,S), " +
				"timestamp or, of numbers, timestamp(s|ms|us|ns), date, json and bytes. A missing value is null",
			of: func(s *settings) value { return columns(&s.form.columns) },
		},
		{
			name: "on-mismatch", arg: "POLICY",
			help: "a value that does not fit its column is null there; rescue keeps it with the reason in the last column, _rescued, dead-letter " +
				"makes the whole message a dead letter instead",
			of: func(s *settings) value { return choice(&s.form.mismatch, mismatchRescue, mismatchDeadLetter) },
		},
		{
			name: "csv-null", arg: "TEXT", help: "what stands for null in csv; a value of the same text is in quotes (default: nothing)",
			of: func(s *settings) value { return text(&s.form.csvNull) },
		},
		{
			name: "csv-header", help: "begin each csv file with the names of the columns",
			of: func(s *settings) value { return boolean(&s.csvHeader) },
		},
		{
			name: "compression", field: "Compression", arg: "CODEC",
			help: "none, gzip, snappy (framed) or zstd, of parquet and avro inside the file (default: gzip, of parquet zstd)",
			of: func(s *settings) value {
				return choice(&s.library.Compression, jetcapture.None, jetcapture.GZip, jetcapture.Snappy, jetcapture.Zstd)
			},
		},
		{
			name: "compression-level", field: "CompressionLevel", arg: "N",
			help: "1 to 9 of gzip, 1 to 22 of zstd; 0 is a level that favours speed",
			of:   func(s *settings) value { return count(&s.library.CompressionLevel) },
		},
	}
}

func cutOptions() []option {
	return []option{
		{
			name: "max-age", field: "MaxAge", arg: "DURATION", help: "length of the time windows; a file holds messages of one window",
			of: func(s *settings) value { return positiveDuration(&s.library.MaxAge) },
		},
		{
			name: "max-messages", field: "MaxMessages", arg: "N", help: "go on in a new file after so many messages; 0 is no limit",
			of: func(s *settings) value { return count(&s.library.MaxMessages) },
		},
		{
			name: "max-bytes", field: "MaxBytes", arg: "SIZE", help: "go on in a new file after so many bytes before compression; 0 is no limit",
			of: func(s *settings) value { return size(&s.library.MaxBytes) },
		},
		{
			name: "max-idle", field: "MaxIdle", arg: "DURATION", help: "store what there is when no message came for so long; 0 is never",
			of: func(s *settings) value { return duration(&s.library.MaxIdle) },
		},
		{
			name: "drain-timeout", field: "DrainTimeout", arg: "DURATION",
			help: "after SIGTERM or SIGINT, store what was read within this time; the rest stays in the stream",
			of:   func(s *settings) value { return positiveDuration(&s.library.DrainTimeout) },
		},
	}
}

func resourceOptions() []option {
	return []option{
		{
			name: "memory-limit", field: "MemoryLimit", arg: "SIZE", help: "for open files and messages in flight",
			of: func(s *settings) value { return positiveSize(&s.library.MemoryLimit) },
		},
		{
			name: "buffer-to-disk", field: "BufferToDisk",
			help: "let open files go to disk over the memory limit; if false, they are stored early instead",
			of:   func(s *settings) value { return boolean(&s.library.BufferToDisk) },
		},
		{
			name: "tmp-dir", field: "TempDir", arg: "FOLDER", help: "where they go (default: the system's folder for temporary files)",
			of: func(s *settings) value { return text(&s.library.TempDir) },
		},
		{
			name: "spool-limit", field: "SpoolLimit", arg: "SIZE", help: "for open files on disk; over it, files are stored early and reading waits",
			of: func(s *settings) value { return positiveSize(&s.library.SpoolLimit) },
		},
	}
}

func reportOptions() []option {
	return []option{
		{
			name: "log-level", process: true, field: "Logger", arg: "LEVEL", help: "debug, info, warn or error",
			of: func(s *settings) value { return marshaled[slog.Level](&s.logLevel, "debug, info, warn, error") },
		},
		{
			name: "log-json", process: true, help: "log JSON lines, and show no progress line",
			of: func(s *settings) value { return boolean(&s.logJSON) },
		},
		{
			name: "json", process: true, help: "print the summary as JSON on the standard output",
			of: func(s *settings) value { return boolean(&s.json) },
		},
	}
}

func connectionOptions() []option {
	return []option{
		{
			name: "nats-context", env: "NATS_CONTEXT", arg: "NAME",
			help: "a context of the nats command: its server, credentials, TLS and JetStream domain",
			of:   func(s *settings) value { return text(&s.nats.context) },
		},
		{
			name: "nats-server", env: "NATS_URL", arg: "URLS", help: "servers, separated by commas (default: nats://127.0.0.1:4222)",
			of: func(s *settings) value { return text(&s.nats.server) },
		},
		{
			name: "nats-creds", env: "NATS_CREDS", arg: "FILE", help: "credentials file",
			of: func(s *settings) value { return text(&s.nats.creds) },
		},
		{
			name: "nats-nkey", env: "NATS_NKEY", arg: "FILE", help: "nkey seed file",
			of: func(s *settings) value { return text(&s.nats.nkey) },
		},
		{name: "nats-user", env: "NATS_USER", only: true, help: "user name", of: func(s *settings) value { return text(&s.nats.user) }},
		{
			name: "nats-password", env: "NATS_PASSWORD", only: true, help: "its password",
			of: func(s *settings) value { return text(&s.nats.password) },
		},
		{name: "nats-token", env: "NATS_TOKEN", only: true, help: "token", of: func(s *settings) value { return text(&s.nats.token) }},
		{
			name: "nats-tls-cert", env: "NATS_CERT", arg: "FILE", help: "client certificate",
			of: func(s *settings) value { return text(&s.nats.cert) },
		},
		{
			name: "nats-tls-key", env: "NATS_KEY", arg: "FILE", help: "its private key",
			of: func(s *settings) value { return text(&s.nats.key) },
		},
		{
			name: "nats-tls-ca", env: "NATS_CA", arg: "FILE", help: "certificate authorities to trust",
			of: func(s *settings) value { return text(&s.nats.ca) },
		},
		{
			name: "nats-tls-first", help: "begin with the TLS handshake, for servers with handshake_first",
			of: func(s *settings) value { return boolean(&s.nats.tlsFirst) },
		},
		{
			name: "nats-inbox-prefix", env: "NATS_INBOX_PREFIX", arg: "SUBJECT", help: "prefix of the inboxes, where the user may not subscribe to _INBOX",
			of: func(s *settings) value { return text(&s.nats.inboxPrefix) },
		},
		{
			name: "js-domain", arg: "DOMAIN", help: "JetStream domain",
			of: func(s *settings) value { return text(&s.nats.domain) },
		},
		{
			name: "js-api-prefix", field: "APIPrefix", arg: "SUBJECT", help: "subject prefix of an imported JetStream API",
			of: func(s *settings) value { return text(&s.nats.apiPrefix) },
		},
	}
}
