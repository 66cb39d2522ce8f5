package natstest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
)

// Liar is a proxy that hides messages of a stream from its consumers: it drops their deliveries, and numbers those
// behind them as if there had been none. What it passes on keeps the rule by which readers know that nothing was left
// out.
type Liar struct {
	hide     map[uint64]bool // stream sequences
	listener net.Listener
}

// NewLiar starts a Liar to the address target ("host:port"). It ends with the test.
func NewLiar(tb testing.TB, target string, hide ...uint64) *Liar {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listen for the liar: %v", err)
	}
	liar := &Liar{hide: map[uint64]bool{}, listener: l}
	for _, seq := range hide {
		liar.hide[seq] = true
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		liar.accept(target)
	}()
	tb.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return liar
}

// URL is the address for clients that are to be lied to.
func (l *Liar) URL() string { return "nats://" + l.listener.Addr().String() }

// accept serves one client after the other: a test has one.
func (l *Liar) accept(target string) {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", target)
		if err != nil {
			_ = client.Close()
			continue
		}
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			_, _ = io.Copy(server, client) // ends with the connection
			_ = server.Close()
		}()
		_ = l.lie(client, server)
		_ = client.Close()
		<-sent
	}
}

// lie passes on what the server says, but for what is hidden.
func (l *Liar) lie(client io.Writer, server io.Reader) error {
	in := bufio.NewReaderSize(server, 1<<20)
	hidden := map[string]uint64{} // by consumer: deliveries of its present life
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return err
		}
		fields := strings.Fields(string(line))
		if len(fields) < 4 || fields[0] != "MSG" && fields[0] != "HMSG" {
			if _, err := client.Write(line); err != nil {
				return err
			}
			continue
		}
		size, err := strconv.Atoi(fields[len(fields)-1])
		if err != nil {
			return err
		}
		body := make([]byte, size+2)
		if _, err := io.ReadFull(in, body); err != nil {
			return err
		}
		if l.rewrite(fields, body, hidden) {
			continue
		}
		if _, err := client.Write(append([]byte(strings.Join(fields, " ")+"\r\n"), body...)); err != nil {
			return err
		}
	}
}

// rewrite changes the numbers of a delivery or a heartbeat, and reports whether it is to be dropped.
func (l *Liar) rewrite(fields []string, body []byte, hidden map[string]uint64) (drop bool) {
	reply := strings.Split(fields[3], ".")
	if strings.HasPrefix(fields[3], "$JS.ACK.") && len(reply) == 9 {
		seq, _ := strconv.ParseUint(reply[5], 10, 64)
		number, _ := strconv.ParseUint(reply[6], 10, 64)
		if number == 1 {
			hidden[reply[3]] = 0
		}
		if l.hide[seq] {
			hidden[reply[3]]++
			return true
		}
		reply[6] = fmt.Sprint(number - hidden[reply[3]])
		fields[3] = strings.Join(reply, ".")
		return false
	}
	if _, rest, ok := bytes.Cut(body, []byte("Nats-Last-Consumer: ")); ok {
		digits := rest[:bytes.IndexByte(rest, '\r')]
		number, _ := strconv.ParseUint(string(digits), 10, 64)
		for _, n := range hidden { // of the one consumer
			copy(digits, fmt.Sprintf("%0*d", len(digits), number-n))
		}
	}
	return false
}
