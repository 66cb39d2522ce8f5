package jetcapture

// SetPartSize makes the parts of an upload small, so that tests with several parts need not move megabytes.
func (a *AzureBlobStore[K]) SetPartSize(n int64) { a.blobs.PartSize = n }
