package cutlog_test

import (
	"encoding/json"
	"testing"

	"github.com/jetcapture/jetcapture/cutlog"
)

func TestTextJSON(t *testing.T) {
	for text, want := range map[cutlog.Text]string{
		"":           `""`,
		"orders.eu":  `"orders.eu"`,
		"é\n\x00\"":  `"é\n\u0000\""`,
		"\xff":       `{"base64":"/w=="}`,
		"ok\xc3\x28": `{"base64":"b2vDKA=="}`,
	} {
		got, err := json.Marshal(text)
		if err != nil || string(got) != want {
			t.Errorf("%q is %s, %v, want %s", text, got, err, want)
		}
		var back cutlog.Text
		if err := json.Unmarshal(got, &back); err != nil || back != text {
			t.Errorf("%s read back as %q, %v, want %q", got, back, err, text)
		}
	}
}

func TestTextJSONRefuses(t *testing.T) {
	for _, in := range []string{
		`1`, `null`, `["a"]`, `{}`, `{"base64":"b2s="}`, `{"base64":"/x=="}`, `{"base64":"/w"}`, `{"base64":"/w==","x":1}`,
		`{"base64":"/w\n=="}`,
	} {
		var text cutlog.Text
		if err := text.UnmarshalJSON([]byte(in)); err == nil {
			t.Errorf("%s read as %q, want an error", in, text)
		}
	}
}
