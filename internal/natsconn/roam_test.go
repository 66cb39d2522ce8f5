package natsconn

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
)

// roam returns in which minutes a connection goes to another of its servers, if JetStream never answers and it stays
// for a minute at first.
func roam(t *testing.T, servers string) (moves []int) {
	t.Helper()
	nc := natstest.Connect(t, servers)
	r, began := NewRoaming(nc, slog.New(slog.DiscardHandler)), time.Now()
	for minute := range 40 {
		wait := r.wait
		r.Unanswered(began.Add(time.Duration(minute)*time.Minute), time.Minute)
		if wait == 0 || r.since != began.Add(time.Duration(minute)*time.Minute) {
			continue
		}
		moves = append(moves, minute)
		natstest.Eventually(t, 20*time.Second, "new connection", func() bool {
			return nc.Stats().Reconnects == uint64(len(moves)) && nc.IsConnected()
		})
	}
	return moves
}

func TestRoamingIsDoneLessAndLessOften(t *testing.T) {
	srv := natstest.Start(t)
	other := natstest.NewProxy(t, srv.Addr())
	if got, want := roam(t, srv.URL()+","+other.URL()), []int{1, 3, 7, 15, 25, 35}; !slices.Equal(got, want) {
		t.Errorf("it goes in the minutes %v, want %v", got, want)
	}
}

func TestAServerThatIsAloneIsNotLeft(t *testing.T) {
	if got := roam(t, natstest.Start(t).URL()); got != nil {
		t.Errorf("it goes in the minutes %v", got)
	}
}
