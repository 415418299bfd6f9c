package command

import (
	"strconv"

	"github.com/redweave/redweave/resp"
)

// MODULE: there are no modules, and none can be loaded.

var moduleHandlers = handlers{
	"module|help": cmdHelp, "module|list": cmdModuleList, "module|load": cmdModuleLoad,
	"module|loadex": cmdModuleLoad, "module|unload": cmdModuleUnload,
}

const (
	errModuleDenied resp.Error = `ERR MODULE command not allowed. If the enable-module-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.`
	errNoModules    resp.Error = "ERR Error loading the extension. Please check the server logs."
	errNoModule     resp.Error = "ERR Error unloading module: no such module with that name"
)

func cmdModuleList(c *Ctx) { c.Out.ArrayHeader(0) }

func cmdModuleLoad(c *Ctx) {
	if !c.modulesAllowed() {
		return
	}
	c.log.Warn("there are no modules", "path", strconv.Quote(string(c.Args[2])))
	c.Fail(errNoModules)
}

func cmdModuleUnload(c *Ctx) {
	if c.modulesAllowed() {
		c.Fail(errNoModule)
	}
}

// modulesAllowed reports what enable-module-command says, or replies that it says no.
func (c *Ctx) modulesAllowed() bool {
	if !c.config.EnableModuleCommand.Allows(c.Client.local()) {
		c.Fail(errModuleDenied)
		return false
	}
	return true
}
