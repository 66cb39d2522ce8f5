package jetcapture

// Race says to the running capture that there is a race with the retention of the stream, or that it is over. The guard
// of a capture whose stream keeps everything does not say otherwise.
func (c *Capture[P, K]) Race(on bool) { c.running.Load().Race(on) }
