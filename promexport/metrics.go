package promexport

import (
	"math"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/cutlog"
)

// metric is one metric: its name, and how its series come from Stats.
type metric struct {
	name    string
	help    string
	counter bool // else a gauge, or a histogram if collect says so
	labels  []string
	collect func(s *sample)
}

// metrics returns all metrics of a capture.
func metrics() []metric {
	return slices.Concat(readMetrics(), lossMetrics(), cutMetrics(), storeMetrics(), positionMetrics(), raceMetrics(),
		stateMetrics())
}

// counter is a counter without labels.
func counter(name, help string, value func(s *jetcapture.Stats) int64) metric {
	return metric{
		name: "jetcapture_" + name, help: help, counter: true,
		collect: func(s *sample) { s.is(float64(value(s.stats))) },
	}
}

// gauge is a gauge without labels.
func gauge(name, help string, value func(s *jetcapture.Stats, now time.Time) float64) metric {
	return metric{name: "jetcapture_" + name, help: help, collect: func(s *sample) { s.is(value(s.stats, s.now)) }}
}

func readMetrics() []metric {
	return []metric{
		counter("messages_read_total", "Messages that were read. One that is read again counts once.",
			func(s *jetcapture.Stats) int64 { return s.Messages }),
		counter("read_bytes_total", "Bytes of the subjects, headers and payloads of the messages that were read.",
			func(s *jetcapture.Stats) int64 { return s.Bytes }),
		counter("messages_dead_total", "Messages that could not be decoded or written, and were kept as dead letters.",
			func(s *jetcapture.Stats) int64 { return s.Dead }),
		counter("messages_skipped_total", "Messages that were left out on purpose.",
			func(s *jetcapture.Stats) int64 { return s.Skipped }),
		counter("rows_written_total", "Rows in stored files.",
			func(s *jetcapture.Stats) int64 { return s.Rows }),
	}
}

// lostReasons are the reasons of losses.
func lostReasons() []cutlog.LostReason {
	return []cutlog.LostReason{
		cutlog.LostExpired, cutlog.LostRemoved, cutlog.LostElsewhere, cutlog.LostRecreated, cutlog.LostUnknown,
		cutlog.LostGone,
	}
}

// absentReasons are the reasons of absence.
func absentReasons() []cutlog.AbsentReason {
	return []cutlog.AbsentReason{cutlog.AbsentFiltered, cutlog.AbsentNever, cutlog.AbsentUnknown}
}

func lossMetrics() []metric {
	return []metric{
		{
			name: "jetcapture_sequences_lost_total", counter: true, labels: []string{"reason"},
			help: "Messages that were gone from the stream before they were stored, by reason.",
			collect: func(s *sample) {
				for _, r := range lostReasons() {
					s.is(float64(s.stats.LostBy[string(r)]), string(r))
				}
			},
		},
		{
			name: "jetcapture_sequences_absent_total", counter: true, labels: []string{"reason"},
			help: "Stream sequences that are no messages of the capture, as far as can be known, by reason.",
			collect: func(s *sample) {
				for _, r := range absentReasons() {
					s.is(float64(s.stats.AbsentBy[string(r)]), string(r))
				}
			},
		},
		counter("sequences_unwitnessed_total",
			"Messages that the consumer passed over and the stream had. They were fetched, but it must not happen.",
			func(s *jetcapture.Stats) int64 { return s.Unwitnessed }),
		counter("incarnations_total", "How often the stream was replaced, restored or rolled back.",
			func(s *jetcapture.Stats) int64 { return s.Incarnations }),
		{
			name: "jetcapture_repositions_total", counter: true, labels: []string{"reason"},
			help: "How often reading started again at the position of what is stored, by reason.",
			collect: func(s *sample) {
				for _, cause := range jetcapture.RepositionCauses() {
					s.is(float64(s.stats.RepositionsBy[cause]), cause)
				}
			},
		},
	}
}

// cutReasons are the reasons of cuts.
func cutReasons() []cutlog.Reason {
	return []cutlog.Reason{
		cutlog.ReasonOpen, cutlog.ReasonWindow, cutlog.ReasonFull, cutlog.ReasonIdle, cutlog.ReasonPressure,
		cutlog.ReasonRetention, cutlog.ReasonShutdown, cutlog.ReasonOnce, cutlog.ReasonFlush, cutlog.ReasonDiverged,
	}
}

