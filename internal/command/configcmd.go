package command

var configHandlers = handlers{}
