package parquetwriter

// IsJSON is isJSON.
func IsJSON(b []byte) bool {
	var stack []byte
	return isJSON(b, &stack)
}
