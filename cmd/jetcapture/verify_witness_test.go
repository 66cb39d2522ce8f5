package main

import (
	"fmt"
	"testing"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestVerifyDoesNotBelieveItsConsumer: what a consumer leaves out and the stream has is compared, too.
func TestVerifyDoesNotBelieveItsConsumer(t *testing.T) {
	srv := natstest.Start(t)
	nc := srv.Connect()
	created := natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "ORDERS"})
	natstest.Publish(t, nc, 100, func(i int) *nats.Msg {
		return &nats.Msg{Subject: fmt.Sprintf("orders.%d", i%2), Data: []byte("x")}
	})
	for _, seq := range []uint64{10, 11, 50} { // gaps that the stream has
		if err := created.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name     string
		filter   []string
		most     int
		filtered bool
		want     int
	}{
		{"by the list", nil, witnessList, false, 97},
		{"by the list, filtered", []string{"orders.1"}, witnessList, false, 48},
		{"by samples", nil, -1, false, 97},
		{"by samples, filtered", []string{"orders.1"}, -1, false, 48},
		{"by samples, with a filtered consumer", []string{"orders.1"}, witnessList, true, 48},
	} {
		t.Run(tt.name, func(t *testing.T) {
			liar := natstest.NewLiar(t, srv.Addr(), 4, 12, 13, 14, 20, 99, 100)
			lied := natstest.Connect(t, liar.URL())
			s := newStream(lied, "$JS.API", cutlog.Format{Stream: "ORDERS", Filter: tt.filter})
			s.second.most, s.second.filtered = tt.most, tt.filtered
			if _, err := s.Info(t.Context()); err != nil {
				t.Fatal(err)
			}
			got, last := 0, uint64(0)
			for _, part := range [][2]uint64{{0, 13}, {13, 60}, {60, 100}} {
				for m, err := range s.Messages(t.Context(), part[0], part[1]) {
					if err != nil {
						t.Fatal(err)
					}
					if m.Seq <= last || string(m.Data) != "x" {
						t.Errorf("%+v comes after %d", m, last)
					}
					got, last = got+1, m.Seq
				}
			}
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if got != tt.want || last != 100 {
				t.Errorf("%d messages up to %d, want %d", got, last, tt.want)
			}
		})
	}
}
