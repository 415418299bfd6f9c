package command

var latencyHandlers = handlers{}
