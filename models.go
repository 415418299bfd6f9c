package redweave

import (
	"github.com/redweave/redweave/threading"
	"github.com/redweave/redweave/threading/asyncio"
	"github.com/redweave/redweave/threading/multiloop"
	"github.com/redweave/redweave/threading/pipeline"
	"github.com/redweave/redweave/threading/sharded"
	"github.com/redweave/redweave/threading/singleloop"
	"github.com/redweave/redweave/threading/syncdrain"
)

// engine is what every threading model of this module is.
type engine interface {
	threading.Engine
	threading.Typed
	threading.Persistent
}

// newEngine opens the engine of the model that the parameters name.
func newEngine(o threading.Options) engine {
	switch o.Config.ThreadingModel {
	case syncdrain.Name:
		return syncdrain.New(o)
	case asyncio.Name:
		return asyncio.New(o)
	case pipeline.Name:
		return pipeline.New(o)
	case multiloop.Name:
		return multiloop.New(o)
	case sharded.Name:
		o.Shards = o.Config.Shards
		return sharded.New(o)
	}
	return singleloop.New(o)
}