func cutMetrics() []metric {
	return []metric{
		{
			name: "jetcapture_cuts_total", counter: true, labels: []string{"reason"},
			help: "Complete cuts, by reason.",
			collect: func(s *sample) {
				for _, r := range cutReasons() {
					s.is(float64(s.stats.Reasons[string(r)]), string(r))
				}
			},
		},
		counter("cuts_lost_total", "Cuts that another process made first. Work was done twice, nothing is wrong.",
			func(s *jetcapture.Stats) int64 { return s.CutsLost }),
		counter("cuts_redone_total", "Complete cuts that an earlier or another process had planned.",
			func(s *jetcapture.Stats) int64 { return s.Redone }),
		{
			name: "jetcapture_cut_duration_seconds", help: "Time from the decision to make a cut to its last ack.",
			collect: func(s *sample) { s.took(s.stats.CutTimes) },
		},
	}
}

func storeMetrics() []metric {
	return []metric{
		{
			name: "jetcapture_blocks_stored_total", counter: true, labels: []string{"kind"},
			help: "Stored files, of messages (data) and of dead letters (dead).",
			collect: func(s *sample) {
				s.is(float64(s.stats.Blocks-s.stats.DeadBlocks), string(cutlog.KindData))
				s.is(float64(s.stats.DeadBlocks), string(cutlog.KindDead))
			},
		},
		{
			name: "jetcapture_stored_bytes_total", counter: true, labels: []string{"kind"},
			help: "Size of the stored files, of messages (data) and of dead letters (dead).",
			collect: func(s *sample) {
				s.is(float64(s.stats.BytesStored-s.stats.DeadBytes), string(cutlog.KindData))
				s.is(float64(s.stats.DeadBytes), string(cutlog.KindDead))
			},
		},
		{
			name: "jetcapture_store_operations_total", counter: true, labels: []string{"op", "result"},
			help: "Operations of the store of an archive. A result of exists or missing is an answer, not a failure.",
			collect: func(s *sample) {
				for _, op := range jetcapture.StoreOperations() {
					for _, r := range jetcapture.StoreResults() {
						s.is(float64(s.stats.StoreOps[op].Results[r]), op, string(r))
					}
				}
			},
		},
		{
			name: "jetcapture_store_operation_duration_seconds", labels: []string{"op"},
			help: "Time that operations of the store of an archive took, whatever their result.",
			collect: func(s *sample) {
				for _, op := range jetcapture.StoreOperations() {
					s.took(s.stats.StoreOps[op].Times, op)
				}
			},
		},
		counter("store_retries_total", "Failed operations of the store or the log that were tried again.",
			func(s *jetcapture.Stats) int64 { return s.Retries }),
	}
}

func positionMetrics() []metric {
	return []metric{
		gauge("last_sequence", "Stream sequence of the last message that was read.",
			func(s *jetcapture.Stats, _ time.Time) float64 { return float64(s.LastSeq) }),
		gauge("stored_sequence", "Stream sequence up to which everything is stored; 0 with a Store.",
			func(s *jetcapture.Stats, _ time.Time) float64 { return float64(s.StoredSeq) }),
		gauge("stream_first_sequence", "Stream sequence of the oldest message in the stream.",
			func(s *jetcapture.Stats, _ time.Time) float64 { return float64(s.Stream.FirstSeq) }),
		gauge("stream_last_sequence", "Highest stream sequence that was seen.",
			func(s *jetcapture.Stats, _ time.Time) float64 { return float64(s.Stream.LastSeq) }),
		gauge("stream_messages", "Messages in the stream.",
			func(s *jetcapture.Stats, _ time.Time) float64 { return float64(s.Stream.Messages) }),
		gauge("stream_bytes", "Size of the messages in the stream.",
			func(s *jetcapture.Stats, _ time.Time) float64 { return float64(s.Stream.Bytes) }),
		gauge("lag_messages", "Messages in the stream beyond the last one that was read.",
			func(s *jetcapture.Stats, _ time.Time) float64 { return float64(s.Lag) }),
		gauge("cut_number", "Number of the newest cut in the log; 0 with a Store.",
			func(s *jetcapture.Stats, _ time.Time) float64 { return float64(s.Cut) }),
		gauge("last_cut_timestamp_seconds", "When the newest cut in the log was made; 0 if there is none.",
			func(s *jetcapture.Stats, _ time.Time) float64 { return unix(s.CutTime) }),
	}
}

