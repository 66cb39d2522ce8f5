package rowread_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/rowread"
	"github.com/nats-io/nats.go"
)

// row is a row of a message with a payload and a time, each as text.
func row(data, stamp string) string {
	return `{"subject":"a","reply":"","header":{},"data":"` + data + `","metadata":{"Sequence":{"consumer_seq":0,` +
		`"stream_seq":7},"NumDelivered":0,"NumPending":0,"Timestamp":"` + stamp +
		`","Stream":"S","Consumer":"","Domain":""}}` + "\n"
}

// readRow reads a row behind a common one of the same form.
func readRow(t testing.TB, text string, want rowread.Parts) (m rowread.Message, err error) {
	t.Helper()
	in := strings.NewReader(row("", "2026-11-28T07:08:09Z") + text)
	r, err := rowread.New(rowread.JSONMessage, in, rowread.BufferSize, &rowread.Scratch{}, want)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Next(&m); err != nil {
		t.Fatal(err)
	}
	return m, r.Next(&m)
}

// What is read of a payload is what encoding/json reads of it, also of one that is damaged.
func TestPayloadsInBase64(t *testing.T) {
	const stamp = "2026-11-28T07:08:09Z"
	check := func(text string) {
		t.Helper()
		var want struct{ Data []byte }
		wantErr := json.Unmarshal([]byte(row(text, stamp)), &want)
		m, err := readRow(t, row(text, stamp), rowread.AllParts)
		if (err != nil) != (wantErr != nil) || err == nil && !bytes.Equal(m.Data, want.Data) {
			t.Errorf("%.60q: %.40x, %v, want %.40x, %v", text, m.Data, err, want.Data, wantErr)
		}
	}
	payload := func(n int) []byte {
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(i*i*37 + n)
		}
		return data
	}
	for _, n := range []int{6000, 6143, 6144, 6145, 8192, 12288, 12289, 20_000, 100_000} {
		text := base64.StdEncoding.EncodeToString(payload(n))
		check(text)
		for _, at := range []int{4000, 8184, 8188, 8192, 16384} { // where pieces end
			at = min(at, len(text)-4)
			check(text[:at] + "AA==" + text[at:])
			check(text[:at] + "====" + text[at:])
		}
	}
	for n := range 50 {
		text := base64.StdEncoding.EncodeToString(payload(n))
		check(text)
		check(text + "=")
		check(text + "AAAA")
		check(strings.TrimRight(text, "="))
		for i := range text {
			for _, c := range "=A+/-_ \xff" {
				check(text[:i] + string(c) + text[i+1:])
			}
		}
	}
}

// A row does not go on behind a line feed, whatever its parts are.
func TestALineIsARow(t *testing.T) {
	for _, part := range []string{
		`"data":"`, `"stream_seq":`, `"NumPending":`, `"Timestamp":"`, `"Timestamp":"2026`, `"Stream`,
	} {
		text := row("QQ==", "2026-11-28T07:08:09Z")
		broken := strings.Replace(text, part, part+"\n", 1)
		for _, want := range []rowread.Parts{0, rowread.AllParts} {
			if m, err := readRow(t, broken, want); err == nil {
				t.Errorf("%q: sequence %d was read", broken, m.Seq)
			}
		}
	}
}

// Times are those that encoding/json reads, from row to row of a file.
func TestTimes(t *testing.T) {
	var file bytes.Buffer
	var stamps []string
	for _, day := range []string{"2026-11-28", "1969-12-31", "2024-02-29", "0001-01-01", "9999-12-31", "2023-02-29"} {
		for _, clock := range []string{
			"07:08:09Z", "23:59:59.999999999Z", "00:00:00.1Z", "07:08:09.123456Z", "07:08:09+01:00", "07:08:09.5-11:30",
			"24:00:00Z", "07:60:09Z", "07:08:60Z", "07:08:09", "07:08:09.Z", "07:08:0xZ", "07:08:09.12x4Z", "07-08-09Z", "Z",
		} {
			stamps = append(stamps, day+"T"+clock)
			fmt.Fprint(&file, row("", day+"T"+clock))
		}
	}
	r, err := rowread.New(rowread.JSONMessage, &file, rowread.BufferSize, &rowread.Scratch{}, rowread.AllParts)
	if err != nil {
		t.Fatal(err)
	}
	for _, stamp := range stamps {
		var m rowread.Message
		err := r.Next(&m)
		want, wantErr := time.Parse(time.RFC3339Nano, stamp)
		if bad := (*rowread.RowError)(nil); wantErr != nil && !errors.As(err, &bad) ||
			wantErr == nil && (err != nil || !m.Time.Equal(want)) {
			t.Errorf("%s: %s, %v, want %s, %v", stamp, m.Time, err, want, wantErr)
		}
	}
}

// BenchmarkNext reads rows of orders.
func BenchmarkNext(b *testing.B) {
	var file []byte
	data := []byte(`{"id":17,"first_name":"Ada","price":12.50,"at":"2026-11-28T07:08:09Z"}` + strings.Repeat(" ", 100))
	for i := range 1000 {
		m := &jetcapture.NatsMessage{
			Subject: "orders.eu", Header: map[string][]string{}, Data: data,
			Metadata: &nats.MsgMetadata{
				Timestamp: stored.Add(time.Duration(i)), Stream: "ORDERS",
				Sequence: nats.SequencePair{Stream: uint64(i) + 1},
			},
		}
		var err error
		if file, err = m.AppendJSON(file); err != nil {
			b.Fatal(err)
		}
		file = append(file, '\n')
	}
	for name, want := range map[string]rowread.Parts{"payload": 0, "all": rowread.AllParts} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(file)))
			b.ReportAllocs()
			for b.Loop() {
				var m rowread.Message
				in := bytes.NewReader(file)
				r, err := rowread.New(rowread.JSONMessage, in, rowread.BufferSize, &rowread.Scratch{}, want)
				if err != nil {
					b.Fatal(err)
				}
				for range 1000 {
					if err := r.Next(&m); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
