package command

var zsetHandlers = handlers{}
