package jetcapture

// SetPartSize makes parts small, so that tests of several need not move megabytes.
func (a *AzureBlobStore[K]) SetPartSize(n int64) { a.partSize = n }
