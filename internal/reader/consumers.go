package reader

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// maxConsumers bounds how many consumers Consumers looks at.
const maxConsumers = 10_000

// consumerPage is the part in use of a response to CONSUMER.LIST.
type consumerPage struct {
	apiStatus
	Total     int `json:"total"`
	Consumers []struct {
		Name   string          `json:"name"`
		Config json.RawMessage `json:"config"`
	} `json:"consumers"`
}

// Consumers returns the configurations of the stream's durable consumers as the server says them, ascending by name. Of
// very many consumers it returns those among the first ones that the server lists. Errors are those of Info.
func (s *Source) Consumers(ctx context.Context) ([]json.RawMessage, error) {
	type named struct {
		name   string
		config json.RawMessage
	}
	var found []named
	for offset := 0; offset < maxConsumers; {
		var page consumerPage
		if err := s.request(ctx, "CONSUMER.LIST."+s.stream, map[string]int{"offset": offset}, &page); err != nil {
			return nil, fmt.Errorf("list the consumers of stream %q: %w", s.stream, err)
		}
		for _, c := range page.Consumers {
			if isDurable(c.Config) {
				found = append(found, named{c.Name, c.Config})
			}
		}
		if offset += len(page.Consumers); len(page.Consumers) == 0 || offset >= page.Total {
			break
		}
	}
	slices.SortFunc(found, func(a, b named) int { return cmp.Compare(a.name, b.name) })
	configs := make([]json.RawMessage, 0, len(found)) // not nil: they are known
	for _, c := range found {
		configs = append(configs, c.config)
	}
	return configs, nil
}

// isDurable reports whether a consumer was made to stay.
func isDurable(config json.RawMessage) bool {
	var c struct {
		Durable string `json:"durable_name"`
	}
	return json.Unmarshal(config, &c) == nil && c.Durable != ""
}
