package cutlog_test

import (
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

func TestSettings(t *testing.T) {
	s := cutlog.Settings{
		cutlog.SettingCompression: "zstd", cutlog.SettingCompressionLevel: "3", cutlog.SettingMaxAge: "15m0s",
		cutlog.SettingDecoderVersion: cutlog.CommandVersion,
	}
	s.SetUser(cutlog.SettingFormat, cutlog.FormatCSV)
	s.SetUser(cutlog.SettingCodecLevel, "7")
	if s["x_format"] != "csv" {
		t.Errorf("a plan keeps %v, want x_format: csv in it", s)
	}
	if got := s.User(cutlog.SettingFormat); got != "csv" {
		t.Errorf("User(format) = %q, want csv", got)
	}
	if n, err := s.CompressionLevel(); n != 3 || err != nil {
		t.Errorf("CompressionLevel() = %d, %v, want 3", n, err)
	}
	if n, err := s.CodecLevel(); n != 7 || err != nil {
		t.Errorf("CodecLevel() = %d, %v, want 7", n, err)
	}
	if got := s.MaxAge(); got != 15*time.Minute {
		t.Errorf("MaxAge() = %v, want 15m", got)
	}
	if !s.Command() || !s.CSVHeader() {
		t.Errorf("Command() = %v, CSVHeader() = %v, want both", s.Command(), s.CSVHeader())
	}
}

func TestSettingsOfOthers(t *testing.T) {
	for _, s := range []cutlog.Settings{nil, {cutlog.SettingMaxAge: "soon"}, {cutlog.SettingMaxAge: "-1m"}} {
		if got := s.MaxAge(); got != 0 {
			t.Errorf("MaxAge() of %v = %v, want 0", s, got)
		}
		if n, err := s.CompressionLevel(); n != 0 || err != nil {
			t.Errorf("CompressionLevel() of %v = %d, %v, want 0", s, n, err)
		}
		if s.Command() {
			t.Errorf("Command() of %v is true", s)
		}
	}
	if _, err := (cutlog.Settings{cutlog.SettingCompressionLevel: "high"}).CompressionLevel(); err == nil {
		t.Error("the level high is no error")
	}
}
