package natstest

import (
	"fmt"
	"sync"
)

// complaints is the log of a server of which only the last error is kept. Its methods may be called from any goroutine.
type complaints struct {
	mu    sync.Mutex
	text  string
	fatal bool // what text says has ended the server
}

// last returns the last error of the server, and whether the server ended by it.
func (c *complaints) last() (text string, fatal bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text, c.fatal
}

func (c *complaints) keep(fatal bool, format string, v []any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fatal {
		return
	}
	c.text, c.fatal = fmt.Sprintf(format, v...), fatal
}

// Errorf and the methods below make complaints a server.Logger.
func (c *complaints) Errorf(format string, v ...any) { c.keep(false, format, v) }

// Fatalf is called before the server gives up.
func (c *complaints) Fatalf(format string, v ...any) { c.keep(true, format, v) }

// Noticef drops it.
func (c *complaints) Noticef(string, ...any) {}

// Warnf drops it.
func (c *complaints) Warnf(string, ...any) {}

// Debugf drops it.
func (c *complaints) Debugf(string, ...any) {}

// Tracef drops it.
func (c *complaints) Tracef(string, ...any) {}
