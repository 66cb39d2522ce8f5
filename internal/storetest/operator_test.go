package storetest_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jetcapture/jetcapture/bucket/cloud"
	"github.com/jetcapture/jetcapture/internal/storetest"
)

// lineWatch passes on a log and calls functions at lines that contain certain words.
type lineWatch struct {
	mu  sync.Mutex
	out io.Writer
	at  map[string]func(line string)
}

// Write implements io.Writer. A slog.TextHandler calls it once for each line.
func (w *lineWatch) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for words, do := range w.at {
		if bytes.Contains(line, []byte(words)) {
			do(string(line))
		}
	}
	return w.out.Write(line)
}

// TestCredentialsExpire: if credentials expire or rights are taken away while a capture runs, it logs what to do and
// keeps what it has. Once an operator has corrected that, it goes on without a restart.
func TestCredentialsExpire(t *testing.T) {
	for _, kind := range kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			expired := storetest.Forbidden
			if kind == storetest.S3 {
				expired = storetest.Expired
			}
			var refusing atomic.Bool
			server, proxy := storetest.StartBehind(t, kind, func(p *storetest.Proxy) {
				p.Choose = func(int, *http.Request) storetest.Fault {
					if refusing.Load() {
						return expired
					}
					return storetest.None
				}
			})
			url := server.Through(server.NewBucket(t), proxy)
			s := newSource(t)
			s.publish(500, 5)
			b := storetest.Open(t, url, cloud.Options{})
			var alarms []string
			log := slog.New(slog.NewTextHandler(&lineWatch{out: t.Output(), at: map[string]func(string){
				"msg=cut ": func(string) { refusing.Store(len(alarms) == 0) }, // the first one is done
				"needs_operator=true": func(line string) {
					alarms = append(alarms, line)
					refusing.Store(false) // the operator corrects it
				},
			}}, nil))
			run(t, s, options(b, t.TempDir(), log))
			s.judge(url)
			if len(alarms) == 0 || proxy.Counts()[expired] == 0 || !strings.Contains(alarms[0], "credentials") {
				t.Errorf("%d requests were refused, and the log asks an operator: %q", proxy.Counts()[expired], alarms)
			}
		})
	}
}
