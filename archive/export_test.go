package archive

// WithSmallLimits makes Verify remember only so many names of files and messages of the stream at a time.
func (o VerifyOptions) WithSmallLimits(names, messages int) VerifyOptions {
	o.maxNames, o.maxChunk = names, messages
	return o
}
