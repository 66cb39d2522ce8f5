package jetcapture

import (
	"log/slog"
	"math"
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
)

// zapDefault is the logger of SetDefaultLogger, the one piece of state of this package; v0.1.0's API asks for it.
var zapDefault atomic.Pointer[slog.Logger]

// SetDefaultLogger sets the logger of all captures that are built after it without Options.Logger. nil takes it back: they use slog.Default()
// again. It may be called from any goroutine. New code sets Options.Logger.
func SetDefaultLogger(newLogger *zap.Logger) {
	if newLogger == nil {
		zapDefault.Store(nil)
		return
	}
	// zap itself decides by level; slog's stack traces at errors would repeat what the error says.
	handler := zapslog.NewHandler(newLogger.Core(), zapslog.WithName(newLogger.Name()), zapslog.AddStacktraceAt(slog.Level(math.MaxInt)))
	zapDefault.Store(slog.New(handler))
}

// defaultLogger is the logger of a capture whose Options.Logger is nil.
func defaultLogger() *slog.Logger {
	if l := zapDefault.Load(); l != nil {
		return l
	}
	return slog.Default()
}
