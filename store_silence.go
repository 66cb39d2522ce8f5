package jetcapture

import (
	"log/slog"
	"time"
)

// StoreSilence is how long nothing was stored of the cut that is being stored, and 0 if none is. A store that gives no
// answer fails late: its client waits for minutes, and tries again by itself. now is the local time.
func (s *Stats) StoreSilence(now time.Time) time.Duration {
	since := s.Storing.Since
	if since.IsZero() {
		return 0
	}
	if s.StoreOK.After(since) {
		since = s.StoreOK
	}
	return max(now.Sub(since), 0)
}

// silentAfter is after how long a silence of the store is in the log.
const silentAfter = 2 * time.Minute

// silenceWarner logs that the store gives no answer, once in a silence. One goroutine uses it.
type silenceWarner struct {
	log  *slog.Logger
	told bool
}

// look looks whether the store is silent now. If its operations fail, that is in the log already.
func (w *silenceWarner) look(s *Stats, now time.Time) {
	silence := s.StoreSilence(now)
	if silence < silentAfter {
		w.told = false
		return
	}
	if !w.told && s.StoreFailing.IsZero() {
		w.told = true
		w.log.Warn("the store does not seem to answer: a cut is being stored, and nothing of it was stored for a while",
			"for", silence.Round(time.Second), "stored_seq", s.StoredSeq, "unstored_age", s.Freshness(now).Round(time.Second))
	}
}
