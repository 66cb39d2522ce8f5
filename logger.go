package jetcapture

import (
	"log/slog"
	"math"
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
)

// zapDefault is the logger of SetDefaultLogger. It is the only state of this package, and v0.1.0's API asks for it.
var zapDefault atomic.Pointer[slog.Logger]

// SetDefaultLogger sets the logger of every Run that begins later without Options.Logger. After SetDefaultLogger(nil)
// that is slog.Default() again. Any goroutine may call it. New code sets Options.Logger instead.
func SetDefaultLogger(newLogger *zap.Logger) {
	if newLogger == nil {
		zapDefault.Store(nil)
		return
	}
	// zap's core filters by level. The stack traces that zapslog adds at errors would repeat what the error says.
	handler := zapslog.NewHandler(newLogger.Core(),
		zapslog.WithName(newLogger.Name()), zapslog.AddStacktraceAt(slog.Level(math.MaxInt)))
	zapDefault.Store(slog.New(handler))
}

// defaultLogger is the logger of a Run without Options.Logger.
func defaultLogger() *slog.Logger {
	if l := zapDefault.Load(); l != nil {
		return l
	}
	return slog.Default()
}
