package form

import (
	"fmt"
	"strings"
	"testing"
)

// A source without a value is told once: after the sample, or at the end if there are fewer messages.
func TestWatch(t *testing.T) {
	f := Form{
		Format: CSV, Mismatch: Rescue,
		Keys: keysOf(t, "store=json:store", "subject[3]"), Columns: columnsOf(t, "id:int64=json:id", "kind=header:Kind"),
	}
	for _, c := range []struct {
		messages int
		want     string
	}{
		{0, ""},
		{1, "--key store=json:store in 1, --key subject[3] in 1, --column kind=header:Kind in 1"},
		{20, "--key subject[3] in 20, --column kind=header:Kind in 20"},
		{watchSample + 5, "--key subject[3] in 1000, --column kind=header:Kind in 1000"},
	} {
		var told []string
		w := NewWatch(f, Notice{
			NoValue: func(option string, n int) { told = append(told, fmt.Sprintf("%s in %d", option, n)) },
		})
		o := f.Apply(Options{}, Hooks{Watch: w})
		for i := range c.messages {
			payload := `{"id":1}`
			if i == 10 {
				payload = `{"id":1,"store":"berlin"}`
			}
			if _, _, err := o.MessageDecoder(delivered("orders.eu", payload)); err != nil {
				t.Fatal(err)
			}
		}
		before := len(told)
		w.End()
		if got := strings.Join(told, ", "); got != c.want {
			t.Errorf("%d messages: told %q, want %q", c.messages, got, c.want)
		}
		if early := c.messages >= watchSample; early != (before > 0) {
			t.Errorf("%d messages: %d were told before the end", c.messages, before)
		}
	}
}

// Payloads that are not text are told once, and only where they become lines of text.
func TestWatchOfPayloads(t *testing.T) {
	for _, c := range []struct {
		form Form
		want int
	}{
		{Form{Format: NDJSON, Record: RecordPayload}, 1},
		{Form{Format: NDJSON, Record: RecordMessage}, 0},
		{Form{Format: Raw}, 0},
	} {
		told := 0
		o := c.form.Apply(Options{}, Hooks{Watch: NewWatch(c.form, Notice{NotText: func() { told++ }})})
		for _, payload := range []string{"text", "\xff\xfe", "\x80"} {
			if _, _, err := o.MessageDecoder(delivered("orders.eu", payload)); err != nil {
				t.Fatal(err)
			}
		}
		if told != c.want {
			t.Errorf("%s %s: told %d times, want %d", c.form.Format, c.form.Record, told, c.want)
		}
	}
}
