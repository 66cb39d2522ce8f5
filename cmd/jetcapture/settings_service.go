package main

// serviceSettings say how a running capture shows itself on NATS.
type serviceSettings struct {
	micro bool
}

func (s *serviceSettings) options() []option {
	return []option{{
		name: "micro", value: boolean(&s.micro),
		help: "show the capture as a micro service of NATS: nats micro ls and nats micro stats jetcapture list it, and " +
			"nats request jetcapture.flush.CAPTURE '' makes a cut at once",
	}}
}
