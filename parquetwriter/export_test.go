package parquetwriter

// IsJSON is isJSON.
func IsJSON(b []byte) bool {
	var stack []byte
	return isJSON(b, &stack)
}

// TearRow leaves the next row of w without its end, as a panic in parquet-go would.
func TearRow(w *MessageWriter) { _ = w.beginRow() }
