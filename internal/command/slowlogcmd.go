package command

var slowlogHandlers = handlers{}

// noteSlow enters a command that took long in the slow log and tells the
// latency monitor of it.
func (x *Exec) noteSlow(c *Ctx, cmd *Command, took int64) {
}