func raceMetrics() []metric {
	return []metric{
		gauge("freshness_seconds", "Age of the oldest message that is not stored, by the server's clock; 0 if there is none.",
			func(s *jetcapture.Stats, now time.Time) float64 { return s.Freshness(now).Seconds() }),
		gauge("stored_through_timestamp_seconds",
			"All messages with an earlier stream timestamp are stored; 0 if that is not known.",
			func(s *jetcapture.Stats, _ time.Time) float64 { return unix(s.StoredThrough()) }),
		gauge("window_seconds", "Length of a window (max-age), to which freshness compares.",
			func(s *jetcapture.Stats, _ time.Time) float64 { return s.Window.Seconds() }),
		{
			name: "jetcapture_retention_headroom_seconds", labels: []string{"position", "limit"},
			help: "Time until a limit of the stream drops the oldest message that is unread or unstored, " +
				"at the present rate; +Inf if there is no such limit or message.",
			collect: func(s *sample) {
				unread, unstored := s.stats.Headroom(s.now)
				s.headroom("unread", unread)
				s.headroom("unstored", unstored)
			},
		},
		{
			name: "jetcapture_retention_race", labels: []string{"position"},
			help: "1 if the stream will soon drop the oldest message that is unread or unstored: within an hour or ten " +
				"minutes, or within a quarter of the time that it keeps messages.",
			collect: func(s *sample) {
				unread, unstored := s.stats.RetentionRace(s.now)
				s.is(oneIf(unread), "unread")
				s.is(oneIf(unstored), "unstored")
			},
		},
		gauge("stream_messages_per_second", "Rate at which the stream takes messages, over five minutes.",
			func(s *jetcapture.Stats, _ time.Time) float64 { return s.Stream.Rate }),
		gauge("clock_offset_seconds", "Local time minus the server's time.",
			func(s *jetcapture.Stats, _ time.Time) float64 { return s.Stream.ClockOffset.Seconds() }),
	}
}

// headroom adds the series of one position.
func (s *sample) headroom(position string, h jetcapture.Headroom) {
	s.is(orInf(h.Age), position, "age")
	s.is(orInf(h.Messages), position, "messages")
	s.is(orInf(h.Bytes), position, "bytes")
}

// orInf returns seconds.
func orInf(d time.Duration) float64 {
	if d == jetcapture.Never {
		return math.Inf(1)
	}
	return d.Seconds()
}

// unix returns seconds since the Unix epoch, and 0 for no time.
func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixNano()) / 1e9
}

func stateMetrics() []metric {
	return []metric{
		gauge("open_blocks", "Blocks that are open, which become files at the next cut.",
			func(s *jetcapture.Stats, _ time.Time) float64 { return float64(s.OpenBlocks) }),
		gauge("memory_bytes", "Memory that open blocks take.",
			func(s *jetcapture.Stats, _ time.Time) float64 { return float64(s.Memory) }),
		gauge("memory_limit_bytes", "Memory that open blocks and messages in flight may take.",
			func(s *jetcapture.Stats, _ time.Time) float64 { return float64(s.MemoryLimit) }),
		gauge("spool_bytes", "Disk space that open blocks take.",
			func(s *jetcapture.Stats, _ time.Time) float64 { return float64(s.Spooled) }),
		gauge("ack_pending", "Messages that a durable consumer has delivered and waits for the acks of; 0 without one.",
			func(s *jetcapture.Stats, _ time.Time) float64 { return float64(s.AckPending) }),
		gauge("ack_pending_limit", "Messages that may be so (max_ack_pending); +Inf without a limit or a durable consumer.",
			func(s *jetcapture.Stats, _ time.Time) float64 {
				if s.AckPendingLimit == 0 {
					return math.Inf(1)
				}
				return float64(s.AckPendingLimit)
			}),
		gauge("spool_limit_bytes", "Disk space that open blocks may take.",
			func(s *jetcapture.Stats, _ time.Time) float64 { return float64(s.SpoolLimit) }),
		{
			name: "jetcapture_state", labels: []string{"state"},
			help: "What the capture does: 1 for one of the states, 0 for the others.",
			collect: func(s *sample) {
				for _, state := range jetcapture.States() {
					s.is(oneIf(s.stats.State == state), state.Label())
				}
			},
		},
		{
			name: "jetcapture_connected", labels: []string{"peer"},
			help: "1 if the connection to the server stands (nats), and if the last operation of the store succeeded (store).",
			collect: func(s *sample) {
				s.is(oneIf(s.stats.Connected), "nats")
				s.is(oneIf(s.stats.StoreFailing.IsZero()), "store")
			},
		},
	}
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
