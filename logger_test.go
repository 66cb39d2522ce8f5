package jetcapture

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func TestSetDefaultLogger(t *testing.T) {
	t.Cleanup(func() { SetDefaultLogger(nil) })
	if defaultLogger() != slog.Default() {
		t.Error("without SetDefaultLogger it is not slog.Default()")
	}
	var out bytes.Buffer
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&out), zap.InfoLevel)
	SetDefaultLogger(zap.New(core).Named("mine").With(zap.String("app", "a")))

	defaultLogger().Debug("not at this level")
	defaultLogger().With("stream", "S").Error("store a file", "seq", 7)
	line := out.String()
	for _, want := range []string{
		`"level":"error"`, `"logger":"mine"`, `"msg":"store a file"`, `"app":"a"`, `"stream":"S"`, `"seq":7`,
	} {
		if !strings.Contains(line, want) {
			t.Errorf("log %q lacks %s", line, want)
		}
	}
	if strings.Count(line, "\n") != 1 || strings.Contains(line, "stacktrace") {
		t.Errorf("log %q, want one line without a stack trace", line)
	}

	SetDefaultLogger(nil)
	if defaultLogger() != slog.Default() {
		t.Error("nil does not take the logger back")
	}
}
