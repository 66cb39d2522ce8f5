package jetcapture

import "time"

// WithSecondLook returns the options of a capture that looks again soon at a stream that seems to be rolled back.
func WithSecondLook[P Payload, K DestKey](o Options[P, K], d time.Duration) Options[P, K] {
	o.secondLook = d
	return o
}
