package sim

import (
	"reflect"

	"github.com/jetcapture/jetcapture/internal/engine"
)

// Coverage counts what schedules went through.
type Coverage struct {
	Schedules, Plans, Redone, CutsLost, Overtaken, Awaited, Disturbed, Incarnations, LostAtRedo int
	Refused, LatePuts, LostResponses, Repeated, StaleLists                                      int
	Killed, Paused, Recreated, RolledBack, Restored, Adopted, Resets, Expired, Deleted          int
	Leaders, Boundaries, Late                                                                   int

	Crossed, Crashed map[string]int // by arrow
}

// NewCoverage returns empty counters.
func NewCoverage() Coverage {
	c := Coverage{Crossed: map[string]int{}, Crashed: map[string]int{}}
	for _, arrow := range arrows {
		c.Crossed[arrow] = 0 // so that Missing names one that no schedule crosses
	}
	return c
}

// arrows are the arrows of the protocol.
var arrows = []string{
	engine.AfterFormat, engine.BeforePlan, engine.AfterPlan, engine.AfterFile, engine.AfterFiles, engine.AfterDone,
	engine.AfterAck, engine.BeforeRedo, engine.AfterLost,
}

// Add adds the counters of o.
func (c *Coverage) Add(o Coverage) {
	sum, more := reflect.ValueOf(c).Elem(), reflect.ValueOf(o)
	for i := range sum.NumField() {
		if f := sum.Field(i); f.Kind() == reflect.Int {
			f.SetInt(f.Int() + more.Field(i).Int())
		}
	}
	for k, v := range o.Crossed {
		c.Crossed[k] += v
	}
	for k, v := range o.Crashed {
		c.Crashed[k] += v
	}
}

// Missing names what no schedule went through.
func (c *Coverage) Missing() (names []string) {
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Int && f.Int() == 0 {
			names = append(names, v.Type().Field(i).Name)
		}
	}
	for _, arrow := range arrows {
		if c.Crashed[arrow] == 0 {
			names = append(names, "crash at "+arrow)
		}
	}
	return names
}
