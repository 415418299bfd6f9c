package redweave

import (
	"github.com/redweave/redweave/threading"
	"github.com/redweave/redweave/threading/multiloop"
	"github.com/redweave/redweave/threading/singleloop"
)

// engine is what every threading model of this module is.
type engine interface {
	threading.Engine
	threading.Typed
}

// newEngine opens the engine of the model that the parameters name.
func newEngine(o threading.Options) engine {
	switch o.Config.ThreadingModel {
	case multiloop.Name:
		return multiloop.New(o)
	}
	return singleloop.New(o)
}
