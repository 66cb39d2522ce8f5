package parquetwriter

import "github.com/jetcapture/jetcapture/internal/wire"

// headerText is a header as a file has it. It is reused from message to message.
type headerText struct {
	fields wire.Header
	raw    []byte // the header block if a name or a value is not valid UTF-8, otherwise nil
}

// set takes in the header of the next message.
func (t *headerText) set(header map[string][]string) {
	t.fields, t.raw = wire.SortHeader(t.fields, header), nil
	if !t.fields.Valid() {
		t.raw, t.fields = t.fields.Block(), t.fields.Text()
	}
}
