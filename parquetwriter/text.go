package parquetwriter

import "github.com/jetcapture/jetcapture/internal/wire"

// headerText is a header as a file has it. It is reused from message to message.
type headerText struct {
	fields wire.Header
	raw    []byte // the header block if fields does not hold all of it, otherwise nil
}

// set takes in the header of the next message.
func (t *headerText) set(header map[string][]string, raw []byte) {
	t.fields, t.raw = wire.SortHeader(t.fields, header), raw
	if !t.fields.Valid() {
		if raw == nil {
			t.raw = t.fields.Block()
		}
		t.fields = t.fields.Text()
	}
}
